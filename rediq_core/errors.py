"""The one error tree: what happened, why, and the next step, under a stable code.

Every error that leaves the engine is a `RediqError`. Its text has three parts (`message`, `cause`,
`next_step`), its class has a code that never changes, and a class carries the fields that a
caller needs to act. It is not the place for control flow inside a handler: `Retry`, `Snooze` and
`Permanent` are signals and live with the handlers.

Example:
    try:
        await client.enqueue(task)
    except DuplicateTask as error:
        print(error.owner_id)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class RediqError(Exception):
    """Carry what happened, why, and the next step.

    Attributes:
        code: Stable identifier such as "E001"; the same for every instance of a class.
        message: What happened, one sentence, without secrets.
        cause: Why, one sentence, or "".
        next_step: What the reader can do now, or "".
    """

    code: ClassVar[str] = "E000"

    def __init__(self, message: str, *, cause: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [f"{self.code} {self.message}", self.cause, self.next_step]
        return "\n     ".join(part for part in parts if part)


class RedisUnavailable(RediqError):
    """Redis could not be reached, or did not answer before the deadline.

    Attributes:
        ambiguous: True if the call may have been executed; sending the same Call again is safe.
        is_authentication: True if Redis answered and refused the credentials.
    """

    code = "E001"

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        next_step: str = "",
        ambiguous: bool = False,
        is_authentication: bool = False,
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.ambiguous = ambiguous
        self.is_authentication = is_authentication


class InvalidPayload(RediqError):
    """A payload or result is not JSON that this task type accepts."""

    code = "E002"


class QueueNotFound(RediqError):
    """No queue of this name exists. Enqueueing creates a queue, reading does not."""

    code = "E003"


class TaskTimeout(RediqError):
    """A run was stopped because it passed its timeout."""

    code = "E004"


class InvalidOption(RediqError):
    """A name, duration, priority or other option is outside what is allowed."""

    code = "E005"


class PayloadTooLarge(RediqError):
    """An encoded payload or result is over its limit; nothing was sent.

    Attributes:
        size_bytes: Encoded size.
        limit_bytes: The limit it passed.
    """

    code = "E006"

    def __init__(
        self,
        message: str,
        *,
        size_bytes: int,
        limit_bytes: int,
        cause: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class UnknownDependency(RediqError):
    """A task depends on an id that is not there.

    Attributes:
        parent_id: The id that was not found.
    """

    code = "E007"

    def __init__(
        self, message: str, *, parent_id: str, cause: str = "", next_step: str = ""
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.parent_id = parent_id


class DependencyCycle(RediqError):
    """Tasks wait for each other.

    Attributes:
        path: The ids of the cycle, first repeated last.
    """

    code = "E008"

    def __init__(
        self, message: str, *, path: Sequence[str], cause: str = "", next_step: str = ""
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.path = tuple(path)


class DuplicateTask(RediqError):
    """The unique key is taken, or the id is known with other content.

    Attributes:
        owner_id: The id of the task that holds the key or the id.
    """

    code = "E009"

    def __init__(
        self, message: str, *, owner_id: str, cause: str = "", next_step: str = ""
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.owner_id = owner_id


class InvalidCron(RediqError):
    """A cron expression or time zone cannot be read, or never fires."""

    code = "E010"


class TaskNotFound(RediqError):
    """No task has this id: it never existed, or retention has removed it."""

    code = "E011"


class WrongState(RediqError):
    """The task is not in a state that this action takes.

    Attributes:
        task_id: The task that was left as it is.
        state: The state it was found in.
    """

    code = "E012"

    def __init__(
        self,
        message: str,
        *,
        task_id: str = "",
        state: str = "",
        cause: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.task_id = task_id
        self.state = state


class LeaseLost(RediqError):
    """The caller's lease is gone, so its settle changed nothing."""

    code = "E013"


class ConfigError(RediqError):
    """Configuration cannot be read, or asks for something impossible."""

    code = "E014"


class SchemaMismatch(RediqError):
    """Redis holds a key of the wrong type, or data of a version this Rediq does not know."""

    code = "E015"


class Refused(RediqError):
    """The action was not allowed: read-only, not confirmed, protected, or denied by Redis ACL."""

    code = "E016"


class QueueFull(RediqError):
    """The queue holds as many tasks as its `max_len` allows."""

    code = "E017"


class RedisOutOfMemory(RediqError):
    """Redis is at maxmemory and refused to take new tasks."""

    code = "E018"


class TaskFailed(RediqError):
    """A result was asked for, and the task is dead.

    Attributes:
        task_id: The dead task.
        error: The last error's text.
    """

    code = "E019"

    def __init__(
        self,
        message: str,
        *,
        task_id: str,
        error: str = "",
        cause: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.task_id = task_id
        self.error = error


class TaskCancelled(RediqError):
    """A result was asked for, and the task was cancelled.

    Attributes:
        task_id: The cancelled task.
    """

    code = "E020"

    def __init__(self, message: str, *, task_id: str, cause: str = "", next_step: str = "") -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.task_id = task_id


class ResultTimeout(RediqError, TimeoutError):
    """The task did not finish within the time the caller was ready to wait."""

    code = "E021"


class EnqueueManyFailed(RediqError):
    """Some tasks of a batch were refused; all were tried.

    Attributes:
        results: For each task in order, its id or the error that refused it.
    """

    code = "E022"

    def __init__(
        self,
        message: str,
        *,
        results: Sequence[str | RediqError],
        cause: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(message, cause=cause, next_step=next_step)
        self.results = tuple(results)


class WorkerNotFound(RediqError):
    """No worker has this id: it never lived here, stopped in order, or was lost long ago."""

    code = "E023"


class OperationNotFound(RediqError):
    """No operation has this id, or none is left that could be meant."""

    code = "E025"


class ScheduleNotFound(RediqError):
    """No schedule has this name: it was never declared, or somebody deleted it."""

    code = "E026"


class GroupNotFound(RediqError):
    """No member of this group is in line: none was enqueued, or they run or have run."""

    code = "E027"
