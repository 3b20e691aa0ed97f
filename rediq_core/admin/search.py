"""Search: the tasks that a WHERE picks, a bounded piece at a time, and how many there are.

Walks the states of the queues page by page and says how far it came. Selecting without terms costs
what it returns; with terms every task on the way is read, up to the budget. What is picked for an
action is gathered apart (`gather.py`), without a bound and without the tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rediq_core.admin.access import Access
from rediq_core.admin.lookup import find_tasks, task_not_found
from rediq_core.admin.snapshot import page_of_state, read_queues
from rediq_core.errors import InvalidOption
from rediq_core.model.state import STATE_WORDS, TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where
from rediq_core.verbs.inspect import MAX_PAGE

# Tasks that one search looks at unless told otherwise: about a second.
DEFAULT_BUDGET = 10_000


@dataclass(frozen=True, slots=True)
class Selection:
    """A piece of what a WHERE picks.

    Attributes:
        tasks: The tasks, queue by queue, state by state.
        scanned: Tasks that were looked at for it.
        total: Tasks in the selected states altogether, at the time of the reading.
        is_complete: Nothing is left behind this piece.
        cursor: Where the next piece starts, "" if there is none.
        at_ms: Server time of the reading.
    """

    tasks: tuple[TaskView, ...]
    scanned: int
    total: int
    is_complete: bool
    cursor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks a WHERE picks.

    Attributes:
        by_state: Tasks a state; states without any are left out.
        scanned: Tasks that were looked at; 0 if the queues' own counts were enough.
        total: Tasks in the selected states altogether.
        is_complete: False if the budget ended before the tasks did, so there may be more.
    """

    by_state: Mapping[TaskState, int]
    scanned: int
    total: int
    is_complete: bool

    @property
    def number(self) -> int:
        """Tasks in all states together."""
        return sum(self.by_state.values())


class Place(NamedTuple):
    """One state of one queue.

    Attributes:
        queue: The queue.
        state: The state.
        size: Tasks in it when it was looked at.
    """

    queue: str
    state: TaskState
    size: int


class _Step(NamedTuple):
    task: TaskView
    after: str
    at_ms: int


def states_of(where: Where) -> tuple[TaskState, ...]:
    """Return the states that reads look in: trash only if it is named."""
    if where.state is not None:
        return (where.state,)
    return tuple(state for state in TaskState if state is not TaskState.TRASH)


def places_of(access: Access, where: Where, states: tuple[TaskState, ...]) -> list[Place]:
    """Return where the tasks of a selector lie, in order: 4 round trips.

    Raises:
        QueueNotFound: The selector's queue does not exist.
    """
    if where.queue is not None:
        access.require_queue(where.queue)
    names = None if where.queue is None else [where.queue]
    return [
        Place(view.name, state, view.counts[state])
        for view in read_queues(access, names)
        for state in states
    ]


def select(
    access: Access,
    where: Where,
    *,
    limit: int = 50,
    budget: int = DEFAULT_BUDGET,
    cursor: str = "",
    is_reversed: bool = False,
) -> Selection:
    """Read a piece of what a WHERE picks.

    Args:
        access: Where to read.
        where: What to pick; ids are looked up, and the other arguments do not matter then.
        limit: Tasks at most.
        budget: Tasks to look at at most.
        cursor: Where the last piece ended, "" for the beginning.
        is_reversed: Latest first, within each state.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        TaskNotFound: An id means no task.
        InvalidOption: An id is not unique, or the cursor is none of ours.
    """
    if where.ids:
        return _select_ids(access, where)
    places = places_of(access, where, states_of(where))
    total = sum(place.size for place in places)
    size = min(MAX_PAGE if where.terms else limit, budget, MAX_PAGE)
    tasks: list[TaskView] = []
    scanned, after, at_ms = 0, "", 0
    for step in _walk(access, places, cursor, size=size, is_reversed=is_reversed):
        scanned, after, at_ms = scanned + 1, step.after, step.at_ms
        if where.matches(step.task, at_ms):
            tasks.append(step.task)
        if len(tasks) >= limit or scanned >= budget:
            break
    else:
        after = ""
    return Selection(tuple(tasks), scanned, total, not after, after, at_ms)


def tally(
    access: Access,
    where: Where,
    *,
    states: tuple[TaskState, ...] | None = None,
    budget: int | None = None,
) -> Tally:
    """Count what a WHERE picks: 4 round trips without terms, else one more for each 500 tasks.

    Args:
        access: Where to read.
        where: What to count.
        states: Count only in these; None for those that the selector names.
        budget: Tasks to look at at most, if there are terms; None for all.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        TaskNotFound: An id means no task.
        InvalidOption: An id is not unique.
    """
    if where.ids:
        chosen = _select_ids(access, where)
        counted = [task.state for task in chosen.tasks if states is None or task.state in states]
        return Tally(dict(Counter(counted)), chosen.scanned, chosen.total, is_complete=True)
    places = places_of(access, where, states_of(where) if states is None else states)
    total = sum(place.size for place in places)
    by_state: Counter[TaskState] = Counter()
    if not where.terms:
        for place in places:
            by_state[place.state] += place.size
        return Tally(dict(+by_state), 0, total, is_complete=True)
    scanned, is_complete = 0, True
    for step in _walk(access, places, "", size=MAX_PAGE, is_reversed=False):
        if budget is not None and scanned >= budget:
            is_complete = False
            break
        scanned += 1
        if where.matches(step.task, step.at_ms):
            by_state[step.task.state] += 1
    return Tally(dict(by_state), scanned, total, is_complete)


def _select_ids(access: Access, where: Where) -> Selection:
    found = find_tasks(access, where.ids)
    for word, task in found.items():
        if task is None:
            raise task_not_found(word)
    views = list({task.id: task for task in found.values() if task is not None}.values())
    at_ms = access.now_ms()
    tasks = tuple(task for task in views if all(term.matches(task, at_ms) for term in where.terms))
    return Selection(tasks, len(views), len(views), True, "", at_ms)


def _walk(
    access: Access, places: list[Place], cursor: str, *, size: int, is_reversed: bool
) -> Iterator[_Step]:
    """Yield the tasks of places from a cursor on; a page is read when its first task is due."""
    queue, rank, start = _parse(cursor)
    for number, place in enumerate(places):
        if (place.queue, STATE_WORDS.index(place.state)) < (queue, rank) or not place.size:
            continue
        is_here = (place.queue, STATE_WORDS.index(place.state)) == (queue, rank)
        at = start if is_here else 0
        has_more = any(later.size for later in places[number + 1 :])
        while at >= 0:
            page = page_of_state(
                access, place.queue, place.state, start=at, limit=size, is_reversed=is_reversed
            )
            for offset, task in enumerate(page.tasks, at + 1):
                is_last = page.next_start < 0 and offset == at + len(page.tasks)
                after = "" if is_last and not has_more else f"{place.queue}/{place.state}/{offset}"
                yield _Step(task, after, page.at_ms)
            at = page.next_start


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
