"""Walk: the tasks that a selector means, page by page, and where a walk goes on later.

One step is one task that was looked at, whether the terms hold for it or not, so that a search can
count what it costs. A cause that the index knows is walked by the index, everything else by rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rediq_core.admin.access import Access
from rediq_core.admin.causes import (
    CAUSED,
    cause_prefix,
    indexed_sizes,
    read_views,
    without_cause,
)
from rediq_core.admin.snapshot import page_of_state, read_queues
from rediq_core.errors import InvalidOption
from rediq_core.model.state import STATE_WORDS, TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where
from rediq_core.verbs.failures import read_causes


class Place(NamedTuple):
    """One state of one queue.

    Attributes:
        queue: The queue.
        state: The state.
        size: Tasks in it when it was looked at; of an index, those it leads to.
        prefix: The fingerprints to go by in the index, or "" to look at all tasks.
    """

    queue: str
    state: TaskState
    size: int
    prefix: str = ""


class Step(NamedTuple):
    """One task that was looked at.

    Attributes:
        task: The task.
        is_hit: True if the WHERE picks it.
        after: Where a walk goes on behind it, "" at the end.
        at_ms: Server time of the reading.
    """

    task: TaskView
    is_hit: bool
    after: str
    at_ms: int


class _Piece(NamedTuple):
    tasks: list[tuple[int, TaskView]]
    next_start: int
    at_ms: int


def places_of(access: Access, where: Where, states: tuple[TaskState, ...]) -> list[Place]:
    """Return where the tasks of a selector lie, in order: 4 round trips, 5 for a cause.

    Raises:
        QueueNotFound: The selector's queue does not exist.
    """
    if where.queue is not None:
        access.require_queue(where.queue)
    names = None if where.queue is None else [where.queue]
    places = [
        Place(view.name, state, view.counts[state])
        for view in read_queues(access, names)
        for state in states
    ]
    prefix = cause_prefix(where)
    if not prefix:
        return places
    queues = list(
        dict.fromkeys(each.queue for each in places if each.state in CAUSED and each.size)
    )
    sizes = indexed_sizes(access, queues, prefix)
    return [
        place._replace(size=min(place.size, sizes[place.queue]), prefix=prefix)
        if place.state in CAUSED and place.queue in sizes
        else place
        for place in places
    ]


def walk(
    access: Access,
    where: Where,
    places: list[Place],
    cursor: str,
    *,
    size: int,
    is_reversed: bool,
) -> Iterator[Step]:
    """Yield the tasks of places from a cursor on; a page is read when its first task is due.

    Args:
        access: Where to read.
        where: Its terms decide what is a hit.
        places: Where to look, in order.
        cursor: `after` of an earlier step, "" for the beginning.
        size: Tasks of one page at most.
        is_reversed: Latest first, within each state.

    Raises:
        InvalidOption: The cursor is none of ours.
    """
    queue, rank, start = _parse(cursor)
    for number, place in enumerate(places):
        here = (place.queue, STATE_WORDS.index(place.state))
        if here < (queue, rank) or not place.size:
            continue
        at = start if here == (queue, rank) else 0
        has_more = any(later.size for later in places[number + 1 :])
        terms = without_cause(where) if place.prefix else where
        while at >= 0:
            read = _caused_piece if place.prefix else _piece
            piece = read(access, place, at, size, is_reversed)
            for i, (offset, task) in enumerate(piece.tasks, 1):
                is_last = piece.next_start < 0 and i == len(piece.tasks)
                after = "" if is_last and not has_more else f"{place.queue}/{place.state}/{offset}"
                yield Step(task, terms.matches(task, piece.at_ms), after, piece.at_ms)
            at = piece.next_start


def _piece(access: Access, place: Place, at: int, size: int, is_reversed: bool) -> _Piece:
    page = page_of_state(
        access, place.queue, place.state, start=at, limit=size, is_reversed=is_reversed
    )
    return _Piece(list(enumerate(page.tasks, at + 1)), page.next_start, page.at_ms)


def _caused_piece(access: Access, place: Place, at: int, size: int, is_reversed: bool) -> _Piece:
    page = access.run(
        read_causes(
            access.space,
            place.queue,
            place.prefix,
            start=at,
            limit=size,
            is_reversed=is_reversed,
        )
    )
    offsets = {task.id: at + task.at + 1 for task in page.tasks if task.state is place.state}
    tasks = [(offsets[view.id], view) for view in read_views(access, place.queue, list(offsets))]
    end = at + page.seen
    return _Piece(tasks, end if page.seen and end < page.total else -1, page.at_ms)


def _parse(cursor: str) -> tuple[str, int, int]:
    if not cursor:
        return "", 0, 0
    try:
        queue, state, start = cursor.split("/")
        return queue, STATE_WORDS.index(state), int(start)
    except ValueError as error:
        raise InvalidOption(
            f"{cursor!r:.80} is not where a search ended.",
            next_step="Pass the cursor of the last piece as it is, or none.",
        ) from error
