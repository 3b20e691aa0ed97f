"""What both clients decide before and after they send: pure functions without I/O.

Batches, which queue an id may be in, what a finished task means for someone who waits for it.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar, cast

from rediq_core.errors import (
    EnqueueManyFailed,
    InvalidPayload,
    RediqError,
    ResultTimeout,
    TaskCancelled,
    TaskFailed,
    TaskNotFound,
    WrongState,
)
from rediq_core.model.state import FINAL_STATES, TaskState
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
            f"Task {view.id} ({view.type}) is dead after {_attempts(view.attempts)}.",
            task_id=view.id,
            error=view.error,
            cause=view.error,
            next_step=f"See why: rediq task inspect {view.id}",
        )
    if view.state in (TaskState.CANCELLED, TaskState.TRASH):
        raise TaskCancelled(
            f"Task {view.id} ({view.type}) was cancelled.",
            task_id=view.id,
            next_step=f"See by whom and why: rediq task inspect {view.id}",
        )
    return False


def _attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def result_timeout(view: TaskView | None, task_id: str, timeout_s: float) -> ResultTimeout:
    """Make the error for a task that did not finish in time."""
    state = "unknown" if view is None else view.state.value
    late = f"did not finish within {timeout_s:g} s" if timeout_s else "has not finished"
    return ResultTimeout(
        f"Task {task_id} {late}; it is {state}.",
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


def cancelled_state(view: TaskView, word: str) -> TaskState:
    """Read what a cancel did to one task.

    Raises:
        TaskNotFound: It went away meanwhile.
        WrongState: It has finished.
    """
    if word == "moved":
        return TaskState.CANCELLED
    if word == "intent":
        return TaskState.ACTIVE
    if word == "unknown":
        raise TaskNotFound(
            f"No task has the id {view.id}.",
            cause="It was deleted, or its retention has passed.",
            next_step=f"Look in the trash: rediq task inspect {view.id}",
        )
    is_final = TaskState(word) in FINAL_STATES
    raise WrongState(
        f"Task {view.id} is {word}, so it was not cancelled.",
        task_id=view.id,
        state=word,
        cause="It has finished." if is_final else "It was deleted.",
        next_step=f"See it: rediq task inspect {view.id}",
    )


@cache
def actor() -> str:
    """Return who acts, as user@host, for timelines and the audit."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
