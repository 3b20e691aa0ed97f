"""What was enqueued while a capture was on, for tests to look at and to hold to.

It answers with the tasks themselves, so a payload is the very object that was passed. Running them
is `drain`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from rediq_core.errors import TaskNotFound
from rediq_core.handlers.handler import Handler
from rediq_core.model.codec import MAX_PAYLOAD_BYTES
from rediq_core.model.task import Task
from rediq_core.model.task_type import TaskType
from rediq_core.model.views import TaskView
from rediq_core.testing.store import Store

R = TypeVar("R")
# What names a type of tasks: its name, its contract, or its handler.
Kind = str | TaskType[Any, Any] | Handler[..., Any, Any, Any]


class Captured:
    """The tasks of one capture, in the order they were enqueued.

    Attributes:
        store: What holds them.
    """

    def __init__(self, limit_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self.store = Store()
        self._limit_bytes = limit_bytes

    def __len__(self) -> int:
        return len(self.store.entries)

    def __iter__(self) -> Iterator[Task[object]]:
        return iter(self.all())

    def __repr__(self) -> str:
        return f"<Captured {_listed(self.all())}>"

    @property
    def schedules(self) -> Mapping[str, Task[object]]:
        """What was registered with `schedule` or `Task(cron=…)`, by name."""
        return dict(self.store.schedules)

    def all(self, kind: Kind | None = None, *, queue: str | None = None) -> Sequence[Task[object]]:
        """Return all tasks, or those of one type or queue, in order.

        Args:
            kind: A type's name, its `TaskType`, or its handler; None for all.
            queue: Only of this queue.
        """
        name = None if kind is None else type_name(kind)
        return [
            entry.task
            for entry in self.store.entries.values()
            if name in (None, entry.task.type) and queue in (None, entry.task.queue)
        ]

    @overload
    def one(self, kind: TaskType[Any, R], *, queue: str | None = None) -> Task[R]: ...

    @overload
    def one(self, kind: Handler[..., Any, Any, R], *, queue: str | None = None) -> Task[R]: ...

    @overload
    def one(self, kind: str | None = None, *, queue: str | None = None) -> Task[object]: ...

    def one(self, kind: Kind | None = None, *, queue: str | None = None) -> Task[Any]:
        """Return the only task of a type.

        Raises:
            AssertionError: There is none, or there are several; says what there is.
        """
        found = self.all(kind, queue=queue)
        if len(found) != 1:
            raise AssertionError(
                f"expected one {_wanted(kind, queue)}, got {len(found)}; enqueued were"
                f" {_listed(self.all())}"
            )
        return found[0]

    def none(self, kind: Kind | None = None, *, queue: str | None = None) -> None:
        """Hold that no task of a type was enqueued.

        Raises:
            AssertionError: Some were.
        """
        found = self.all(kind, queue=queue)
        if found:
            raise AssertionError(f"expected no {_wanted(kind, queue)}, got {_listed(found)}")

    def view(self, task: Task[Any] | str) -> TaskView:
        """Return where a task stands and what happened to it, as `Client.get` does.

        Raises:
            TaskNotFound: It was not enqueued here.
        """
        task_id = task if isinstance(task, str) else task.id
        entry = self.store.entries.get(task_id)
        if entry is None:
            raise TaskNotFound(
                f"No task with the id {task_id} was captured.",
                cause=f"Captured were {_listed(self.all())}.",
            )
        return entry.view()

    def put(self, task: Task[Any]) -> str:
        """Take a task as a client would; for what enqueues other than through a client."""
        return self.store.put(task, limit_bytes=self._limit_bytes)


def type_name(kind: Kind) -> str:
    """Return the name of what names a type."""
    if isinstance(kind, Handler):
        return kind.type.name
    return kind if isinstance(kind, str) else kind.name


def _wanted(kind: Kind | None, queue: str | None) -> str:
    name = "task" if kind is None else f"task of type {type_name(kind)}"
    return name if queue is None else f"{name} in {queue}"


def _listed(tasks: Sequence[Task[object]]) -> str:
    return ", ".join(f"{task.type} in {task.queue}" for task in tasks) or "none"
