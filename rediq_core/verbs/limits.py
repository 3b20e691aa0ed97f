"""Limits of a queue: override, reset, declare, and give tasks their places after aging changed.

Pure functions. The limits are enforced where tasks are claimed (exchange.lua) and taken
(enqueue.lua); what they mean is in model/limits.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rediq_core.connection.raw import Arg, Reply
from rediq_core.model.limits import Changes, Limits, QueueLimits, read_limits
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.inspect import pairs

# Tasks that get a new place in one call: a call blocks the server.
RESCORE_STEP = 1_000


def set_limits(space: Space, queue: str, changed: Changes, *, by: str) -> Call[QueueLimits]:
    """Override limits until they are reset; one round trip. Returns how they stand then.

    Args:
        space: Namespace and clock.
        queue: The queue.
        changed: What `model.limits.changes` made.
        by: Who does it, as "user@host".
    """
    return _limit(space, queue, "set", by, 0, [part for pair in changed.items() for part in pair])


def reset_limits(
    space: Space, queue: str, names: Iterable[str] = (), *, by: str
) -> Call[QueueLimits]:
    """Let limits (all, if none is named) follow the configuration again; one round trip."""
    return _limit(space, queue, "reset", by, 0, [part for name in names for part in (name, "")])


def declare_limits(
    space: Space, queue: str, limits: Limits, *, by: str, rev: int = 0
) -> Call[QueueLimits]:
    """Say what the configuration declares; what is overridden stays. One round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        limits: All that are declared; those that are not are none.
        by: The worker that brought the configuration.
        rev: Of the configuration; one that is lower than the last is passed over.
    """
    words = limits.words()
    return _limit(space, queue, "declare", by, rev, [p for pair in words.items() for p in pair])


def _limit(
    space: Space, queue: str, mode: str, by: str, rev: int, words: list[str]
) -> Call[QueueLimits]:
    def read(reply: Reply) -> QueueLimits:
        return read_limits(pairs(reply[2]))

    args: list[Arg] = [mode, by, rev, *words]
    return space.call(load("limit"), queue, args, read)


class Rescored(NamedTuple):
    """What one step of giving tasks their places did.

    Attributes:
        moved: Tasks that got another place.
        has_more: Call again.
    """

    moved: int
    has_more: bool


def rescore(space: Space, queue: str, *, limit: int = RESCORE_STEP) -> Call[Rescored]:
    """Go on giving pending tasks their places by the present step: one round trip, O(limit)."""
    return space.call(load("rescore"), queue, [limit], lambda r: Rescored(r[1], r[2] == 1))
