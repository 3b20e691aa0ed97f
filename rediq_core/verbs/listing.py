"""Listing: ids without their tasks, for what acts on many tasks or looks for one by its end.

Pure functions over read_ids.lua. Latest first and by rank from the end: tasks leave a queue at the
head (claimed, promoted, trimmed), which does not move the ranks from the end, so a walk over many
pages skips nobody. Whole tasks are read by `inspect`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rediq_core.connection.raw import Arg, Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Ids of one call: about a millisecond of the server's time.
MAX_IDS = 1_000


@dataclass(frozen=True, slots=True)
class IdPage:
    """A bounded list of ids of one zset, latest first.

    Attributes:
        total: Members of the zset.
        seen: Members looked at, from the rank that was asked for.
        ids: The ids, those that were asked for.
        since_ms: For each when it entered, by the server's clock; 0 where that is not known.
        at_ms: Server time of the reading.
    """

    total: int
    seen: int
    ids: tuple[str, ...]
    since_ms: tuple[int, ...]
    at_ms: int


def read_ids(
    space: Space,
    queue: str,
    zset: str,
    *,
    start: int = 0,
    limit: int = MAX_IDS,
    ending: str = "",
    operation: str = "",
) -> Call[IdPage]:
    """Read a page of ids, one round trip, O(log n + page).

    Args:
        space: Namespace and clock.
        queue: The queue.
        zset: `pending`, `suspects`, `held`, `active`, … `trash`.
        start: Rank from the end, 0 for the last one.
        limit: Members to look at, from 1 up to MAX_IDS.
        ending: Return only ids that end so, in this or in upper case; "" for all.
        operation: Of trash, return only what this operation put there; "" for all.
    """
    limit = min(max(limit, 1), MAX_IDS)
    args: list[Arg] = [zset, max(start, 0), limit, ending, ending.upper(), operation]
    return space.call(load("read_ids"), queue, args, _read)


def _read(reply: Reply) -> IdPage:
    now_ms, total, seen, *flat = reply
    ids = tuple(word.decode("utf-8", "replace") for word in flat[::2])
    return IdPage(total, seen, ids, tuple(int(float(since)) for since in flat[1::2]), now_ms)
