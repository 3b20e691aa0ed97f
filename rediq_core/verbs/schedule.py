"""Schedules in Redis: how they are declared, changed, found due and moved on to their next time.

Pure functions over keys of no queue; `firing` is about the queue of their task. No script touches
both places, so every step must be safe when its caller dies behind it: a schedule stays due until
its queue has decided all that is due, and the queue decides no epoch twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from rediq_core import keys
from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import InvalidOption, RediqError, SchemaMismatch
from rediq_core.model.schedule import (
    Misfire,
    Overlap,
    Schedule,
    Source,
    Timetable,
)
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.enqueue import encode_task

# Most schedules of one namespace: all are listed at once, and looked through by name.
MAX_SCHEDULES: Final = 10_000
# Schedules of one look at what is due: bounds the work of a turn, and the reply.
MAX_DUE: Final = 50


class Put(IntEnum):
    """What became of a declaration."""

    ADDED = 1
    CHANGED = 2
    UNCHANGED = 3
    OUTDATED = 4
    OWNED = 5
    TOO_MANY = 6
    NEEDS_DUE = 7


@dataclass(frozen=True, slots=True)
class PutReply:
    """What became of a declaration.

    Attributes:
        code: What.
        now_ms: Server time.
        rev: Revision of the configuration that declared it before, or 0.
    """

    code: Put
    now_ms: int
    rev: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """A schedule as it is sent: encoded once, put once or twice.

    Attributes:
        schedule: What it is.
        source: Who says so.
        rev: Revision of the configuration, or 0.
        by: Who did it, or "" for a worker that registers its configuration.
        json: Everything but the task, as stored.
        task: Its options and stored form, as stored.
    """

    schedule: Schedule
    source: Source
    rev: int
    by: str
    json: str
    task: bytes


def declare(
    schedule: Schedule, *, source: Source = Source.API, rev: int = 0, by: str = ""
) -> Declaration:
    """Encode a schedule.

    Raises:
        InvalidPayload: The payload of its task is not JSON.
        PayloadTooLarge: It is over the limit.
    """
    task = schedule.task
    encoded = encode_task(task.copy(cron=None) if task.cron else task)
    fields = {
        "cron": schedule.cron,
        "tz": schedule.timezone,
        "misfire": schedule.misfire.value,
        "overlap": schedule.overlap.value,
        "jitter_ms": schedule.jitter_ms,
        "queue": task.queue,
        "type": task.type,
        "priority": task.priority,
    }
    text = json.dumps(fields, separators=(",", ":"))
    stored = f"{encoded.options}\n".encode() + encoded.tail
    return Declaration(schedule, source, rev, by, text, stored)


def put(space: Space, declaration: Declaration, *, due_ms: int = 0) -> Call[PutReply]:
    """Add or change a schedule: one round trip, two if it then needs a due time.

    Sent first without; a reply of NEEDS_DUE did nothing and says what time it is.
    """
    schedule = declaration.schedule
    args: list[Arg] = [
        schedule.name,
        declaration.source.value,
        declaration.rev,
        schedule.timing,
        due_ms,
        MAX_SCHEDULES,
        declaration.json,
        declaration.task,
        declaration.by,
    ]
    return space.call(load("schedule_put"), keys.GLOBAL_TAG, args, _read_put)


def _read_put(reply: Reply) -> PutReply:
    code, now_ms, rev = reply
    return PutReply(Put(code), now_ms, int(rev))


def first_due_ms(declaration: Declaration, reply: PutReply) -> int:
    """Return when a schedule that begins now is due first, by the server's clock."""
    return declaration.schedule.timetable().next_after(reply.now_ms)


def refusal(name: str, reply: PutReply) -> RediqError | None:
    """Return why a declaration was refused, or None if it was taken."""
    if reply.code is Put.OWNED:
        return InvalidOption(
            f"Schedule {name} is declared in the configuration, so it was not changed.",
            cause="What a configuration declares follows it; workers would change it back.",
            next_step=f"Change it there, or delete it first: rediq schedule delete {name}",
        )
    if reply.code is Put.TOO_MANY:
        return InvalidOption(
            f"Schedule {name} was not added: there are {MAX_SCHEDULES:,} already.",
            cause="More could not be listed and watched at once.",
            next_step="Delete some: rediq schedule list",
        )
    return None


class ScheduleAct(StrEnum):
    """What an operator can do to a schedule, besides running it."""

    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


class ActCode(IntEnum):
    """What an act did."""

    UNKNOWN = 0
    DONE = 1
    ALREADY = 2
    NEEDS_DUE = 7


