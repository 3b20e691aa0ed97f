"""Relay: from a finished parent to its children in other queues, and on to theirs.

Steps without I/O. Each round takes edges of the parents at hand, tells the children queue by queue,
and hands back who was told with the next taking. A child that ends by it becomes a parent at hand,
so a failure runs through all levels here. Two relays may tell the same children: the second tells
them nothing new. A relay that stops anywhere leaves its parents in their outboxes, where the sweep
finds them after half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rediq_core.errors import RediqError
from rediq_core.model.ids import likely_queues
from rediq_core.model.outcome import AS_COMPLETED, GONE
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.steps import PIPELINE, Steps
from rediq_core.verbs.dependencies import (
    MAX_EDGES,
    MAX_REGISTERED,
    Edge,
    News,
    Registered,
    Told,
    ToTell,
    Waits,
    read_waits,
    register,
    take_edges,
    tell,
)

# Bytes of outcomes in one call: a call blocks the server.
MAX_BYTES = 4 * 1024 * 1024
# Parts of a queue's waiting tasks that one repair looks at: 2,000 tasks a minute and queue.
MOST_PARTS = 10

# A parent: its queue and its id.
Parent = tuple[str, str]


@dataclass(slots=True)
class Relayed:
    """What a relay did.

    Attributes:
        told: Edges that were told or taken up again.
        errors: What stopped parts of it; these are in the outbox still.
    """

    told: int = 0
    errors: list[RediqError] = field(default_factory=list)


def relay(space: Space, parents: Iterable[Parent], *, minute: int) -> Steps[Relayed]:
    """Tell the children of these parents, and of all that end by it.

    A round trip to take and one to tell for each 200 children; parents share them.

    Args:
        space: Namespace and clock.
        parents: Queue and id of each.
        minute: Number of the server's minute, for the counters.
    """
    done = Relayed()
    work: dict[Parent, list[tuple[str, Edge]]] = {parent: [] for parent in parents}
    while work:
        hand = list(work.items())[:PIPELINE]
        replies = yield [take_edges(space, *parent, told) for parent, told in hand]
        news: list[tuple[Parent, News]] = []
        for (parent, _), reply in zip(hand, replies, strict=True):
            del work[parent]
            if isinstance(reply, ToTell):
                news += [(parent, News(reply.kind, edge, reply.outcome)) for edge in reply.edges]
            elif isinstance(reply, RediqError):
                done.errors.append(reply)
        failed = yield from _tell_all(space, news, work, done, minute)
        # What one of its children's queues did not take stays; the others are written down.
        stuck = [take_edges(space, *parent, work.pop(parent), limit=0) for parent in failed]
        if stuck:
            yield stuck
    return done


def _tell_all(
    space: Space,
    news: Sequence[tuple[Parent, News]],
    work: dict[Parent, list[tuple[str, Edge]]],
    done: Relayed,
    minute: int,
) -> Steps[list[Parent]]:
    """Tell one round's news; adds who was told, and new parents, to the work.

    Returns:
        Parents some of whose children could not be told.
    """
    batches = list(_batches(news))
    calls = [
        tell(space, queue, [each for _, each in batch], minute=minute) for queue, batch in batches
    ]
    replies = (yield calls) if calls else []
    failed: dict[Parent, None] = {}
    for (queue, batch), reply in zip(batches, replies, strict=True):
        if isinstance(reply, Told):
            done.told += len(batch)
            for (parent, each), code in zip(batch, reply.codes, strict=True):
                work.setdefault(parent, []).append((code, each.edge))
            for child in reply.deliver:
                work.setdefault((queue, child), [])
        else:
            failed |= {parent: None for parent, _ in batch}
            done.errors += [reply] if isinstance(reply, RediqError) else []
    for parent in failed:
        work.setdefault(parent, [])
    return list(failed)


def _batches(
    news: Sequence[tuple[Parent, News]],
) -> Iterator[tuple[str, list[tuple[Parent, News]]]]:
    """Group news by the children's queue, bounded in number and bytes."""
    by_queue: dict[str, list[tuple[Parent, News]]] = {}
    for row in news:
        by_queue.setdefault(row[1].edge.queue, []).append(row)
    for queue, rows in by_queue.items():
        batch: list[tuple[Parent, News]] = []
        size, last = 0, b""
        for row in rows:
            outcome = row[1].outcome
            grows = 0 if outcome == last else len(outcome)
            if batch and (len(batch) == MAX_EDGES or size + grows > MAX_BYTES):
                yield queue, batch
                batch, size, grows = [], 0, len(outcome)
            batch.append(row)
            size, last = size + grows, outcome
        if batch:
            yield queue, batch


