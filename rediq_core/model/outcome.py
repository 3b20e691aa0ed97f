"""How a parent ended, in the short form in which scripts hand it from queue to queue.

    letter|type|result

The letter is c completed, d dead, x cancelled or deleted, m gone without a trace. Scripts write and
compare it; this reads it for people and handlers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from rediq_core.errors import InvalidPayload
from rediq_core.model.codec import decode
from rediq_core.model.state import TaskState

# What an unknown parent counts as for a task that runs all the same.
AS_COMPLETED: Final = b"c||"
# What it counts as for any other.
GONE: Final = b"m||"
_STATES = {
    "c": TaskState.COMPLETED,
    "d": TaskState.DEAD,
    "x": TaskState.CANCELLED,
    "m": TaskState.CANCELLED,
}


class ParentEnd(NamedTuple):
    """How one parent ended.

    Attributes:
        type: Its type, "" if it was unknown.
        state: completed, dead or cancelled.
        result: What it returned, decoded; None if nothing was kept.
    """

    type: str
    state: TaskState
    result: object


def parse_outcome(outcome: bytes) -> ParentEnd:
    """Read an outcome; what cannot be read counts as cancelled, without a result."""
    letter, _, rest = outcome.decode("utf-8", "replace").partition("|")
    type_name, _, result = rest.partition("|")
    return ParentEnd(type_name, _STATES.get(letter, TaskState.CANCELLED), _decoded(result))


def _decoded(result: str) -> object:
    if not result:
        return None
    try:
        return decode(result.encode())
    except InvalidPayload:
        return None