@dataclass(frozen=True, slots=True)
class ActReply:
    """What an act did.

    Attributes:
        code: What.
        now_ms: Server time.
        row: The schedule before it, or None if there is none.
    """

    code: ActCode
    now_ms: int
    row: bytes


def act(
    space: Space, verb: ScheduleAct, name: str, *, by: str, why: str = "", due_ms: int = 0
) -> Call[ActReply]:
    """Pause, resume or delete a schedule: one round trip; resume two, as `put`."""
    note = json.dumps({"by": by, "why": why}, separators=(",", ":"))
    args: list[Arg] = [verb.value, name, due_ms, by, note]
    return space.call(load("schedule_act"), keys.GLOBAL_TAG, args, _read_act)


def _read_act(reply: Reply) -> ActReply:
    code, now_ms, row = reply
    return ActReply(ActCode(code), now_ms, row)


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that is due.

    Attributes:
        name: Its name.
        due_ms: The first due time that is not decided.
        row: How it is stored; `parse_row` reads it.
        options: Options of its task, as enqueue takes them.
        tail: Stored form of its task.
    """

    name: str
    due_ms: int
    row: bytes
    options: bytes
    tail: bytes


@dataclass(frozen=True, slots=True)
class DueReply:
    """What is due.

    Attributes:
        now_ms: Server time.
        next_ms: When the first that is not due yet is due, or 0.
        schedules: Those that are due, the longest due first.
    """

    now_ms: int
    next_ms: int
    schedules: tuple[DueSchedule, ...]


def read_due(space: Space, *, start: int = 0, limit: int = MAX_DUE) -> Call[DueReply]:
    """Read what is due: one round trip, O(log n + page).

    Args:
        space: Namespace and clock.
        start: How many of those that are due to pass over.
        limit: Most of them.
    """
    args: list[Arg] = [start, limit]
    return space.call(load("schedule_due"), keys.GLOBAL_TAG, args, _read_due)


def _read_due(reply: Reply) -> DueReply:
    now_ms, next_ms, *flat = reply
    due = []
    for name, due_ms, row, task in zip(*(flat[at::4] for at in range(4)), strict=True):
        options, _, tail = task.partition(b"\n")
        due.append(DueSchedule(_text(name), int(float(due_ms)), row, options, tail))
    return DueReply(now_ms, int(float(next_ms)), tuple(due))


@dataclass(frozen=True, slots=True)
class Row:
    """How a schedule is stored, taken apart.

    Attributes:
        name: Its name.
        source: Who declared it.
        rev: Revision of the configuration, or 0.
        timing: Names all that decides when it fires.
        cron: Its expression.
        timezone: Zone of the expression.
        misfire: What becomes of times nobody was there for.
        overlap: What happens while the one before is not finished.
        jitter_ms: Its jitter.
        queue: Where it fires.
        type: What it fires.
        priority: Of its tasks.
    """

    name: str
    source: Source
    rev: int
    timing: str
    cron: str
    timezone: str
    misfire: Misfire
    overlap: Overlap
    jitter_ms: int
    queue: str
    type: str
    priority: int

    def timetable(self) -> Timetable:
        """Return when it is due.

        Raises:
            InvalidCron: This machine cannot read its expression or knows no such zone.
        """
        return Timetable(self.name, self.cron, self.timezone, self.jitter_ms)


def parse_row(name: str, row: bytes) -> Row:
    """Read how a schedule is stored.

    Raises:
        SchemaMismatch: It was not written by this version.
    """
    try:
        source, rev, timing, text = row.decode().split("|", 3)
        fields = json.loads(text)
        return Row(
            name,
            Source(source),
            int(rev),
            timing,
            str(fields["cron"]),
            str(fields["tz"]),
            Misfire(fields["misfire"]),
            Overlap(fields["overlap"]),
            int(fields["jitter_ms"]),
            str(fields["queue"]),
            str(fields["type"]),
            int(fields["priority"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaMismatch(
            f"Schedule {name} cannot be read.",
            cause="It is damaged, or of another version of Rediq.",
            next_step=f"Declare it again, or delete it: rediq schedule delete {name}",
        ) from error


def advance(space: Space, due: DueSchedule, row: Row, next_ms: int) -> Call[bool]:
    """Note when a schedule is due next; returns False if somebody else has. One round trip."""
    args: list[Arg] = [due.name, row.timing, due.due_ms, next_ms]
    return space.call(load("schedule_advance"), keys.GLOBAL_TAG, args, lambda reply: reply[0] == 1)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
