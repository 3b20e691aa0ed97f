"""A function under `@mux.handler`: still that function, and now also its contract.

`Handler` is what the decorators return. The classes ending in `Binder` are what `mux.handler(…)`
returns: each says for one way of naming the contract which functions fit, so that mypy finds a
wrong payload, context or result. They register through the mux and hold no state of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    overload,
)

from rediq_core.handlers.context import Context, SyncContext
from rediq_core.handlers.dead_hooks import read_dead_hook
from rediq_core.handlers.groups import Member
from rediq_core.handlers.registration import Registration
from rediq_core.model.task import Task, TaskOptions
from rediq_core.model.task_type import TaskType

A = ParamSpec("A")  # the whole call
X = ParamSpec("X")  # the resources
C = TypeVar("C")  # what a call returns: the result, or a coroutine of it
P = TypeVar("P")
R = TypeVar("R")
P_contra = TypeVar("P_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
H = TypeVar("H", bound=Callable[..., object])

# What an `async def` returns when called. `Any` stands where coroutines have nothing to say.
Run = Coroutine[Any, Any, R]


class Handler(Generic[A, C, P, R]):
    """A registered function: call it as before, make tasks of its type, add hooks.

    Attributes:
        function: The function as it was written.
        type: The contract.
        registration: Its entry in the mux.
    """

    def __init__(self, function: Callable[A, C], registration: Registration) -> None:
        self.function = function
        self.type: TaskType[P, R] = registration.contract  # type: ignore[assignment]  # a registration does not carry P and R
        self.registration = registration
        self.__wrapped__ = function
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__

    def __call__(self, *args: A.args, **kwargs: A.kwargs) -> C:
        """Call the function itself: no middleware, no payload check."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Handler {self.type.name} {self.registration.where}>"

    # Not `Handler[A, C, object, R]`: with the class's own ParamSpec there, mypy 2.4 takes this
    # overload for every payload type.
    @overload
    def task(
        self: Handler[..., Any, object, R], payload: object = None, **options: Unpack[TaskOptions]
    ) -> Task[R]: ...

    @overload
    def task(self, payload: P, **options: Unpack[TaskOptions]) -> Task[R]: ...

    def task(self, payload: object = None, **options: Unpack[TaskOptions]) -> Task[R]:
        """Return a task of this type, as `TaskType.task` does."""
        return self.type.task(payload, **options)  # type: ignore[arg-type]  # the overloads above are TaskType.task's

    def on_dead(self, hook: H) -> H:
        """Run a function when a task of this type is dead, after it was settled.

        Args:
            hook: `(ctx, failure)` or `(ctx, payload, failure)`; async with a `Context`, or plain
                with a `SyncContext`. Several hooks run in the order they were added.

        Raises:
            ConfigError: It takes something else.
        """
        self.registration.dead_hooks.append(read_dead_hook(hook))
        return hook


class AsyncHandlerObject(Protocol[P_contra, R_co]):
    """An object with an async `handle`."""

    async def handle(self, ctx: Context, payload: P_contra, /) -> R_co:
        """Run one task."""
        ...


class PlainHandlerObject(Protocol[P_contra, R_co]):
    """An object with a plain `handle`."""

    def handle(self, ctx: SyncContext, payload: P_contra, /) -> R_co:
        """Run one task in a thread."""
        ...


HandlerObject = AsyncHandlerObject[P, R] | PlainHandlerObject[P, R]


# Registers a function and returns its entry.
Bind = Callable[[Callable[..., object]], Registration]


class _Binder:
    __slots__ = ("_bind",)

    def __init__(self, bind: Bind) -> None:
        self._bind = bind


class NameBinder(_Binder):
    """Binds a function to a name; payload and result come from its annotations."""

    __slots__ = ()

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P, X], Run[R]]
    ) -> Handler[Concatenate[Context, P, X], Run[R], P, R]: ...

    @overload
    def __call__(
        self, function: Callable[[Context], Run[R]]
    ) -> Handler[[Context], Run[R], object, R]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[SyncContext, P, X], R]
    ) -> Handler[Concatenate[SyncContext, P, X], R, P, R]: ...

    @overload
    def __call__(
        self, function: Callable[[SyncContext], R]
    ) -> Handler[[SyncContext], R, object, R]: ...

    def __call__(
        self, function: Callable[..., Any]
    ) -> Handler[..., Any, Any, Any]:  # Any: see the overloads
        """Register the function."""
        return Handler(function, self._bind(function))


class ContractBinder(_Binder, Generic[P, R]):
    """Binds a function to a contract that says what its payload is."""

    __slots__ = ()

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P, X], Run[R]]
    ) -> Handler[Concatenate[Context, P, X], Run[R], P, R]: ...

    @overload
    def __call__(
        self, function: Callable[[Context], Run[R]]
    ) -> Handler[[Context], Run[R], P, R]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[SyncContext, P, X], R]
    ) -> Handler[Concatenate[SyncContext, P, X], R, P, R]: ...

    @overload
    def __call__(self, function: Callable[[SyncContext], R]) -> Handler[[SyncContext], R, P, R]: ...

    def __call__(
        self, function: Callable[..., Any]
    ) -> Handler[..., Any, Any, Any]:  # Any: see the overloads
        """Register the function."""
        return Handler(function, self._bind(function))


class OpenBinder(_Binder, Generic[R]):
    """Binds a function to a contract that leaves the payload to the function."""

    __slots__ = ()

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P, X], Run[R]]
    ) -> Handler[Concatenate[Context, P, X], Run[R], object, R]: ...

    @overload
    def __call__(
        self, function: Callable[[Context], Run[R]]
    ) -> Handler[[Context], Run[R], object, R]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[SyncContext, P, X], R]
    ) -> Handler[Concatenate[SyncContext, P, X], R, object, R]: ...

    @overload
    def __call__(
        self, function: Callable[[SyncContext], R]
    ) -> Handler[[SyncContext], R, object, R]: ...

    def __call__(
        self, function: Callable[..., Any]
    ) -> Handler[..., Any, Any, Any]:  # Any: see the overloads
        """Register the function."""
        return Handler(function, self._bind(function))


class GroupBinder(_Binder, Generic[P]):
    """Binds a function that takes a group's members to a contract."""

    __slots__ = ()

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, list[Member[P]], X], Run[object]]
    ) -> Handler[Concatenate[Context, list[Member[P]], X], Run[object], P, object]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[SyncContext, list[Member[P]], X], object]
    ) -> Handler[Concatenate[SyncContext, list[Member[P]], X], object, P, object]: ...

    def __call__(
        self, function: Callable[..., Any]
    ) -> Handler[..., Any, Any, Any]:  # Any: see the overloads
        """Register the function."""
        return Handler(function, self._bind(function))


class NameGroupBinder(_Binder):
    """Binds a function that takes a group's members to a name."""

    __slots__ = ()

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, list[Member[P]], X], Run[object]]
    ) -> Handler[Concatenate[Context, list[Member[P]], X], Run[object], P, object]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[SyncContext, list[Member[P]], X], object]
    ) -> Handler[Concatenate[SyncContext, list[Member[P]], X], object, P, object]: ...

    def __call__(
        self, function: Callable[..., Any]
    ) -> Handler[..., Any, Any, Any]:  # Any: see the overloads
        """Register the function."""
        return Handler(function, self._bind(function))