def registrations(
    space: Space, edges: Sequence[tuple[str, Edge]]
) -> tuple[list[Call[object]], list[list[tuple[str, Edge]]]]:
    """Return the calls that write edges down, and which edges each call has.

    Args:
        space: Namespace and clock.
        edges: The parent's queue, or a queue it may be in, and the edge.
    """
    by_queue: dict[str, list[tuple[str, Edge]]] = {}
    for row in edges:
        by_queue.setdefault(row[0], []).append(row)
    chunks = [
        rows[at : at + MAX_REGISTERED]
        for rows in by_queue.values()
        for at in range(0, len(rows), MAX_REGISTERED)
    ]
    return [register(space, chunk[0][0], [edge for _, edge in chunk]) for chunk in chunks], chunks


@dataclass(slots=True)
class Answers:
    """What the parents' queues said.

    Attributes:
        found: Edge to b"" if it was written down, or to how the parent ended.
        places: Edge to the queue its parent is in.
        unknown: Edges whose parent no queue knows.
        errors: Edge to what kept it from being asked.
    """

    found: dict[Edge, bytes] = field(default_factory=dict)
    places: dict[Edge, str] = field(default_factory=dict)
    unknown: list[Edge] = field(default_factory=list)
    errors: dict[Edge, RediqError] = field(default_factory=dict)


def ask(space: Space, edges: Sequence[tuple[str, Edge]]) -> Steps[Answers]:
    """Write edges down wherever their parents may be; a round trip, however many.

    Args:
        space: Namespace and clock.
        edges: A queue the parent may be in, and the edge; several rows an edge for several queues.
    """
    answers = Answers()
    calls, chunks = registrations(space, edges)
    replies = (yield calls) if calls else []
    for chunk, reply in zip(chunks, replies, strict=True):
        for number, (queue, edge) in enumerate(chunk):
            if isinstance(reply, RediqError):
                answers.errors[edge] = reply
            elif isinstance(reply, Registered) and reply.answers[number] != b"?":
                answers.found[edge] = reply.answers[number]
                answers.places[edge] = queue
    for _, edge in edges:
        if edge in answers.found:
            answers.errors.pop(edge, None)
    answers.unknown = [
        edge
        for edge in dict.fromkeys(edge for _, edge in edges)
        if edge not in answers.found and edge not in answers.errors
    ]
    return answers


def repair(
    space: Space, queue: str, places: Sequence[str], *, minute: int, parts: int = MOST_PARTS
) -> Steps[Relayed]:
    """Ask again, for tasks of a queue that wait for long, for what they wait.

    Whose parent has ended is told; whose parent does not know of it is written down again; whose
    parent is gone is told that. One round trip a part of 200 tasks, and two more if they wait.

    Args:
        space: Namespace and clock.
        queue: The queue.
        places: All queues, for parents whose id does not name theirs.
        minute: Number of the server's minute.
        parts: How many parts to look at.
    """
    done = Relayed()
    for _ in range(parts):
        (waits,) = yield [read_waits(space, queue)]
        if not isinstance(waits, Waits):
            done.errors += [waits] if isinstance(waits, RediqError) else []
            return done
        yield from _ask_again(space, queue, places, waits, done, minute)
        if not waits.has_more:
            return done
    return done


def _ask_again(
    space: Space, queue: str, places: Sequence[str], waits: Waits, done: Relayed, minute: int
) -> Steps[None]:
    flags = {Edge(parent, queue, child): flags for child, flags, parent in waits.needs}
    edges = [edge for edge in flags if edge.parent]
    answers = yield from ask(
        space,
        [(place, edge) for edge in edges for place in likely_queues(edge.parent, places)],
    )
    # A parent none of whose queues is left was not even asked for.
    asked = {**answers.found, **answers.errors, **dict.fromkeys(answers.unknown)}
    gone = [*answers.unknown, *(edge for edge in edges if edge not in asked)]
    news = [News("j", edge, b"") for edge in flags if not edge.parent]
    news += [News("o", edge, outcome) for edge, outcome in answers.found.items() if outcome]
    news += [News("o", edge, AS_COMPLETED if "m" in flags[edge] else GONE) for edge in gone]
    done.errors += answers.errors.values()
    for at in range(0, len(news), MAX_EDGES):
        batch = news[at : at + MAX_EDGES]
        (reply,) = yield [tell(space, queue, batch, minute=minute)]
        if isinstance(reply, Told):
            done.told += len(batch)
            more = yield from relay(space, [(queue, p) for p in reply.deliver], minute=minute)
            done.errors += more.errors
        elif isinstance(reply, RediqError):
            done.errors.append(reply)
