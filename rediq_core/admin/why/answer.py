"""What `why` answers: reasons in plain words, each with the command that ends it.

Values only, for the command line and the dashboard alike. A reason's code never changes; its text
may. Text quotes names and errors from outside: whoever prints it neutralises it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a reason matters to someone who waits."""

    BLOCKED = "blocked"  # nothing happens until somebody does something
    WAITING = "waiting"  # it goes on by itself
    FINE = "fine"  # nothing holds it back, or it is over


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why something does not run, or what it does instead.

    Attributes:
        code: Stable name, such as "paused".
        text: The reason in plain words: one sentence, without a full stop.
        weight: Whether it ends by itself.
        next_step: The command that ends it or shows more, or "".
        since_ms: Since when, or 0 if that is not known.
        until_ms: When it ends by itself, or 0 if that is not known.
        by: Who brought it about, or "".
        refers_to: The task, worker, queue or group that it is about, or "".
    """

    code: str
    text: str
    weight: Weight = Weight.BLOCKED
    next_step: str = ""
    since_ms: int = 0
    until_ms: int = 0
    by: str = ""
    refers_to: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pending task stands in its queue.

    Attributes:
        position: 1 for the next one.
        total: Tasks in line.
        eta_ms: When it is reached at the present rate, in milliseconds; None if nothing moves.
    """

    position: int
    total: int
    eta_ms: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Why a task or a queue stands where it stands.

    Attributes:
        subject: "task" or "queue".
        name: The task's id, or the queue's name.
        queue: The queue.
        state: The task's state; of a queue "paused", "blocked", "running" or "idle".
        type: The task's type, or "".
        reasons: What matters most first; never empty.
        place: Of a pending task, else None.
        at_ms: Server time of the reading.
    """

    subject: str
    name: str
    queue: str
    state: str
    reasons: tuple[Reason, ...]
    at_ms: int
    type: str = ""
    place: Place | None = None

    @property
    def is_blocked(self) -> bool:
        """True if somebody has to do something before it goes on."""
        return any(reason.weight is Weight.BLOCKED for reason in self.reasons)


_ORDER = tuple(Weight)


def sorted_reasons(reasons: list[Reason]) -> tuple[Reason, ...]:
    """Return reasons with those first that need somebody; otherwise in their order."""
    return tuple(sorted(reasons, key=lambda reason: _ORDER.index(reason.weight)))
