"""Put every client of this process on a capture instead of a server, for the length of a block.

The methods of `Client` and `SyncClient` are replaced on the classes, so clients that exist already
and those that code under test makes are both taken, in every thread. Nothing connects. Blocks may
be nested; the innermost takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar, cast

from rediq_core.client import Client, SyncClient, plan
from rediq_core.errors import RediqError
from rediq_core.model.codec import MAX_PAYLOAD_BYTES
from rediq_core.model.durations import Duration
from rediq_core.model.schedule import Schedule
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import TaskView
from rediq_core.testing.captured import Captured

R = TypeVar("R")
_CAPTURES: list[Captured] = []


def active_capture() -> Captured | None:
    """Return the capture that takes now, or None."""
    return _CAPTURES[-1] if _CAPTURES else None


@contextmanager
def capture(*, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> Iterator[Captured]:
    """Take what all clients of this process enqueue, and need no server.

    `enqueue`, `enqueue_many`, `get`, `result`, `cancel`, `schedule` and `unschedule` work on what
    was taken, with the errors they have on a server: payloads are encoded, unique keys held, ids
    known. `result` does not wait: what `drain` has not run has no result.

    Args:
        max_payload_bytes: Largest payload taken.

    Yields:
        What was taken so far, and will be.
    """
    captured = Captured(max_payload_bytes)
    _CAPTURES.append(captured)
    try:
        with ExitStack() as stack:
            for kind in (Client, SyncClient):
                for name, replacement in _replacements(captured, is_async=kind is Client).items():
                    stack.enter_context(_replaced(kind, name, replacement))
            yield captured
    finally:
        _CAPTURES.remove(captured)


@contextmanager
def _replaced(kind: type[Any], name: str, replacement: Callable[..., object]) -> Iterator[None]:
    is_own, before = name in vars(kind), vars(kind).get(name)
    setattr(kind, name, replacement)
    try:
        yield
    finally:
        if is_own:
            setattr(kind, name, before)
        else:
            delattr(kind, name)


class _Face:
    """The verbs of a client, over a capture; the client itself is passed and does not matter."""

    def __init__(self, captured: Captured) -> None:
        self._captured = captured

    def enqueue(self, task: Task[R]) -> str:
        return self._captured.put(task)

    def enqueue_many(self, tasks: Iterable[Task[R]]) -> list[str]:
        results: list[str | RediqError] = []
        for task in tasks:
            try:
                results.append(self._captured.put(task))
            except RediqError as error:
                results.append(error)
        if any(isinstance(result, RediqError) for result in results):
            raise plan.many_failed(results)
        return cast("list[str]", results)

    def get(self, task_id: str) -> TaskView:
        return self._captured.view(task_id)

    def result(
        self,
        task: Task[R] | str,
        timeout: Duration | None = None,  # noqa: ARG002  # the client's signature; nothing waits
    ) -> object:
        view = self._captured.view(task)
        if not plan.is_finished(view):
            raise plan.result_timeout(view, view.id, 0)
        return plan.typed_result(view, task)

    def cancel(
        self,
        task: Task[R] | str,
        *,
        reason: str = "",
        force: bool = False,  # noqa: ARG002  # the client's signature; there is no process to kill
    ) -> TaskState:
        view = self._captured.view(task)
        note = f"{plan.actor()}: {reason}" if reason else plan.actor()
        word = self._captured.store.cancel(self._captured.store.entries[view.id], note)
        return plan.cancelled_state(view, word)

    def schedule(self, name: str, cron: str, task: Task[R], **options: Any) -> str:
        Schedule.of(name, cron, task, **options)
        self._captured.store.schedules[name] = task
        return name

    def unschedule(self, name: str) -> bool:
        return self._captured.store.schedules.pop(name, None) is not None


_VERBS = ("enqueue", "enqueue_many", "get", "result", "cancel", "schedule", "unschedule")


def _replacements(captured: Captured, *, is_async: bool) -> dict[str, Callable[..., object]]:
    face = _Face(captured)
    return {name: _method(getattr(face, name), is_async=is_async) for name in _VERBS}


def _method(verb: Callable[..., object], *, is_async: bool) -> Callable[..., object]:
    if is_async:

        async def call_async(_client: object, *args: object, **options: object) -> object:
            return verb(*args, **options)

        return call_async

    def call(_client: object, *args: object, **options: object) -> object:
        return verb(*args, **options)

    return call
