"""Schedules: a task that is enqueued again and again, and what becomes of times nobody was there.

Frozen values and pure decisions. `cron` says when an expression fires; here are names, misfires and
jitter. What runs once over any number of workers is decided in Redis (fire.lua), not here.

Example:
    Schedule("nightly", "30 2 * * *", Task("report:daily"), timezone="Europe/Vienna")
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from rediq_core.errors import InvalidOption
from rediq_core.model.cron import parse_cron
from rediq_core.model.durations import MAX_DURATION_MS, Duration, duration_ms
from rediq_core.model.names import check_name
from rediq_core.model.task import Task
from rediq_core.model.views import Pause, TaskView

E = TypeVar("E", bound=StrEnum)
# How late, in milliseconds, is still on time: a failover of Redis or a restart of the last worker
# takes less, and is no outage that somebody would want to know of.
GRACE_MS: Final = 10_000
# Most occurrences that `catch_up` makes up for; a schedule of seconds would flood its queue.
MAX_CAUGHT_UP: Final = 100
# Most occurrences that are looked at after an outage: how many were missed is known up to here.
MAX_COUNTED: Final = 1_000
# What an occurrence cannot have: its time is the schedule's, and it belongs to nothing else.
_REFUSED_OPTIONS: Final = ("at", "depends_on", "group")


class Misfire(StrEnum):
    """What becomes of due times that passed while no worker ran."""

    RUN_ONCE = "run_once"
    SKIP = "skip"
    CATCH_UP = "catch_up"


class Overlap(StrEnum):
    """What happens at a due time while the occurrence before is not finished."""

    SKIP = "skip"
    ALLOW = "allow"


class Source(StrEnum):
    """Who says what a schedule is."""

    API = "api"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A task and when it is enqueued.

    Attributes:
        name: Name of the schedule.
        cron: 5 fields, 6 with seconds first, or @hourly and its kin.
        task: What is enqueued each time, under an id of its own.
        timezone: Zone of the cron expression.
        misfire: What becomes of due times that passed while no worker ran.
        overlap: What happens while the occurrence before is not finished.
        jitter_ms: Every run is later by the same part of this, which the name decides; 0 is exact.

    Raises:
        InvalidCron: The expression or the zone cannot be read, or never fires.
        InvalidOption: A name, or an option of the task, is not allowed.
    """

    name: str
    cron: str
    task: Task[object]
    timezone: str = "UTC"
    misfire: Misfire = Misfire.RUN_ONCE
    overlap: Overlap = Overlap.SKIP
    jitter_ms: int = 0

    @classmethod
    def of(
        cls,
        name: str,
        cron: str,
        task: Task[object],
        *,
        timezone: str = "UTC",
        misfire: str = Misfire.RUN_ONCE,
        overlap: str = Overlap.SKIP,
        jitter: Duration = 0,
    ) -> Schedule:
        """Make a schedule of what a person wrote. Raises as the class does."""
        return cls(
            name,
            cron,
            task,
            timezone,
            _one_of(Misfire, "misfire", misfire),
            _one_of(Overlap, "overlap", overlap),
            duration_ms(jitter, "jitter"),
        )

    def __post_init__(self) -> None:
        check_name("schedule", self.name)
        if type(self.jitter_ms) is not int or not 0 <= self.jitter_ms <= MAX_DURATION_MS:
            raise InvalidOption(f"jitter {self.jitter_ms!r} is no number of milliseconds.")
        for option in _REFUSED_OPTIONS:
            if getattr(self.task, option):
                raise InvalidOption(
                    f"{option} of schedule {self.name} was refused.",
                    cause="Each occurrence is a task of its own, due when the schedule says.",
                    next_step=f"Leave {option} out.",
                )
        if self.task.on_duplicate == "replace":
            raise InvalidOption(
                f"on_duplicate replace of schedule {self.name} was refused.",
                cause="An occurrence whose unique key is taken is passed over.",
                next_step="Leave on_duplicate out.",
            )
        self.timetable()  # Raises InvalidCron for what cannot be read or never fires.

    def timetable(self) -> Timetable:
        """Return when it is due."""
        return Timetable(self.name, self.cron, self.timezone, self.jitter_ms)

    @property
    def timing(self) -> str:
        """Return a name for all that decides when and where it fires: 16 hexadecimal digits."""
        text = "\n".join((self.cron, self.timezone, str(self.jitter_ms), self.task.queue))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]


