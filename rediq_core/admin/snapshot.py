"""Queues at one instant: names, numbers, pages of tasks, pause and resume.

One read script a queue, all in one pipeline, each O(1) in the queue's tasks; nothing here writes
but `pause` and `resume`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.workers import Roster, read_roster
from rediq_core.model.state import TaskState
from rediq_core.model.views import Page, QueueView, TaskView, WorkerView
from rediq_core.scripts.call import Call
from rediq_core.verbs import moves
from rediq_core.verbs.inspect import MAX_PAGE, ZSETS_OF_STATE, read_page, read_queue


def read_queues(access: Access, names: Sequence[str] | None = None) -> list[QueueView]:
    """Read the numbers of queues, by default of all: 4 round trips, O(queues + workers).

    Args:
        access: Where.
        names: Which queues; each must exist.
    """
    if names is None:
        names = access.queue_names()
    return _read(access, names, read_roster(access))


def _read(access: Access, names: Sequence[str], roster: Roster) -> list[QueueView]:
    minute = keys.minute_of(roster.at_ms)
    views = access.run_all([read_queue(access.space, name, minute=minute) for name in names])
    per_queue = roster.per_queue()
    return [replace(view, workers=per_queue[view.name]) for view in views]


class Overview(NamedTuple):
    """All queues and workers at one instant.

    Attributes:
        at_ms: Server time of the reading.
        queues: All queues, in order.
        workers: The workers of the last day, latest beats first.
    """

    at_ms: int
    queues: tuple[QueueView, ...]
    workers: tuple[WorkerView, ...]


def read_overview(access: Access) -> Overview:
    """Read the numbers of all queues and all workers: 4 round trips, O(queues + workers)."""
    names = access.queue_names()
    roster = read_roster(access)
    return Overview(roster.at_ms, tuple(_read(access, names, roster)), roster.workers)


def read_one_queue(access: Access, name: str) -> QueueView:
    """Read the numbers of one queue: 4 round trips.

    Raises:
        QueueNotFound: It does not exist.
    """
    access.require_queue(name)
    (view,) = read_queues(access, [name])
    return view


def page_of_state(
    access: Access,
    queue: str,
    state: TaskState,
    *,
    start: int = 0,
    limit: int = 50,
    is_reversed: bool = False,
) -> Page:
    """Read tasks of one state: 1 round trip, 2 where a page spans two of its parts.

    Pending tasks are those in line, then suspects, then held ones, as if they were one list.

    Args:
        access: Where.
        queue: The queue; one that does not exist has no tasks.
        state: The state.
        start: Rank of the first task, from 0.
        limit: Tasks at most, up to MAX_PAGE; also bounded by 4 MiB.
        is_reversed: Latest first.
    """
    zsets = ZSETS_OF_STATE.get(state, (state.value,))[:: -1 if is_reversed else 1]
    start, limit = max(start, 0), min(max(limit, 1), MAX_PAGE)

    def ask(zset: str, at: int) -> Call[Page]:
        return read_page(access.space, queue, zset, start=at, limit=limit, is_reversed=is_reversed)

    # Where a later part begins is known only once the earlier ones have said how long they are.
    parts = access.run_all([ask(zset, 0 if at else start) for at, zset in enumerate(zsets)])
    tasks: list[TaskView] = []
    position, before = start, 0
    for at, part in enumerate(parts):
        end = before + part.total
        if position < end:
            is_late = at > 0 and position > before
            whole = access.run(ask(zsets[at], position - before)) if is_late else part
            taken = whole.tasks[: limit - len(tasks)]
            tasks += taken
            position += len(taken)
            if position < end or len(tasks) == limit:
                break
        before = end
    total = sum(part.total for part in parts)
    next_start = position if tasks and position < total else -1
    return Page(queue, state, total, tuple(tasks), next_start, parts[0].at_ms)


def pause_queue(access: Access, queue: str, *, by: str, reason: str, until_ms: int) -> bool:
    """Stop handing out tasks of a queue: 2 round trips. Returns whether it was paused before.

    Raises:
        QueueNotFound: It does not exist.
        Refused: Read-only.
    """
    access.require_writable(f"pause {queue}")
    access.require_queue(queue)
    call = moves.pause(access.space, queue, by=by, reason=reason, until_ms=until_ms)
    return access.run(call)


def resume_queue(access: Access, queue: str, *, by: str) -> bool:
    """Hand out tasks of a queue again: 2 round trips. Returns whether it was paused.

    Raises:
        QueueNotFound: It does not exist.
        Refused: Read-only.
    """
    access.require_writable(f"resume {queue}")
    access.require_queue(queue)
    return access.run(moves.resume(access.space, queue, by=by))
