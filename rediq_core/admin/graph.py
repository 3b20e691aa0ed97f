"""What a task depends on and what depends on it, through all levels and queues, as one graph.

Up along `depends_on`, down along the edges that lie with each parent, also those of children that
were told long ago. Siblings that share no line with the task are left out. Bounded: a graph may
have millions of tasks, a screen has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rediq_core.admin.access import Access
from rediq_core.admin.kin import MAX_CHILDREN, children_of
from rediq_core.admin.lookup import find_tasks
from rediq_core.model.views import TaskView

# Tasks of one graph; each costs a round trip for its children.
MAX_NODES = 200


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """A task among those it depends on and those that depend on it.

    Attributes:
        task_id: The task that was asked for.
        nodes: Id to the task, or to None if no queue knows it any more.
        children: Id to the ids of its children, as far as they are in `nodes`.
        has_more: There are more tasks than these.
    """

    task_id: str
    nodes: Mapping[str, TaskView | None]
    children: Mapping[str, tuple[str, ...]]
    has_more: bool = False

    @property
    def roots(self) -> list[str]:
        """Ids of the tasks that depend on none of these, in the order they were found."""
        below = {child for children in self.children.values() for child in children}
        return [id_ for id_ in self.nodes if id_ not in below]


@dataclass(slots=True)
class _Walk:
    """What was found so far; no task is visited twice, so a circle would end too."""

    nodes: dict[str, TaskView | None] = field(default_factory=dict)
    edges: dict[str, dict[str, None]] = field(default_factory=dict)
    has_more: bool = False

    def admit(self, ids: Iterable[str]) -> list[str]:
        """Return those that are new, as many as there is room for."""
        new = [id_ for id_ in dict.fromkeys(ids) if id_ not in self.nodes]
        room = MAX_NODES - len(self.nodes)
        self.has_more = self.has_more or len(new) > room
        return new[:room]

    def link(self, parent: str, child: str) -> None:
        self.edges.setdefault(parent, {})[child] = None


def read_graph(access: Access, task: TaskView) -> TaskGraph:
    """Walk up and down from a task: two round trips a level, and one a task below.

    Args:
        access: Where.
        task: The task to begin with.
    """
    walk = _Walk({task.id: task})
    _climb(access, walk, task)
    _descend(access, walk, task)
    children = {
        parent: tuple(child for child in found if child in walk.nodes)
        for parent, found in walk.edges.items()
        if parent in walk.nodes
    }
    return TaskGraph(task.id, walk.nodes, children, walk.has_more)


def _climb(access: Access, walk: _Walk, task: TaskView) -> None:
    level = [task]
    while level:
        for child in level:
            for parent in child.depends_on:
                walk.link(parent, child.id)
        new = walk.admit(parent for child in level for parent in child.depends_on)
        found = find_tasks(access, new) if new else {}
        # The end of an id may mean a task; what a task depends on is always whole.
        walk.nodes |= {id_: _exactly(id_, found.get(id_)) for id_ in new}
        level = [view for id_ in new if (view := walk.nodes[id_]) is not None]


def _descend(access: Access, walk: _Walk, task: TaskView) -> None:
    level = [task]
    while level:
        below: list[str] = []
        for parent in level:
            edges = children_of(access, parent)
            walk.has_more = walk.has_more or len(edges) > MAX_CHILDREN
            for _, child in edges[:MAX_CHILDREN]:
                walk.link(parent.id, child)
                below.append(child)
        new = walk.admit(below)
        found = find_tasks(access, new) if new else {}
        walk.nodes |= {id_: _exactly(id_, found.get(id_)) for id_ in new}
        level = [view for id_ in new if (view := walk.nodes[id_]) is not None]


def _exactly(id_: str, view: TaskView | None) -> TaskView | None:
    return view if view is not None and view.id == id_ else None
