"""Where handlers, middlewares and resources are registered, and looked up by task type.

A Mux is filled at import time, by decorators, and opened once in each task process. It runs nothing
by itself: the worker calls `lookup` for a claimed task and then the registration's `call`.

Example:
    mux = Mux()

    @mux.handler(payment)
    async def charge(ctx: Context, payload: PaymentPayload, db: Pool) -> Receipt:
        ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, Unpack, overload

from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.handlers.context import Context, SyncContext, share_run
from rediq_core.handlers.groups import (
    DEFAULT_GRACE,
    DEFAULT_MAX_DELAY,
    DEFAULT_MAX_SIZE,
    group_rule,
)
from rediq_core.handlers.handler import (
    AsyncHandlerObject,
    ContractBinder,
    GroupBinder,
    HandlerObject,
    NameBinder,
    NameGroupBinder,
    OpenBinder,
    PlainHandlerObject,
)
from rediq_core.handlers.middleware import Layer, Middleware, check_middleware
from rediq_core.handlers.payloads import loader_for
from rediq_core.handlers.registration import PlainRunner, Registration, TypeOptions, contract_for
from rediq_core.handlers.resources import (
    OpenResources,
    ResourceFunction,
    Scope,
    Scopes,
    find_resource,
    open_resources,
    opening_order,
    read_resource,
)
from rediq_core.handlers.signature import (
    Mode,
    read_signature,
    where_is,
)
from rediq_core.model.durations import Duration
from rediq_core.model.groups import GroupRule
from rediq_core.model.names import check_name
from rediq_core.model.task_type import TaskType

P = TypeVar("P")
R = TypeVar("R")
F = TypeVar("F", bound=ResourceFunction)


async def run_in_thread(registration: Registration, ctx: Context) -> object:
    """Run a plain handler in a thread of the default pool; what a Mux does by itself."""
    return await asyncio.to_thread(registration.call_plain, share_run(ctx, SyncContext))


class Mux:
    """The handlers of a module or program.

    Filled at import, by one thread. `open_resources` and `close_resources` belong to one event
    loop at a time and are called by the worker; a forked child opens its own.
    """

    def __init__(self) -> None:
        self._registrations: dict[str, Registration] = {}
        self._scope = Scope()
        # Every scope there are resources in, each with those it may look in: ours, then included.
        self._stacks: list[Scopes] = [(self._scope,)]
        self._opened: OpenResources | None = None

    @overload
    def handler(
        self, contract: TaskType[object, R], /, *, mode: Mode | None = None
    ) -> OpenBinder[R]: ...

    @overload
    def handler(
        self, contract: TaskType[P, R], /, *, mode: Mode | None = None
    ) -> ContractBinder[P, R]: ...

    @overload
    def handler(
        self, contract: str, /, *, mode: Mode | None = None, **options: Unpack[TypeOptions]
    ) -> NameBinder: ...

    def handler(
        self,
        contract: TaskType[Any, Any] | str,  # Any: see the overloads
        /,
        *,
        mode: Mode | None = None,
        **options: Unpack[TypeOptions],
    ) -> OpenBinder[Any] | ContractBinder[Any, Any] | NameBinder:  # Any: see the overloads
        """Register the decorated function as the handler of a type.

        It is called by position with the context, the payload, and resources found by annotation.

        Args:
            contract: The TaskType, or a name from which one is made with the function's
                annotations.
            mode: None runs `async def` on the event loop and `def` in a thread; "process" runs a
                module-level `def` in a process that can be killed.
            options: Of the contract, where it is made from a name.

        Returns:
            A decorator; what it returns is called like the function and makes tasks.

        Raises:
            ConfigError: The function cannot be this type's handler, or the type has one.
            InvalidOption: An option is wrong, or stands beside a TaskType.
        """

        def bind(function: Callable[..., object]) -> Registration:
            return self._register(contract, options, function, mode)

        return NameBinder(bind)

    @overload
    def group_handler(
        self,
        contract: TaskType[P, Any],  # Any: members share an outcome, results are not compared
        /,
        *,
        max_size: int = ...,
        grace: Duration = ...,
        max_delay: Duration = ...,
        mode: Mode | None = ...,
    ) -> GroupBinder[P]: ...

    @overload
    def group_handler(
        self,
        contract: str,
        /,
        *,
        max_size: int = ...,
        grace: Duration = ...,
        max_delay: Duration = ...,
        mode: Mode | None = ...,
        **options: Unpack[TypeOptions],
    ) -> NameGroupBinder: ...

    def group_handler(
        self,
        contract: TaskType[Any, Any] | str,  # Any: see the overloads
        /,
        *,
        max_size: int = DEFAULT_MAX_SIZE,
        grace: Duration = DEFAULT_GRACE,
        max_delay: Duration = DEFAULT_MAX_DELAY,
        mode: Mode | None = None,
        **options: Unpack[TypeOptions],
    ) -> GroupBinder[Any] | NameGroupBinder:  # Any: see the overloads
        """Register the decorated function for the groups of a type.

        It is called with the context, a `list[Member[P]]`, and resources. A task without a group
        arrives as a list of one.

        Args:
            contract: As for `handler`.
            max_size: The group runs at once with so many members; 1 to 100.
            grace: It runs when no member has come for so long.
            max_delay: It runs when its first member has waited so long.
            mode: As for `handler`; not "process".
            options: As for `handler`.

        Raises:
            ConfigError: As for `handler`.
            InvalidOption: As for `handler`.
        """
        group = group_rule(max_size, grace, max_delay)
        if mode == "process":
            raise InvalidOption(
                "a group handler cannot run in a process.",
                cause="What it says of single members would stay there.",
            )

        def bind(function: Callable[..., object]) -> Registration:
            return self._register(contract, options, function, mode, group)

        return NameGroupBinder(bind)

    @overload
    def add(self, contract: TaskType[P, R], handler: AsyncHandlerObject[P, R], /) -> None: ...

    @overload
    def add(self, contract: TaskType[P, R], handler: PlainHandlerObject[P, R], /) -> None: ...

    @overload
    def add(  # Any: a contract without a payload type leaves it to the object
        self, contract: TaskType[object, R], handler: HandlerObject[Any, R], /
    ) -> None: ...

    @overload
    def add(  # Any: there is no contract to hold it against
        self, contract: str, handler: HandlerObject[Any, object], /
    ) -> None: ...

    def add(
        self,
        contract: TaskType[Any, Any] | str,  # Any: see the overloads
        handler: HandlerObject[Any, Any],  # Any: see the overloads
        /,
    ) -> None:
        """Register an object's `handle`, async or plain, for a type.

        Raises:
            ConfigError: It has none that fits, or the type has a handler.
        """
        handle = getattr(handler, "handle", None)
        if isinstance(handler, type) or not callable(handle):
            raise ConfigError(
                f"{where_is(handler)} is not a handler object.",
                next_step="Pass an instance with: async def handle(self, ctx: Context, payload)",
            )
        self._register(contract, {}, handle, None)

    def use(self, middleware: Middleware, *, queue: str | None = None) -> None:
        """Run a middleware around this mux's handlers and those it includes.

        Args:
            middleware: An async function `(ctx, call_next)`, or an object with `before(ctx)`
                and/or `after(ctx, result)`. The first one added is outermost.
            queue: Only around tasks of this queue; None for all.

        Raises:
            ConfigError: It is neither.
        """
        check_middleware(middleware)
        if queue is not None:
            check_name("queue", queue)
        self._scope.layers.append(Layer(middleware, queue))

    def surround(self, layers: Sequence[Layer]) -> None:
        """Run middlewares around all that `use` added; the last call counts. For the worker."""
        for registration in self._registrations.values():
            registration.outer = tuple(layers)

    def resource(self, function: F) -> F:
        """Register the decorated generator function as what yields a resource.

        Opened before the first task of a process, closed after its last; found by the type it
        yields. It may take resources that were registered before it.

        Raises:
            ConfigError: It does not yield, or not say what, or another yields the same type.
        """
        resource = read_resource(function)
        other = self._scope.resources.get(resource.type)
        if other is not None:
            raise ConfigError(
                f"resource {resource.where} yields the same type as {other.where}.",
                cause="Handlers find a resource by its type.",
                next_step="Let one of them yield a type of its own, such as a subclass.",
            )
        self._scope.resources[resource.type] = resource
        return function

    def include(self, other: Mux) -> None:
        """Take over the handlers that another mux has by now.

        Its middlewares stay around its own handlers, inside ours. Its resources stay its own;
        handlers of it that find none there look in ours. Including it twice changes nothing.

        Raises:
            ConfigError: Both have a handler of one type.
        """
        for registration in other._registrations.values():
            self._put(registration.under(self._scope))
        known = {stack[0] for stack in self._stacks}
        self._stacks += [(*stack, self._scope) for stack in other._stacks if stack[0] not in known]

    @property
    def types(self) -> tuple[str, ...]:
        """Names of the types that have a handler, in order of registration."""
        return tuple(self._registrations)

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """All registrations, in order."""
        return tuple(self._registrations.values())

    def lookup(self, type_name: str) -> Registration | None:
        """Return the registration of a type, or None if it has no handler here."""
        return self._registrations.get(type_name)

    def validate(self) -> None:
        """Check what can only be checked when everything is registered; opens nothing.

        Raises:
            ConfigError: A resource is missing or late, or payloads of a type cannot be checked.
        """
        opening_order(self._stacks)
        for registration in self._registrations.values():
            for need in registration.signature.needs:
                find_resource(need, registration.scopes, registration.where)
            loader_for(registration.payload, registration.where)

    async def open_resources(
        self,
        run_plain: PlainRunner = run_in_thread,
        *,
        replacements: Mapping[object, object] | None = None,
    ) -> None:
        """Open all resources and make every registration ready to be called.

        Args:
            run_plain: Takes plain handlers to their thread or process.
            replacements: Values to use instead of opening, by yielded type. For tests.

        Raises:
            ConfigError: What `validate` raises, or it is open.
            Exception: Whatever a resource raised; those opened before it are closed again.
        """
        if self._opened is not None:
            raise ConfigError("the mux is open.", next_step="Close it first.")
        self.validate()
        opened = await open_resources(self._stacks, replacements or {})
        for registration in self._registrations.values():
            registration.bind(opened, run_plain)
        self._opened = opened

    async def close_resources(self) -> None:
        """Close all resources, the last opened first; safe twice.

        Raises:
            ExceptionGroup: Some failed to close; the others were closed all the same.
        """
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    def _register(
        self,
        contract: TaskType[Any, Any] | str,  # Any: what the public overloads have checked
        options: TypeOptions,
        function: Callable[..., object],
        mode: Mode | None,
        group: GroupRule | None = None,
    ) -> Registration:
        signature = read_signature(function, mode)
        if group is not None and not signature.takes_payload:
            raise ConfigError(
                f"group handler {signature.where} does not take its members.",
                next_step="Write: async def …(ctx: Context, members: list[Member[Payload]])",
            )
        if isinstance(contract, str):
            contract = contract_for(contract, options, signature, is_group=group is not None)
        elif options:
            raise InvalidOption(
                f"options {', '.join(options)} stand beside the contract {contract.name}.",
                next_step="Set them in its TaskType, where producers see them too.",
            )
        registration = Registration(contract, function, signature, self._scope, group)
        self._put(registration)
        return registration

    def _put(self, registration: Registration) -> None:
        other = self._registrations.get(registration.type)
        if other is not None:
            if other.dead_hooks is registration.dead_hooks:
                return  # the same registration, included twice
            raise ConfigError(
                f'type "{registration.type}" has two handlers.',
                cause=f"They are {other.where} and {registration.where}.",
                next_step="Rename one of them, or leave one module out.",
            )
        self._registrations[registration.type] = registration
