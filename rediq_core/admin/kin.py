"""A task's parents and children, each with its state: bounded reads of the edges around it.

The whole graph, level by level, is walked in `graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.lookup import find_tasks
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.verbs.inspect import read_tasks
from rediq_core.verbs.presence import Command

# Children that are named; a task may have thousands.
MAX_CHILDREN = 50
# How edges of `dependents` begin: to be told, told, died of it.
_MARKS = ("", "/", ">")


@dataclass(frozen=True, slots=True)
class Relative:
    """A task beside another one.

    Attributes:
        id: Its id.
        queue: Its queue, or "" if no queue knows it.
        type: Its type, or "".
        state: Its state, or None if no queue knows it.
    """

    id: str
    queue: str = ""
    type: str = ""
    state: TaskState | None = None


@dataclass(frozen=True, slots=True)
class Kin:
    """What a task depends on, and what depends on it.

    Attributes:
        parents: In the order of `depends_on`.
        children: At most MAX_CHILDREN.
        has_more: There are more children.
    """

    parents: tuple[Relative, ...] = ()
    children: tuple[Relative, ...] = ()
    has_more: bool = False


def read_kin(access: Access, task: TaskView) -> Kin:
    """Read who a task depends on and who depends on it: 2 round trips a queue of theirs."""
    found = find_tasks(access, task.depends_on) if task.depends_on else {}
    parents = tuple(_relative(id_, found.get(id_)) for id_ in task.depends_on)
    edges = children_of(access, task)
    shown = edges[:MAX_CHILDREN]
    children = {
        view.id: view
        for queue in dict.fromkeys(queue for queue, _ in shown)
        for view in _views(access, queue, [child for name, child in shown if name == queue])
    }
    relatives = tuple(_relative(child, children.get(child), queue) for queue, child in shown)
    return Kin(parents, relatives, len(edges) > MAX_CHILDREN)


def children_of(access: Access, task: TaskView) -> list[tuple[str, str]]:
    """Return queue and id of the children, one more than are shown if there are: 1 round trip."""
    key = keys.queue_key(access.namespace, task.queue, "dependents")
    limit = MAX_CHILDREN + 1
    commands: list[Command] = [
        ("ZRANGEBYLEX", key, f"[{mark}{task.id}>", f"({mark}{task.id}?", "LIMIT", 0, limit)
        for mark in _MARKS
    ]
    members = [m for reply in access.commands(commands, key=key) for m in reply]
    names = (member.decode("utf-8", "replace").rpartition(">")[2] for member in members)
    pairs = (name.partition("/") for name in names)
    return list(dict.fromkeys((queue, child) for queue, _, child in pairs))


def _views(access: Access, queue: str, ids: Sequence[str]) -> list[TaskView]:
    return [view for view in access.run(read_tasks(access.space, queue, ids)) if view is not None]


def _relative(id_: str, task: TaskView | None, queue: str = "") -> Relative:
    if task is None:
        return Relative(id_, queue)
    return Relative(task.id, task.queue, task.type, task.state)
