"""What both clients do before they send tasks that depend on others, as steps without I/O.

Each child is written down at its parents, wherever they are; what has ended already is told to the
child's queue, where the child finds it when it comes. Only then is the child itself sent, with all
its parents. If the producer dies in between, what it wrote down points at a child that never comes,
which is told in vain and forgotten after ten minutes. Which tasks of one call go first is
`client/order.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rediq_core.errors import DependencyCycle, RediqError, UnknownDependency
from rediq_core.model.ids import id_time_ms, likely_queues
from rediq_core.model.outcome import AS_COMPLETED
from rediq_core.model.task import Task
from rediq_core.scripts.call import Space
from rediq_core.scripts.steps import Steps
from rediq_core.verbs.dependencies import MAX_EDGES, Edge, News, Told, tell, unregister
from rediq_core.verbs.inspect import read_tasks
from rediq_core.verbs.relay import Answers, ask, relay

# Completed tasks are kept for a day unless configured otherwise, in milliseconds.
_KEPT_MS = 86_400_000


@dataclass(slots=True)
class Met:
    """What became of the parents of some tasks.

    Attributes:
        refused: Id of each task that must not be sent, with the reason.
        queues: All queues, as far as they were asked for.
    """

    refused: dict[str, RediqError] = field(default_factory=dict)
    queues: tuple[str, ...] = ()


def meet_parents(
    space: Space,
    tasks: Sequence[Task[object]],
    queues: tuple[str, ...],
    *,
    minute: int,
    siblings: Mapping[str, str] | None = None,
) -> Steps[Met]:
    """Write tasks down at their parents; one round trip, and one more if a parent has ended.

    Args:
        space: Namespace and clock.
        tasks: Tasks that depend on others.
        queues: Known queues, or () if they were not asked for yet.
        minute: Number of the server's minute.
        siblings: Queue of each task of the same call, by id.
    """
    met = Met(queues=queues)
    rows: list[Edge] = []
    homes: dict[str, str] = dict(siblings or {})
    for task in tasks:
        homes |= _queues_of(task)
        if task.id in task.parent_ids:
            met.refused[task.id] = cycle([task.id, task.id])
        else:
            rows += [Edge(parent, task.queue, task.id) for parent in dict.fromkeys(task.parent_ids)]
    if not met.queues and any(edge.parent not in homes for edge in rows):
        met.queues = yield from _names()
    answers = yield from ask(space, _placed(rows, homes, met.queues))
    lost = [edge for edge in rows if edge not in answers.found and edge not in answers.errors]
    if lost:
        # Perhaps in a queue that was not there when the names were read, or moved to another.
        met.queues = yield from _names()
        again = yield from ask(space, _placed(lost, {}, met.queues))
        answers.found |= again.found
        answers.places |= again.places
        answers.errors |= again.errors
    yield from _refuse(space, tasks, answers, rows, met)
    yield from _tell_known(space, answers, rows, met, minute)
    return met


def _queues_of(task: Task[object]) -> dict[str, str]:
    parents = task.depends_on
    listed = (parents,) if isinstance(parents, str | Task) else parents
    return {parent.id: parent.queue for parent in listed if isinstance(parent, Task)}


def _names() -> Steps[tuple[str, ...]]:
    names = yield None
    return tuple(str(name) for name in names)


def _placed(
    edges: Sequence[Edge], homes: Mapping[str, str], queues: Sequence[str]
) -> list[tuple[str, Edge]]:
    return [
        (queue, edge)
        for edge in edges
        for queue in (
            [homes[edge.parent]] if edge.parent in homes else likely_queues(edge.parent, queues)
        )
    ]


def _refuse(
    space: Space, tasks: Sequence[Task[object]], answers: Answers, rows: Sequence[Edge], met: Met
) -> Steps[None]:
    """Refuse tasks whose parents are unknown or could not be asked, and strike their edges."""
    by_id = {task.id: task for task in tasks}
    doubtful = _doubtful(by_id, answers, rows, met)
    if not doubtful:
        return
    # A task that is known already was taken when its parents were: enqueue answers its repeat.
    replies = yield [read_tasks(space, by_id[child].queue, [child]) for child in doubtful]
    for (child, parent), reply in zip(doubtful.items(), replies, strict=True):
        if isinstance(reply, RediqError):
            met.refused.setdefault(child, reply)
        elif isinstance(reply, list) and reply[0] is None:
            met.refused.setdefault(child, unknown(by_id[child], parent))
    struck = [
        unregister(space, answers.places[edge], [edge])
        for edge in rows
        if edge.child in doubtful and edge.child in met.refused and answers.found.get(edge) == b""
    ]
    if struck:
        yield struck


def _doubtful(
    tasks: Mapping[str, Task[object]], answers: Answers, rows: Sequence[Edge], met: Met
) -> dict[str, str]:
    """Return tasks with a parent that is unknown, and that parent."""
    doubtful: dict[str, str] = {}
    for edge in rows:
        if edge in answers.errors:
            met.refused[edge.child] = answers.errors[edge]
        elif edge not in answers.found:
            if tasks[edge.child].on_missing_dependency == "run":
                answers.found[edge] = AS_COMPLETED
            else:
                doubtful.setdefault(edge.child, edge.parent)
    return doubtful


def _tell_known(
    space: Space, answers: Answers, rows: Sequence[Edge], met: Met, minute: int
) -> Steps[None]:
    """Leave what is known already where the children will find it."""
    news: dict[str, list[News]] = {}
    for edge in rows:
        outcome = answers.found.get(edge)
        if outcome and edge.child not in met.refused:
            news.setdefault(edge.queue, []).append(News("o", edge, outcome))
    batches = [
        (queue, told[at : at + MAX_EDGES])
        for queue, told in news.items()
        for at in range(0, len(told), MAX_EDGES)
    ]
    if not batches:
        return
    replies = yield [tell(space, queue, batch, minute=minute) for queue, batch in batches]
    for (queue, batch), reply in zip(batches, replies, strict=True):
        if isinstance(reply, RediqError):
            met.refused |= {each.edge.child: reply for each in batch}
        elif isinstance(reply, Told) and reply.deliver:
            yield from relay(space, [(queue, parent) for parent in reply.deliver], minute=minute)


def unknown(task: Task[object], parent: str) -> UnknownDependency:
    """Make the error for a parent that no queue knows."""
    made_ms, child_ms = id_time_ms(parent), id_time_ms(task.id)
    is_old = made_ms is not None and child_ms is not None and child_ms - made_ms > _KEPT_MS
    if is_old:
        cause = "It is older than finished tasks are kept, so it may have completed and gone."
    else:
        cause = "It never existed, or it was deleted."
    return UnknownDependency(
        f"{task.type} depends on {parent}, which no queue knows, so it was not taken.",
        parent_id=parent,
        cause=cause,
        next_step='Enqueue that first, or pass on_missing_dependency="run".',
    )


def cycle(path: Sequence[str]) -> DependencyCycle:
    """Make the error for tasks that would wait for each other."""
    return DependencyCycle(
        f"These tasks would wait for each other for ever: {' → '.join(path)}.",
        path=path,
        cause="Each depends on the one after it."
        if len(path) > 2
        else "It depends on itself.",  # a path of one task names it twice
        next_step="Leave one of these dependencies out.",
    )
