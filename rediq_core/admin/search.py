"""Search: the tasks that a WHERE picks, a bounded piece at a time, and how many there are.

Walks the states of the queues page by page and says how far it came. Selecting without terms costs
what it returns; with terms every task on the way is read, up to the budget. What is picked for an
action is gathered apart (`gather.py`), without a bound and without the tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rediq_core.admin.access import Access
from rediq_core.admin.causes import caused
from rediq_core.admin.lookup import find_tasks, task_not_found
from rediq_core.admin.walk import Place, places_of, walk
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where
from rediq_core.verbs.inspect import MAX_PAGE

# Tasks that one search looks at unless told otherwise: about a second.
DEFAULT_BUDGET = 10_000
# Tasks between two reports of how far a search is.
LOOK_EVERY = 100


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


def states_of(where: Where) -> tuple[TaskState, ...]:
    """Return the states that reads look in: trash only if it is named."""
    if where.state is not None:
        return (where.state,)
    return tuple(state for state in TaskState if state is not TaskState.TRASH)


class Search:
    """A search under way: yields hits as they are found, and says how far it is.

    Owned by one thread, and walked once.

    Attributes:
        scanned: Tasks looked at so far.
        total: Tasks in the selected places, at the time of the beginning.
        hits: Tasks found so far.
        at_ms: Server time of the last reading; 0 before the first.
        is_complete: Nothing is left behind what was looked at.
        cursor: Where the next search goes on, "" if nothing is left.
    """

    def __init__(
        self,
        access: Access,
        where: Where,
        *,
        limit: int,
        budget: int = DEFAULT_BUDGET,
        cursor: str = "",
        is_reversed: bool = False,
        on_look: Callable[[Search], None] | None = None,
    ) -> None:
        """Find out where to look: 4 round trips.

        Args:
            access: Where to read.
            where: What to pick; not by ids.
            limit: Hits at most.
            budget: Tasks to look at at most.
            cursor: Where the last search ended, "" for the beginning.
            is_reversed: Latest first, within each state.
            on_look: Told now and then how far it is.

        Raises:
            QueueNotFound: The selector's queue does not exist.
        """
        self._on_look = on_look
        self._places = places_of(access, where, states_of(where))
        self._limit, self._budget = limit, budget
        size = min(MAX_PAGE if where.terms else limit, budget, MAX_PAGE)
        self._steps = walk(access, where, self._places, cursor, size=size, is_reversed=is_reversed)
        self.total = sum(place.size for place in self._places)
        self.scanned = self.hits = self.at_ms = 0
        self.is_complete = False
        self.cursor = cursor

    def __iter__(self) -> Iterator[TaskView]:
        for step in self._steps:
            self.scanned, self.cursor, self.at_ms = self.scanned + 1, step.after, step.at_ms
            self.is_complete = not step.after
            if self._on_look is not None and self.scanned % LOOK_EVERY == 0:
                self._on_look(self)
            if step.is_hit:
                self.hits += 1
                yield step.task
            if self.hits >= self._limit or self.scanned >= self._budget:
                return
        self.is_complete, self.cursor = True, ""


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
    search = Search(
        access, where, limit=limit, budget=budget, cursor=cursor, is_reversed=is_reversed
    )
    tasks = tuple(search)
    return Selection(
        tasks, search.scanned, search.total, search.is_complete, search.cursor, search.at_ms
    )


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
    if len(where.terms) == 1:
        # The cause alone: the index knows the tasks without looking at them.
        by_state += _count_caused(access, places)
        places = [place for place in places if not place.prefix]
    scanned, is_complete = 0, True
    for step in walk(access, where, places, "", size=MAX_PAGE, is_reversed=False):
        if budget is not None and scanned >= budget:
            is_complete = False
            break
        scanned += 1
        by_state[step.task.state] += step.is_hit
    return Tally(dict(+by_state), scanned, total, is_complete)


def _count_caused(access: Access, places: list[Place]) -> Counter[TaskState]:
    counts: Counter[TaskState] = Counter()
    for place in places:
        if place.prefix and place.size:
            found = caused(access, place.queue, place.prefix, place.state)
            counts[place.state] += sum(1 for _ in found)
    return counts


def _select_ids(access: Access, where: Where) -> Selection:
    found = find_tasks(access, where.ids)
    for word, task in found.items():
        if task is None:
            raise task_not_found(word)
    views = list({task.id: task for task in found.values() if task is not None}.values())
    at_ms = access.now_ms()
    tasks = tuple(task for task in views if all(term.matches(task, at_ms) for term in where.terms))
    return Selection(tasks, len(views), len(views), True, "", at_ms)
