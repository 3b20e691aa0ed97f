"""Dependencies: write children down at their parents, and tell them how those ended.

Pure functions, each over the keys of one queue. An edge lies in the slot of the parent, a need in
the slot of the child, and no script sees both; what makes the two meet:

* A child is written down at its parents before it is written itself. The parent's slot answers at
  once whether there is still something to wait for, so an end cannot fall between.
* Whatever ends a parent puts it into its queue's outbox in the same script. It stays there until
  every child was told.
* Telling removes the child's need, and a second telling finds none. A child that is not there yet
  finds what it was told when it comes (`early`).

The order of calls, and what happens if it stops in between, is the relay's (verbs/relay.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rediq_core.connection.raw import Arg, Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Edges of one call that hands out or tells: some 2 ms of the server's time.
MAX_EDGES: Final = 200
# Edges of one registration: each may be answered with a result of 64 KiB.
MAX_REGISTERED: Final = 64
# Waiting tasks looked at by one call.
MAX_WAITS: Final = 200
# A task that waits for so long may have been forgotten, in milliseconds; ten times that long the
# end of a parent is kept for a child that is not there yet.
OLD_MS: Final = 60_000


class Edge(NamedTuple):
    """One child of one parent.

    Attributes:
        parent: The parent's id.
        queue: The child's queue.
        child: The child's id.
    """

    parent: str
    queue: str
    child: str


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of each edge of a registration.

    Attributes:
        now_ms: Server time.
        answers: b"" written down, b"?" unknown in this queue and nothing written, else how the
            parent ended (model/outcome.py).
    """

    now_ms: int
    answers: tuple[bytes, ...]


def register(space: Space, queue: str, edges: Sequence[Edge]) -> Call[Registered]:
    """Write children down at parents of one queue: one round trip, O(log n) an edge.

    Args:
        space: Namespace and clock.
        queue: The parents' queue.
        edges: Up to MAX_REGISTERED.
    """
    args: list[Arg] = [len(edges)]
    for edge in edges:
        args += (edge.parent, f"{edge.queue}/{edge.child}")
    return space.call(load("register"), queue, args, _read_registered)


def _read_registered(reply: Reply) -> Registered:
    now_ms, *answers = reply
    return Registered(now_ms, tuple(answers))


@dataclass(frozen=True, slots=True)
class ToTell:
    """Children that must be told something of one parent.

    Attributes:
        kind: o the parent ended; r it was taken up again.
        outcome: How it ended, b"" for r.
        edges: Whom to tell; none are left if it is empty.
    """

    kind: str
    outcome: bytes
    edges: tuple[Edge, ...]


def take_edges(
    space: Space,
    queue: str,
    parent: str,
    told: Sequence[tuple[str, Edge]] = (),
    *,
    limit: int = MAX_EDGES,
) -> Call[ToTell]:
    """Write down who was told of a parent, and take the next: one round trip, O(edges).

    Args:
        space: Namespace and clock.
        queue: The parent's queue.
        parent: Its id.
        told: Codes of `tell` with their edges.
        limit: How many to take at most; 0 to take none and leave the parent in the outbox.
    """

    def read(reply: Reply) -> ToTell:
        _, kind, outcome, *children = reply
        edges = (child.decode().split("/", 1) for child in children)
        return ToTell(kind.decode(), outcome, tuple(Edge(parent, q, child) for q, child in edges))

    args: list[Arg] = [parent, limit, *(f"{code}{edge[1]}/{edge[2]}" for code, edge in told)]
    return space.call(load("edges"), queue, args, read)


class News(NamedTuple):
    """What one child is told.

    Attributes:
        kind: o its parent ended; r it was taken up again; j judge a child that waits for nothing.
        edge: Whom, and of which parent.
        outcome: How the parent ended, b"" for r and j.
    """

    kind: str
    edge: Edge
    outcome: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What telling did.

    Attributes:
        codes: One letter a piece of news: t told, v told and died of it, b taken up again.
        deliver: Parents of the same queue whose own children must be told now.
    """

    codes: str
    deliver: tuple[str, ...]


def tell(space: Space, queue: str, news: Sequence[News], *, minute: int) -> Call[Told]:
    """Tell children of one queue: one round trip, O(log n) each; safe to repeat.

    Args:
        space: Namespace and clock.
        queue: The children's queue.
        news: Up to MAX_EDGES.
        minute: Number of the server's minute, for the counters.
    """
    numbers: dict[bytes, int] = {}
    rows: list[Arg] = []
    for kind, edge, outcome in news:
        number = numbers.setdefault(outcome, len(numbers) + 1)
        rows += (kind, edge.child, edge.parent, number)
    args: list[Arg] = [len(numbers), *numbers, *rows]
    return space.call(load("deliver"), queue, args, _read_told, minute=minute)


def _read_told(reply: Reply) -> Told:
    _, codes, deliver = reply
    return Told(codes.decode(), tuple(deliver.decode().split(",")) if deliver else ())


def unregister(space: Space, queue: str, edges: Sequence[Edge]) -> Call[ToTell]:
    """Strike children that were refused from their parents: one round trip.

    Args:
        space: Namespace and clock.
        queue: The parents' queue.
        edges: Of one parent.
    """
    return take_edges(space, queue, edges[0].parent, [("u", edge) for edge in edges], limit=0)


@dataclass(frozen=True, slots=True)
class Waits:
    """What a part of a queue's old waiting tasks wait for.

    Attributes:
        now_ms: Server time.
        has_more: Ask again for the next part.
        dropped: Ends of parents that were dropped because their children never came.
        needs: (child, flags of its header, parent); parent "" if it waits for nothing known.
    """

    now_ms: int
    has_more: bool
    dropped: int
    needs: tuple[tuple[str, str, str], ...]


def read_waits(
    space: Space, queue: str, *, since_ms: int = OLD_MS, limit: int = MAX_WAITS
) -> Call[Waits]:
    """Name the needs of the next part of the tasks that wait for long: one round trip, bounded.

    Args:
        space: Namespace and clock.
        queue: The queue.
        since_ms: Tasks that wait for less long are left out.
        limit: Tasks to look at.
    """

    def read(reply: Reply) -> Waits:
        now_ms, has_more, dropped, *flat = reply
        words = [word.decode() for word in flat]
        rows = tuple(zip(words[::3], words[1::3], words[2::3], strict=True))
        return Waits(now_ms, has_more == 1, dropped, rows)

    return space.call(load("waits"), queue, [since_ms, limit], read)
