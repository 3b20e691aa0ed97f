"""One task type and the function that runs it, ready to be called.

Made when a handler is registered; `bind` composes its `call` once per task process, so a run costs
the decoding, one coroutine a middleware and the handler: no closure, no lock, no `asyncio.Task`. It
holds no deadline and settles nothing: that is the worker's.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypedDict, cast, get_args, get_origin

from rediq_core.errors import ConfigError
from rediq_core.handlers.context import Context, SyncContext
from rediq_core.handlers.dead_hooks import DeadHook
from rediq_core.handlers.groups import Member
from rediq_core.handlers.middleware import CallNext, Layer, compose
from rediq_core.handlers.payloads import Load, loader_for
from rediq_core.handlers.resources import OpenResources, Scope, Scopes
from rediq_core.handlers.settings import Defaults, RunSettings
from rediq_core.handlers.signature import Mode, Signature, Unresolved
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.groups import GroupRule
from rediq_core.model.retry import BackoffLike, to_backoff
from rediq_core.model.task_type import UNTYPED, TaskType


class Registration:
    """A task type bound to its handler.

    Attributes:
        type: The type's name.
        contract: The type as producers know it.
        mode: async (on the event loop), thread or process.
        function: The handler's function or bound method.
        where: Its module and name, for errors and lists.
        signature: What the function takes.
        payload: What its payload is checked against; UNTYPED for any JSON.
        group: When a group is ripe; None for a handler of single tasks.
        defaults: Settings for tasks that say nothing.
        dead_hooks: What runs when a task of this type is dead.
        scopes: Where its resources and middlewares come from.
        outer: Middlewares around those of the scopes, outermost first.
        resolved: What `settings.resolve` keeps here.
        load: Turns the stored payload into what the handler takes. Set by `prepare`.
        call: Runs middlewares and handler. Set by `bind`.

    Belongs to a Mux; shared by all runs of its process. `call` is for the event loop,
    `call_plain` for any thread.
    """

    __slots__ = (
        "call",
        "contract",
        "dead_hooks",
        "defaults",
        "function",
        "group",
        "load",
        "mode",
        "outer",
        "payload",
        "resolved",
        "resources",
        "scopes",
        "signature",
        "type",
        "where",
    )

    def __init__(
        self,
        contract: TaskType[object, object],
        function: Callable[..., object],
        signature: Signature,
        scope: Scope,
        group: GroupRule | None = None,
    ) -> None:
        """Bind a function to its contract.

        Raises:
            ConfigError: The function's payload annotation contradicts the contract.
        """
        self.type = contract.name
        self.contract = contract
        self.mode: Mode = signature.mode
        self.function = function
        self.signature = signature
        self.where = signature.where
        self.group = group
        self.payload = _payload_type(contract, signature, is_group=group is not None)
        self.defaults = _defaults(contract)
        self.scopes: Scopes = (scope,)
        self.outer: tuple[Layer, ...] = ()
        self.dead_hooks: list[DeadHook] = []
        self.resolved: dict[str, tuple[Defaults, RunSettings]] = {}
        self.resources: tuple[object, ...] = ()
        self.load: Load = self._not_prepared
        self.call: CallNext = self._not_bound

    def __repr__(self) -> str:
        return f"<Registration {self.type} {self.mode} {self.where}>"

    def under(self, scope: Scope) -> Registration:
        """Return this registration as seen from a mux that includes its own."""
        included = copy.copy(self)
        included.scopes = (*self.scopes, scope)
        included.resolved = {}
        return included

    def prepare(self) -> None:
        """Build the payload check; enough for `call_plain` without resources, as in a process.

        Raises:
            ConfigError: Payloads of its type cannot be made from JSON.
        """
        self.load = loader_for(self.payload, self.where)

    def bind(self, opened: OpenResources, run_plain: PlainRunner) -> None:
        """Compose `call` from middlewares, resources and function.

        Args:
            opened: The open resources of this process.
            run_plain: Takes plain handlers to their thread or process.
        """
        self.prepare()
        self.resources = opened.values_for(self.signature.needs, self.scopes, self.where)
        innermost = self._on_loop() if self.mode == "async" else self._elsewhere(run_plain)
        layers = [*self.outer, *(each for scope in reversed(self.scopes) for each in scope.layers)]

        def chain(queue: str | None) -> CallNext:
            holding = [layer.middleware for layer in layers if layer.queue in (None, queue)]
            return compose(holding, innermost)

        by_queue = {layer.queue: chain(layer.queue) for layer in layers if layer.queue is not None}
        everywhere = chain(None)
        if not by_queue:
            self.call = everywhere
            return

        def call_by_queue(ctx: Context) -> Awaitable[object]:
            return by_queue.get(ctx.task.queue, everywhere)(ctx)

        self.call = call_by_queue

    def call_plain(self, ctx: SyncContext) -> object:
        """Decode and run a plain handler in the calling thread, without middlewares.

        Raises:
            PayloadMismatch: The payload is not what the handler takes.
            Exception: Whatever the handler raises.
        """
        result: object = self.function(ctx, *self._payload_of(ctx), *self.resources)
        if inspect.iscoroutine(result):
            result.close()
            raise ConfigError(
                f"handler {self.where} returned a coroutine.",
                cause="It is a plain function around an async one.",
                next_step="Write it with async def.",
            )
        return result

    def make_member(self, task: ClaimedTask) -> Member[object]:
        """Return a task as a member of its group.

        Raises:
            PayloadMismatch: Its payload is not what the handler takes; it fails alone.
        """
        return Member(task, self.load(task.payload_json))

    def _on_loop(self) -> CallNext:
        # Handlers of mode async are coroutine functions: checked when the signature was read.
        function: Callable[..., Coroutine[object, object, object]] = self.function  # type: ignore[assignment]  # see above
        load, resources = self.load, self.resources
        if self.group is not None:

            def call_group(ctx: Context) -> Awaitable[object]:
                return function(ctx, ctx.members, *resources)

            return call_group
        if not self.signature.takes_payload:
            return function
        if not resources:

            def call_bare(ctx: Context) -> Awaitable[object]:
                return function(ctx, load(ctx.task.payload_json))

            return call_bare

        def call_with_resources(ctx: Context) -> Awaitable[object]:
            return function(ctx, load(ctx.task.payload_json), *resources)

        return call_with_resources

    def _elsewhere(self, run_plain: PlainRunner) -> CallNext:
        def call_elsewhere(ctx: Context) -> Awaitable[object]:
            return run_plain(self, ctx)

        return call_elsewhere

    def _payload_of(self, ctx: SyncContext) -> tuple[object, ...]:
        if self.group is not None:
            return (ctx.members,)
        return (self.load(ctx.task.payload_json),) if self.signature.takes_payload else ()

    def _not_prepared(self, raw: bytes) -> object:
        raise self._unready(f"a payload of {len(raw)} bytes")

    def _not_bound(self, ctx: Context) -> Awaitable[object]:
        raise self._unready(f"task {ctx.task.id}")

    def _unready(self, what: str) -> ConfigError:
        return ConfigError(
            f"handler {self.where} was given {what} before its mux was opened.",
            next_step="Call await mux.open_resources() first.",
        )


class TypeOptions(TypedDict, total=False):
    """Options of a contract made from a name; the meaning is that of `TaskType`."""

    queue: str
    priority: int
    max_retry: int | None
    timeout: Duration | None
    backoff: BackoffLike | None
    keep: Duration | None


# Takes a plain handler's run to a thread or process: `registration.call_plain(sync_context)` there.
PlainRunner = Callable[[Registration, Context], Awaitable[object]]


def contract_for(
    name: str, options: TypeOptions, signature: Signature, *, is_group: bool
) -> TaskType[Any, Any]:  # Any: what the annotations say, mypy reads off the function
    """Return the contract of a handler that was registered under a name."""
    payload = annotated_payload(signature, is_group=is_group)
    typed = payload is not UNTYPED and not isinstance(payload, Unresolved)
    returns = signature.returns
    return TaskType(
        name,
        cast("type[object] | None", payload if typed else None),
        returns=cast("type[object] | None", None if returns is UNTYPED else returns),
        **options,
    )


def _defaults(contract: TaskType[object, object]) -> Defaults:
    return Defaults(
        contract.max_retry,
        None if contract.timeout is None else duration_ms(contract.timeout, "timeout"),
        None if contract.backoff is None else to_backoff(contract.backoff),
        None if contract.keep is None else duration_ms(contract.keep, "keep"),
    )


def annotated_payload(signature: Signature, *, is_group: bool) -> object:
    """Return the payload type that a handler's annotation names; UNTYPED if it names none.

    Raises:
        ConfigError: A group handler's second parameter is not `list[Member[P]]`.
    """
    annotation = signature.payload
    if not is_group or annotation is UNTYPED or isinstance(annotation, Unresolved):
        return annotation
    member = get_args(annotation)[0] if get_origin(annotation) is list else None
    if member is Member:
        return UNTYPED
    if get_origin(member) is not Member:
        raise ConfigError(
            f"group handler {signature.where} does not take a list of members.",
            next_step="Write: async def …(ctx: Context, members: list[Member[Payload]])",
        )
    return get_args(member)[0]


def _payload_type(
    contract: TaskType[object, object], signature: Signature, *, is_group: bool
) -> object:
    annotation = annotated_payload(signature, is_group=is_group)
    declared = contract.payload
    if declared is UNTYPED:
        if isinstance(annotation, Unresolved):
            raise ConfigError(
                f"the payload of handler {signature.where} is a {annotation.text},"
                " which is not known at run time.",
                next_step="Import it outside TYPE_CHECKING, or name it in the TaskType.",
            )
        return annotation
    if annotation is not UNTYPED and _surely_differs(declared, annotation):
        raise ConfigError(
            f"handler {signature.where} takes a {_name(annotation)}.",
            cause=f"The contract {contract.name} says its payload is a {_name(declared)}.",
        )
    return declared


def _surely_differs(declared: object, annotation: object) -> bool:
    """Say whether these are two classes of which the first is not the second."""
    if not isinstance(annotation, type) or not isinstance(declared, type):
        return False
    try:
        return not issubclass(declared, annotation)
    except TypeError:  # a TypedDict, or a Protocol that cannot tell
        return False


def _name(kind: object) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)
