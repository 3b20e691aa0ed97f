"""What both clients decide before and after they send: pure functions without I/O.

Batches, which queue an id may be in, what a finished task means for someone who waits for it.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TypeVar, cast

from rediq_core.errors import (
    EnqueueManyFailed,
    InvalidOption,
    InvalidPayload,
    RediqError,
    ResultTimeout,
    TaskCancelled,
    TaskFailed,
    TaskNotFound,
)
from rediq_core.model.ids import queue_tag, tag_of_queue
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import TaskView
from rediq_core.verbs.enqueue import MAX_BYTES, MAX_TASKS, EncodedTask

R = TypeVar("R")
# Waits between looks at an unfinished task, in seconds: quick for quick tasks, cheap for slow ones.
FIRST_LOOK_S = 0.005
LAST_LOOK_S = 0.5


def batches(encoded: Sequence[EncodedTask]) -> Iterator[Sequence[EncodedTask]]:
    """Split tasks of one queue so that no call holds too many or too large ones."""
    start, size = 0, 0
    for i, task in enumerate(encoded):
        if i > start and (i - start == MAX_TASKS or size + len(task.tail) > MAX_BYTES):
            yield encoded[start:i]
            start, size = i, 0
        size += len(task.tail)
    if start < len(encoded):
        yield encoded[start:]


def check_supported(task: Task[R]) -> None:
    """Refuse what the engine of this version does not act on, instead of ignoring it.

    Raises:
        InvalidOption: The task depends on others, or is collected in a group.
    """
    for option in ("depends_on", "group"):
        if getattr(task, option):
            raise InvalidOption(
                f"{option} of {task.type} was refused.",
                cause="This version of Rediq does not act on it yet.",
                next_step=f"Leave {option} out.",
            )


def likely_queues(task_id: str, queues: Iterable[str]) -> list[str]:
    """Return the queues that an id can be in: those its tag names, else all."""
    tag = queue_tag(task_id)
    if tag is not None:
        return [queue for queue in queues if tag_of_queue(queue) == tag]
    return list(queues)


def not_found(task_id: str) -> TaskNotFound:
    """Make the error for an id that no queue knows."""
    return TaskNotFound(
        f"No task has the id {task_id}.",
        cause="It never existed, or it finished longer ago than tasks are kept.",
        next_step="Look for it: rediq task list all text:WORD",
    )


def many_failed(results: Sequence[str | RediqError]) -> EnqueueManyFailed:
    """Make the error that says how many of a batch were refused, and the first reason."""
    errors = [result for result in results if isinstance(result, RediqError)]
    return EnqueueManyFailed(
        f"{len(errors)} of {len(results)} tasks were refused; the others were taken.",
        results=results,
        cause=f"The first: {errors[0].code} {errors[0].message}",
        next_step="Read .results: for each task in order its id or the error that refused it.",
    )


def is_finished(view: TaskView) -> bool:
    """Say whether a task has an outcome; raises the outcomes that are errors.

    Raises:
        TaskFailed: It is dead.
        TaskCancelled: It was cancelled or deleted.
    """
    if view.state is TaskState.COMPLETED:
        return True
    if view.state is TaskState.DEAD:
        raise TaskFailed(
            f"Task {view.id} ({view.type}) is dead after {view.attempts} attempts.",
            task_id=view.id,
            error=view.error,
            cause=view.error,
            next_step=f"See why: rediq task inspect {view.id}",
        )
    if view.state in (TaskState.CANCELLED, TaskState.TRASH):
        raise TaskCancelled(f"Task {view.id} ({view.type}) was cancelled.", task_id=view.id)
    return False


def result_timeout(view: TaskView | None, task_id: str, timeout_s: float) -> ResultTimeout:
    """Make the error for a task that did not finish in time."""
    state = "unknown" if view is None else view.state.value
    return ResultTimeout(
        f"Task {task_id} did not finish within {timeout_s:g} s; it is {state}.",
        cause="It waits for a worker, for its time, or still runs.",
        next_step=f"See why: rediq why {task_id}",
    )


def typed_result(view: TaskView, task: Task[R] | str) -> object:
    """Return a completed task's result, validated if the task came from a contract.

    Raises:
        InvalidPayload: The result is not what the contract says.
    """
    returns = None if isinstance(task, str) else task.returns
    if returns is None or view.result_json is None:
        return view.result
    # Deferred: pydantic costs 60 ms to import, and untyped results never need it.
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    try:
        adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", returns))
        return adapter.validate_json(view.result_json)
    except ValidationError as error:
        raise InvalidPayload(
            f"The result of task {view.id} is not what {view.type} says it returns.",
            cause=f"{error.error_count()} fields do not fit.",
            next_step="Bring the contract and the worker to the same version.",
        ) from error


@cache
def actor() -> str:
    """Return who acts, as user@host, for timelines and the audit."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