def _one_of(kind: type[E], name: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        words = ", ".join(member.value for member in kind)
        raise InvalidOption(f"{name} {value!r:.40} is none of {words}.") from error


class Timetable:
    """The due times of one schedule: those of its expression, moved by its jitter.

    Attributes:
        shift_ms: How much later than the expression says each run is.
    """

    __slots__ = ("_cron", "shift_ms")

    def __init__(self, name: str, cron: str, timezone: str, jitter_ms: int) -> None:
        """Parse.

        Raises:
            InvalidCron: The expression or the zone cannot be read, or never fires.
        """
        self._cron = parse_cron(cron, timezone)
        digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
        self.shift_ms = int.from_bytes(digest[:8]) % (jitter_ms + 1)

    def next_after(self, after_ms: int) -> int:
        """Return the first due time after an instant, in epoch milliseconds."""
        return self._cron.next_after(after_ms - self.shift_ms) + self.shift_ms

    def upcoming(self, after_ms: int) -> Iterator[int]:
        """Yield the due times after an instant, without end."""
        for instant_ms in self._cron.upcoming(after_ms - self.shift_ms):
            yield instant_ms + self.shift_ms

    def latest(self, first_ms: int, last_ms: int, limit: int) -> list[int]:
        """Return the last `limit` due times from `first_ms` to `last_ms`, both included."""
        shift_ms = self.shift_ms
        found = self._cron.latest(first_ms - shift_ms, last_ms - shift_ms, limit)
        return [instant_ms + shift_ms for instant_ms in found]

    def epoch(self, due_ms: int) -> int:
        """Return the second that the expression names for a due time: it numbers occurrences."""
        return (due_ms - self.shift_ms) // 1000


def occurrence_id(name: str, epoch: int) -> str:
    """Return the id of one occurrence of a schedule."""
    return f"cron:{name}:{epoch}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about the due times up to now.

    Attributes:
        fires: Due times to enqueue, in order.
        missed: Due times that are passed over, up to MAX_COUNTED.
        upto: Epoch of the last due time decided here, or -1 if there is none.
        is_late: Nobody was there at the first of them.
    """

    fires: tuple[int, ...]
    missed: int
    upto: int
    is_late: bool


def decide(timetable: Timetable, misfire: Misfire, due_ms: int, now_ms: int) -> Decision:
    """Decide which due times are enqueued now.

    All that passed in one outage are treated alike: if the first of them is late, so are the rest.

    Args:
        timetable: When the schedule is due.
        misfire: What becomes of what nobody was there for.
        due_ms: The first due time that nobody has dealt with.
        now_ms: The server's time, not before `due_ms`.
    """
    due = timetable.latest(due_ms, now_ms, MAX_COUNTED)
    is_late = now_ms - due_ms > GRACE_MS
    fires = due
    if is_late:
        fires = due[-_most_fires(misfire) :] if _most_fires(misfire) else []
    upto = timetable.epoch(due[-1]) if due else -1
    return Decision(tuple(fires), len(due) - len(fires), upto, is_late)


def _most_fires(misfire: Misfire) -> int:
    return {Misfire.RUN_ONCE: 1, Misfire.SKIP: 0, Misfire.CATCH_UP: MAX_CAUGHT_UP}[misfire]


@dataclass(frozen=True, slots=True)
class Firing:
    """One entry of a schedule's history.

    Attributes:
        kind: fired, overlap (the one before had not finished), full (the queue), unique (its key
            was taken), missed (nobody was there), run (by hand).
        at_ms: When it was decided.
        due_ms: The time it stands for; of `missed` the last one.
        task_id: The occurrence, if one was enqueued, else "".
        count: Due times that it stands for: 1, but for missed.
        by: Who ran it by hand, or "".
        task: The occurrence as it is now; None if there is none or retention took it.
    """

    kind: str
    at_ms: int
    due_ms: int
    task_id: str = ""
    count: int = 1
    by: str = ""
    task: TaskView | None = None


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule as Redis holds it at one instant.

    Attributes:
        name: Name of the schedule.
        cron: Its expression.
        timezone: Zone of the expression.
        misfire: run_once, skip or catch_up.
        overlap: skip or allow.
        jitter_ms: Its jitter, or 0.
        queue: Where it enqueues.
        type: What it enqueues.
        priority: Of its tasks.
        source: api or config.
        rev: Revision of the configuration that declared it, or 0.
        set_ms: When it last changed.
        set_by: Who changed it, or "".
        at_ms: Server time of the reading.
        next_ms: When it is due next, or 0 while it is paused.
        pause: Why it does not fire, or None.
        missed: Due times passed over since it exists: nobody was there.
        last: What last became of a due time, or None.
        payload_json: Payload of its tasks; only where one schedule was asked for, else b"".
    """

    name: str
    cron: str
    timezone: str
    misfire: str
    overlap: str
    jitter_ms: int
    queue: str
    type: str
    priority: int
    source: str
    rev: int
    set_ms: int
    set_by: str
    at_ms: int
    next_ms: int
    pause: Pause | None = None
    missed: int = 0
    last: Firing | None = None
    payload_json: bytes = b""
