"""The contract for many tasks of one kind, shared by producers and workers.

A `TaskType` names the type and says what its payload and result are, where its tasks go, and what
holds for those that say nothing else. Producers import it, not the handler. It does no I/O and
keeps no registry; handlers are bound to it by a `Mux`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Generic, TypeVar, Unpack, overload

from rediq_core.errors import InvalidOption
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.names import check_name
from rediq_core.model.retry import BackoffLike, to_backoff
from rediq_core.model.task import (
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE,
    LOWEST_PRIORITY,
    Task,
    TaskOptions,
)

P = TypeVar("P")
R = TypeVar("R")


class _Untyped:
    """Stands for a payload or result that the contract says nothing about."""


UNTYPED = _Untyped


@dataclass(frozen=True, slots=True, init=False)
class TaskType(Generic[P, R]):
    """The contract of a kind of task.

    Attributes:
        name: The type's name.
        payload: What its payload validates as, or UNTYPED.
        returns: What its result validates as, or UNTYPED.
        queue: Queue of its tasks unless they name another.
        priority: Priority of its tasks unless they name another.
        max_retry: For tasks that say nothing; None leaves it to the queue.
        timeout: For tasks that say nothing; None leaves it to the queue.
        backoff: For tasks that say nothing; None leaves it to the queue.
        keep: For tasks that say nothing; None leaves it to the queue.
    """

    name: str
    payload: type[P] | type[_Untyped]
    _: KW_ONLY
    returns: type[R] | type[_Untyped]
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    max_retry: int | None = None
    timeout: Duration | None = None
    backoff: BackoffLike | None = None
    keep: Duration | None = field(default=None)

    @overload
    def __init__(
        self: TaskType[object, object],
        name: str,
        payload: None = None,
        *,
        returns: None = None,
        queue: str = ...,
        priority: int = ...,
        max_retry: int | None = ...,
        timeout: Duration | None = ...,
        backoff: BackoffLike | None = ...,
        keep: Duration | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: TaskType[P, object],
        name: str,
        payload: type[P],
        *,
        returns: None = None,
        queue: str = ...,
        priority: int = ...,
        max_retry: int | None = ...,
        timeout: Duration | None = ...,
        backoff: BackoffLike | None = ...,
        keep: Duration | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: TaskType[object, R],
        name: str,
        payload: None = None,
        *,
        returns: type[R],
        queue: str = ...,
        priority: int = ...,
        max_retry: int | None = ...,
        timeout: Duration | None = ...,
        backoff: BackoffLike | None = ...,
        keep: Duration | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        payload: type[P],
        *,
        returns: type[R],
        queue: str = ...,
        priority: int = ...,
        max_retry: int | None = ...,
        timeout: Duration | None = ...,
        backoff: BackoffLike | None = ...,
        keep: Duration | None = ...,
    ) -> None: ...

    def __init__(  # the contract's options are keywords
        self,
        name: str,
        payload: type[P] | None = None,
        *,
        returns: type[R] | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        max_retry: int | None = None,
        timeout: Duration | None = None,
        backoff: BackoffLike | None = None,
        keep: Duration | None = None,
    ) -> None:
        check_name("type", name)
        check_name("queue", queue)
        if type(priority) is not int or not 0 <= priority <= LOWEST_PRIORITY:
            raise InvalidOption(
                f"priority {priority!r} is not a whole number from 0 to {LOWEST_PRIORITY}."
            )
        for option, value in (("timeout", timeout), ("keep", keep)):
            if value is not None:
                duration_ms(value, option)
        put = object.__setattr__  # the dataclass is frozen
        put(self, "name", name)
        put(self, "payload", UNTYPED if payload is None else payload)
        put(self, "returns", UNTYPED if returns is None else returns)
        put(self, "queue", queue)
        put(self, "priority", priority)
        put(self, "max_retry", max_retry)
        put(self, "timeout", timeout)
        put(self, "backoff", None if backoff is None else to_backoff(backoff))
        put(self, "keep", keep)

    @overload
    def task(
        self: TaskType[object, R], payload: object = None, **options: Unpack[TaskOptions]
    ) -> Task[R]: ...

    @overload
    def task(self, payload: P, **options: Unpack[TaskOptions]) -> Task[R]: ...

    def task(self, payload: object = None, **options: Unpack[TaskOptions]) -> Task[R]:
        """Return a task of this type; what the options name wins over the contract.

        Args:
            payload: A value of the contract's payload type; left out only where it names none.
            options: Any option of `Task`.
        """
        options.setdefault("queue", self.queue)
        options.setdefault("priority", self.priority)
        made: Task[R] = Task(self.name, payload, **options)
        if self.returns is not UNTYPED:
            made.__dict__["returns"] = self.returns
        return made
