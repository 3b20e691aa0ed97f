"""Examine: what is inconsistent in the keys of one queue, piece by piece, and putting it right.

Pure functions. What counts as a fault is said once, in lib/judge.lua; a repair judges each member
again in the script that changes it, so what has healed meanwhile is left alone. When to look and
what to tell a person belongs to the admin floor.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rediq_core.connection.raw import Arg, Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# The keys that can be examined: the policy that all scripts read, places before the rows that hang
# on them, and last what counts them.
PARTS = (
    *("policy", "pending", "suspects", "held", "active", "delayed", "retry", "waiting"),
    *("groups", "groups_due"),
    *("completed", "cancelled", "dead", "trash", "tasks", "claims", "leases", "trashed", "runs"),
    *("tries", "progress", "cancels", "kept", "unique", "causes", "errors", "outbox", "counters"),
)
# Members of one call, about: with eleven look-ups each it is 2 ms of the server's time.
PIECE = 200
# How long a lease may be over before that is a fault, in milliseconds: many times what the living
# need to notice it.
GRACE_MS = 60_000
# Members that one repair takes.
MAX_REPAIRS = 200

MENDED = "mended"
SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Examined:
    """What one piece showed.

    Attributes:
        now_ms: Server time.
        cursor: Where to go on; "" at the end.
        seen: Members looked at.
        size: Members of the key.
        faults: (member, fault) of each that is not sound.
    """

    now_ms: int
    cursor: str
    seen: int
    size: int
    faults: tuple[tuple[str, str], ...]


def examine(
    space: Space, queue: str, part: str, *, cursor: str = "", limit: int = PIECE
) -> Call[Examined]:
    """Look at a piece of one key: one round trip, O(limit).

    Args:
        space: Namespace and clock.
        queue: The queue.
        part: One of PARTS.
        cursor: "" to begin, then what the last piece returned.
        limit: Members, about; a small key comes at once.
    """
    args: list[Arg] = [part, cursor or "0", limit, GRACE_MS]
    return space.call(load("examine"), queue, args, _read_examined)


def _read_examined(reply: Reply) -> Examined:
    now_ms, cursor, seen, size, *flat = reply
    words = [word.decode("utf-8", "surrogateescape") for word in flat]
    faults = tuple(zip(words[::2], words[1::2], strict=True))
    return Examined(now_ms, "" if cursor == b"0" else cursor.decode(), seen, size, faults)


def repair(
    space: Space, queue: str, part: str, members: Sequence[str], *, by: str
) -> Call[tuple[str, ...]]:
    """Judge members again and mend those that are still wrong: one round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        part: One of PARTS.
        members: At most MAX_REPAIRS, as `examine` named them.
        by: Who does it, for audit and timelines.

    Returns:
        The call of a word for each member: mended, sound, or the fault that stays.
    """
    note = json.dumps({"by": by}, separators=(",", ":"))
    encoded = [member.encode("utf-8", "surrogateescape") for member in members]
    args: list[Arg] = [part, GRACE_MS, note, *encoded]
    return space.call(load("repair"), queue, args, _read_words)


def _read_words(reply: Reply) -> tuple[str, ...]:
    return tuple(word.decode() for word in reply[1:])
