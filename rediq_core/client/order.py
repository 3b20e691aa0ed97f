"""In which order the tasks of one call are sent, so that parents are there before their children.

Pure functions over the tasks of one `enqueue_many`. Parents outside the call are not its concern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rediq_core.client.parents import cycle
from rediq_core.errors import RediqError
from rediq_core.model.task import Task
from rediq_core.verbs.enqueue import EncodedTask, encode_task


def levels(tasks: Sequence[Task[object]]) -> tuple[list[list[Task[object]]], list[list[str]]]:
    """Sort tasks that depend on others into levels, each after the one before it.

    O(tasks + edges).

    Args:
        tasks: Those tasks of a call that have parents; the others go first.

    Returns:
        The levels, and the path of each cycle, its first id repeated last. Tasks of a cycle are in
        no level; those that depend on them are in levels as if they were not there.
    """
    by_id = {task.id: task for task in tasks}
    parents = {id_: [p for p in task.parent_ids if p in by_id] for id_, task in by_id.items()}
    children: dict[str, list[str]] = {id_: [] for id_ in by_id}
    for id_, own in parents.items():
        for parent in own:
            children[parent].append(id_)
    left = {id_: len(own) for id_, own in parents.items()}
    sorted_ids: list[list[str]] = []
    cycles: list[list[str]] = []
    ready = [id_ for id_, count in left.items() if count == 0]
    while left:
        if not ready:
            path = _cycle(left, parents)
            cycles.append(path)
            ready = _freed(path[:-1], left, children)
            continue
        sorted_ids.append(ready)
        ready = _freed(ready, left, children)
    return [[by_id[id_] for id_ in level] for level in sorted_ids], cycles


def _freed(done: Sequence[str], left: dict[str, int], children: dict[str, list[str]]) -> list[str]:
    """Take tasks out; returns those that wait for nothing of the call any more."""
    for id_ in done:
        del left[id_]
    freed: list[str] = []
    for id_ in done:
        for child in children[id_]:
            if child in left:
                left[child] -= 1
                if left[child] == 0:
                    freed.append(child)
    return freed


def _cycle(left: dict[str, int], parents: dict[str, list[str]]) -> list[str]:
    """Walk from a task to its parents until one comes again: every task left has one."""
    seen: dict[str, int] = {}
    path: list[str] = []
    id_ = next(iter(left))
    while id_ not in seen:
        seen[id_] = len(path)
        path.append(id_)
        id_ = next(parent for parent in parents[id_] if parent in left)
    return [*path[seen[id_] :], id_]


def arrange(
    tasks: Sequence[Task[object]], numbers: Sequence[int], results: list[str | RediqError]
) -> list[list[int]]:
    """Say in which order some tasks of a call are sent, by their numbers in it.

    Args:
        tasks: All tasks of the call.
        numbers: Those that depend on others.
        results: Gets the error of each task of a cycle.
    """
    places: dict[str, list[int]] = {}
    for number in numbers:
        places.setdefault(tasks[number].id, []).append(number)
    sorted_tasks, cycles = levels([tasks[numbers[0]] for numbers in places.values()])
    for path in cycles:
        for id_ in path:
            for number in places[id_]:
                results[number] = cycle(path)
    return [[number for task in level for number in places[task.id]] for level in sorted_tasks]


def encode_level(
    tasks: Sequence[Task[object]],
    level: Sequence[int],
    refused: Mapping[str, RediqError],
    results: list[str | RediqError],
    limit_bytes: int,
    trace: str,
) -> dict[str, list[tuple[int, Task[object], EncodedTask]]]:
    """Return the tasks of a level to send, by queue; the errors of the others go to the results."""
    by_queue: dict[str, list[tuple[int, Task[object], EncodedTask]]] = {}
    for number in level:
        task = tasks[number]
        error = refused.get(task.id)
        if error is None:
            try:
                row = (number, task, encode_task(task, limit_bytes=limit_bytes, trace=trace))
                by_queue.setdefault(task.queue, []).append(row)
            except RediqError as unfit:
                error = unfit
        if error is not None:
            results[number] = error
    return by_queue
