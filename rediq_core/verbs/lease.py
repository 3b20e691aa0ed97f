"""Leases: keep those of the living, and give back what the dead held.

Pure functions. A lease belongs to an incarnation (one life of one process in one queue), never to a
task, so keeping it costs the same whatever is in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rediq_core.connection.raw import Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Entries of `active` looked at in one call.
REAP_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal found.

    Attributes:
        now_ms: Server time.
        next_expiry_ms: When the next lease can be reaped, or 0.
        has_expired: There is something to reap now.
        lost: Incarnations whose lease is gone.
        cancels: Task id to the JSON of who wants it cancelled, for tasks these incarnations hold.
    """

    now_ms: int
    next_expiry_ms: int
    has_expired: bool
    lost: tuple[str, ...]
    cancels: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one chunk of reaping did.

    Attributes:
        now_ms: Server time.
        next_start: Where to go on, or -1 at the end.
        deliver: Parents whose children must be told now.
        outcomes: (id, outcome, incarnation) of each task taken back.
        is_charged: A loss was counted for each.
    """

    now_ms: int
    next_start: int
    deliver: tuple[str, ...]
    outcomes: tuple[tuple[str, str, str], ...]
    is_charged: bool = True


def renew(space: Space, queue: str, incarnations: Sequence[str], *, lease_ms: int) -> Call[Renewed]:
    """Renew leases and beat, one round trip; with no incarnations it only beats and looks."""

    def read(reply: Reply) -> Renewed:
        now_ms, next_expiry, expired, statuses, *cancels = reply
        lost = [name for name, code in zip(incarnations, statuses, strict=True) if code == ord("0")]
        intents = {cancels[i].decode(): cancels[i + 1] for i in range(0, len(cancels), 2)}
        return Renewed(now_ms, next_expiry, expired == 1, tuple(lost), intents)

    return space.call(load("renew"), queue, [lease_ms, *incarnations], read)


def reap(
    space: Space,
    queue: str,
    *,
    lease_ms: int,
    minute: int,
    start: int = 0,
    dead: Sequence[str] = (),
    is_charged: bool = True,
) -> Call[Reaped]:
    """Take back tasks of dead incarnations: one chunk, one round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        lease_ms: Length of leases; tells an outage of Redis from a death.
        minute: Number of the server's minute.
        start: 0 first, then `next_start` of the last chunk.
        dead: Incarnations that their own parent knows to be dead; none: those whose lease expired.
        is_charged: Count a loss for each task; False for bystanders.
    """
    args = [lease_ms, start, REAP_CHUNK, "1" if is_charged else "0", *dead]
    read = partial(_read_reaped, is_charged)
    return space.call(load("reap"), queue, args, read, minute=minute)


def _read_reaped(is_charged: bool, reply: Reply) -> Reaped:
    now_ms, next_start, deliver, *flat = reply
    rows = [word.decode() for word in flat]
    outcomes = tuple((rows[i], rows[i + 1], rows[i + 2]) for i in range(0, len(rows), 3))
    parents = tuple(deliver.decode().split(",")) if deliver else ()
    return Reaped(now_ms, next_start, parents, outcomes, is_charged)
