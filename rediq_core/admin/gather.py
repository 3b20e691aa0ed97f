"""Gather: all ids that an action is meant for, before any of them is acted on.

Only ids are kept, about 75 bytes each. A walk from the last rank to the first skips nobody that
leaves at the head meanwhile, and what entered a state after the operation began is left out:
where the state's order tells that here, in delayed and retry by the script that acts, from the
timeline. So what is acted on is what was there when the operator asked; whether a task still is in
that state, that script checks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rediq_core.admin.access import Access
from rediq_core.admin.causes import caused, read_views, without_cause
from rediq_core.admin.walk import Place
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where
from rediq_core.verbs.inspect import MAX_PAGE, ZSETS_OF_STATE, read_page
from rediq_core.verbs.listing import read_ids


class Pile(NamedTuple):
    """Tasks of one queue, to be acted on together.

    Attributes:
        queue: The queue.
        expect: The state they were found in; "" if they were named by their ids.
        ids: The ids, in the state's order.
    """

    queue: str
    expect: str
    ids: list[str]


class _Seen(NamedTuple):
    total: int
    seen: int
    entries: list[tuple[str, int]]


def gather(access: Access, where: Where, places: list[Place], *, cutoff_ms: int) -> list[Pile]:
    """Return the ids that a selector and its terms pick.

    One round trip for each 1,000 tasks of a place without terms, each 500 with them.

    Args:
        access: Where to read.
        where: Its terms decide; its selector led to the places.
        places: Where to look; empty ones cost nothing.
        cutoff_ms: Leave out what came later; also the instant that terms go by.
    """
    piles = [
        Pile(place.queue, place.state.value, _ids_of(access, where, place, cutoff_ms))
        for place in places
        if place.size
    ]
    return [pile for pile in piles if pile.ids]


def trashed_by(access: Access, operation: str, queues: Sequence[str]) -> list[Pile]:
    """Return what one operation put into trash and is still there: 1 call for each 1,000 tasks.

    Args:
        access: Where to read.
        operation: The operation.
        queues: The queues it acted on.
    """
    piles = []
    for queue in queues:
        ids: list[str] = []
        seen, total = 0, 1
        while seen < total:
            page = access.run(
                read_ids(access.space, queue, "trash", start=seen, operation=operation)
            )
            ids += page.ids
            seen, total = (seen + page.seen, page.total) if page.seen else (total, total)
        piles.append(Pile(queue, TaskState.TRASH.value, list(reversed(dict.fromkeys(ids)))))
    return [pile for pile in piles if pile.ids]


def _ids_of(access: Access, where: Where, place: Place, cutoff_ms: int) -> list[str]:
    if place.prefix:
        return _caused_ids(access, where, place, cutoff_ms)
    ids: list[str] = []
    for zset in ZSETS_OF_STATE.get(place.state, (place.state.value,)):
        pages = _pages(access, where, place.queue, zset, cutoff_ms)
        ids += reversed(dict.fromkeys(id_ for id_ in pages))
    return ids


def _caused_ids(access: Access, where: Where, place: Place, cutoff_ms: int) -> list[str]:
    found = caused(access, place.queue, place.prefix, place.state)
    # The score of a retry is when it is due; when it came there, the script looks up.
    is_dated = place.state in FINAL_STATES
    ids = [id_ for id_, score in found if not is_dated or score <= cutoff_ms]
    rest = without_cause(where)
    if not rest.terms:
        return ids
    views = read_views(access, place.queue, ids)
    return [view.id for view in views if rest.matches(view, cutoff_ms)]


def _pages(access: Access, where: Where, queue: str, zset: str, cutoff_ms: int) -> Iterator[str]:
    """Yield the ids of one zset, last first."""
    start = 0
    while True:
        page = _picked(access, where, queue, zset, start, cutoff_ms)
        yield from (id_ for id_, since_ms in page.entries if since_ms <= cutoff_ms)
        start += page.seen
        if not page.seen or start >= page.total:
            return


def _picked(
    access: Access, where: Where, queue: str, zset: str, start: int, cutoff_ms: int
) -> _Seen:
    if not where.terms:
        ids = access.run(read_ids(access.space, queue, zset, start=start))
        return _Seen(ids.total, ids.seen, list(zip(ids.ids, ids.since_ms, strict=True)))
    page = access.run(
        read_page(access.space, queue, zset, start=start, limit=MAX_PAGE, is_reversed=True)
    )
    picked = [task for task in page.tasks if where.matches(task, cutoff_ms)]
    entries = [(task.id, _since_ms(task)) for task in picked]
    return _Seen(page.total, len(page.tasks), entries)


def _since_ms(task: TaskView) -> int:
    """Return when a task entered its state by the server's clock, 0 if its order does not say."""
    if task.state is TaskState.PENDING:
        return task.place_ms
    return task.finished_ms if task.state in FINAL_STATES else task.since_ms
