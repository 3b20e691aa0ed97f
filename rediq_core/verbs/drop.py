"""Drop: forget a queue that has no tasks. Pure; the set of queues is the admin floor's business."""

from __future__ import annotations

from dataclasses import dataclass

from rediq_core.connection.raw import Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of it.

    Attributes:
        is_gone: Nothing is left of the queue.
        tasks: Tasks that it has.
        untold: Finished parents whose children wait to be told.
    """

    is_gone: bool
    tasks: int
    untold: int


def drop(space: Space, queue: str) -> Call[Dropped]:
    """Forget an empty queue: one round trip, O(its history)."""

    def read(reply: Reply) -> Dropped:
        code, _, number = reply
        return Dropped(code == 1, number if code == 0 else 0, number if code == 2 else 0)

    return space.call(load("drop"), queue, [], read)
