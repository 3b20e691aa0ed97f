"""Firing: what is due of a schedule enters its queue, each occurrence once.

Pure functions over fire.lua, which touches the keys of one queue. It refuses an epoch that is not
newer than the last one decided there, so any number of schedulers may send the same call, late or
twice. When a schedule is due is in `schedule`; what is done about it is decided in `model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rediq_core import keys
from rediq_core.connection.raw import Arg, Reply
from rediq_core.model.schedule import Decision, Misfire, Overlap, Timetable, occurrence_id
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.enqueue import MAX_BYTES
from rediq_core.verbs.schedule import DueSchedule, Row


class FireStatus(IntEnum):
    """Whether a call fired at all."""

    UNREGISTERED = 0
    DONE = 1
    STALE = 2


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of occurrences.

    Attributes:
        status: Whether anything was decided.
        now_ms: Server time.
        codes: One letter an occurrence, see fire.lua.
    """

    status: FireStatus
    now_ms: int
    codes: str


@dataclass(frozen=True, slots=True)
class Firings:
    """Occurrences of one schedule that one call decides.

    Attributes:
        decision: Everything that is due.
        fires: Those due times of it that this call enqueues, in order; the rest comes next.
        rest_ms: The first due time that is left for another call, or 0.
        upto: Up to which epoch this call decides.
    """

    decision: Decision
    fires: tuple[int, ...]
    rest_ms: int
    upto: int


def first_firings(decision: Decision, timetable: Timetable, size_bytes: int) -> Firings:
    """Return the part of a decision that one call may carry out: 4 MiB of tasks, at least one."""
    room = max(1, MAX_BYTES // max(size_bytes, 1))
    fires, rest = decision.fires[:room], decision.fires[room:]
    upto = timetable.epoch(fires[-1]) if rest else decision.upto
    return Firings(decision, fires, rest[0] if rest else 0, upto)


def fire(
    space: Space,
    due: DueSchedule,
    row: Row,
    timetable: Timetable,
    firings: Firings,
    *,
    seen_ms: int,
    is_registering: bool = False,
) -> Call[Fired]:
    """Enqueue due occurrences, each once: one round trip, O(log n) each. Safe to repeat.

    Args:
        space: Namespace and clock.
        due: The schedule.
        row: The same, read.
        timetable: When it is due.
        firings: What to enqueue.
        seen_ms: Server time at which it was read that they are due.
        is_registering: The queue's name is in the global set by now.
    """
    # Who asked for all that was missed wants all of it; overlap is for what comes in time.
    catches_up = firings.decision.is_late and row.misfire is Misfire.CATCH_UP
    flags = "R" if is_registering else ""
    flags += "S" if row.overlap is Overlap.SKIP and not catches_up else ""
    args: list[Arg] = [flags, due.name, firings.upto, firings.decision.missed, seen_ms, ""]
    args += [due.options, due.tail, len(firings.fires)]
    for due_ms in firings.fires:
        epoch = timetable.epoch(due_ms)
        args += [epoch, due_ms, occurrence_id(due.name, epoch)]
    minute = keys.minute_of(seen_ms)
    return space.call(load("fire"), row.queue, args, _read_fired, minute=minute)


def run_by_hand(
    space: Space,
    row: Row,
    task: bytes,
    *,
    by: str,
    now_ms: int,
    is_registering: bool = False,
) -> Call[Fired]:
    """Enqueue one occurrence now, whatever the clock says: one round trip. Safe to repeat.

    Args:
        space: Namespace and clock.
        row: The schedule.
        task: Its task, as stored.
        by: Who asked for it.
        now_ms: Server time; it names the occurrence, so a repeat must pass the same.
        is_registering: The queue's name is in the global set by now.
    """
    options, _, tail = task.partition(b"\n")
    args: list[Arg] = ["RM" if is_registering else "M", row.name, -1, 0, now_ms, by]
    args += [options, tail, 1, now_ms, now_ms, run_id(row.name, now_ms)]
    return space.call(load("fire"), row.queue, args, _read_fired, minute=keys.minute_of(now_ms))


def run_id(name: str, now_ms: int) -> str:
    """Return the id of an occurrence that was run by hand."""
    return f"cron:{name}:run-{now_ms}"


def _read_fired(reply: Reply) -> Fired:
    status, now_ms, codes = reply
    return Fired(FireStatus(status), now_ms, codes.decode())
