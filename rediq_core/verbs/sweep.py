"""Sweep: tidy a queue, a bounded piece a call, whether or not anybody works on it.

A pure function. Whoever asks first in a period has the queue's turn; it goes on with the cursor of
each reply until there is no more. What it finds untold it only returns: telling children crosses
slots and is others' work. If the caller dies on the way, the next period finds the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rediq_core.connection.raw import Arg, Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.exchange import Retention

# A queue is swept once in so long, in milliseconds.
PERIOD_MS: Final = 60_000
# Entries of one kind that one call handles: some 5 ms of the server's time for 100 of each.
PIECE: Final = 100


@dataclass(frozen=True, slots=True)
class Swept:
    """What one piece of a sweep did.

    Attributes:
        is_mine: The caller has this queue's turn; if not, nothing was done.
        now_ms: Server time.
        cursor: Where to go on.
        has_more: There is more to do.
        purged: Tasks that left the trash for good.
        repaired: Tasks that were in trash and in another state, and are only in the other one now.
        trimmed: Finished tasks over their age or count.
        dropped: Rows of old requests.
        deliver: Parents whose children nobody told in time.
    """

    is_mine: bool
    now_ms: int
    cursor: str
    has_more: bool
    purged: int
    repaired: int
    trimmed: int
    dropped: int
    deliver: tuple[str, ...]


def sweep(
    space: Space,
    queue: str,
    retention: Retention,
    *,
    is_served: bool,
    cursor: str = "",
    limit: int = PIECE,
) -> Call[Swept]:
    """Sweep a piece of a queue: one round trip, O(1) if there is nothing to do.

    Args:
        space: Namespace and clock.
        queue: The queue.
        retention: What to trim by; a queue that others serve is trimmed by what they said last.
        is_served: The caller serves this queue, so its retention is the queue's.
        cursor: "" to begin, then that of the last piece.
        limit: Entries of each kind.
    """
    args: list[Arg] = [PERIOD_MS, retention.words(), "1" if is_served else "0", cursor, limit]
    return space.call(load("sweep"), queue, args, _read)


def _read(reply: Reply) -> Swept:
    is_mine, now_ms, cursor, has_more, purged, repaired, trimmed, dropped, *parents = reply
    return Swept(
        is_mine == 1,
        now_ms,
        cursor.decode(),
        has_more == 1,
        purged,
        repaired,
        trimmed,
        dropped,
        tuple(parent.decode() for parent in parents),
    )
