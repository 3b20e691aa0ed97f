"""What a handler's author wants done when a task of its type is dead: refund, tell someone.

Called after the task was settled, once, by the worker that settled it; it is not retried. It is not
called for tasks that die without a run, such as the third lost lease, and not with a payload that
does not fit, since no run has acted on one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from rediq_core.errors import ConfigError
from rediq_core.handlers.context import Context, RunContext, SyncContext, share_run
from rediq_core.handlers.outcomes import Failure
from rediq_core.handlers.payloads import Load, PayloadMismatch
from rediq_core.handlers.signature import annotations_of, context_kind, where_is

_WRITE = (
    "Write: async def …(ctx: Context, failure: Failure), or with the payload between the two;"
    " a plain def takes a SyncContext."
)


@dataclass(frozen=True, slots=True)
class DeadHook:
    """One function under `@handler.on_dead`.

    Attributes:
        function: Takes (ctx, failure) or (ctx, payload, failure).
        is_async: Runs on the event loop, else in a thread.
        takes_payload: Which of the two.
    """

    function: Callable[..., object]
    is_async: bool
    takes_payload: bool

    async def run(self, load: Load, ctx: Context, failure: Failure) -> None:
        """Run it for one dead task.

        Args:
            load: The registration's payload check.
            ctx: Context of the last run.
            failure: The record of it.

        Raises:
            Exception: Whatever the function raises.
        """
        arguments: tuple[object, ...] = (failure,)
        if self.takes_payload:
            try:
                arguments = (load(ctx.task.payload_json), failure)
            except PayloadMismatch:
                return
        if self.is_async:
            await cast("Callable[..., asyncio.Future[object]]", self.function)(ctx, *arguments)
        else:
            await asyncio.to_thread(self.function, share_run(ctx, SyncContext), *arguments)


def read_dead_hook(function: Callable[..., object]) -> DeadHook:
    """Read which form a hook has.

    Raises:
        ConfigError: It has neither, or takes the wrong kind of context.
    """
    is_async = inspect.iscoroutinefunction(function)
    parameters = list(inspect.signature(function).parameters)
    right: type[RunContext] = Context if is_async else SyncContext
    found = None
    if len(parameters) in (2, 3):
        found = context_kind(parameters[0], annotations_of(function))
    if found is None or not issubclass(right, found):
        raise ConfigError(
            f"{where_is(function)} cannot run when a task is dead.",
            cause="It must take a context that fits it and the failure.",
            next_step=_WRITE,
        )
    return DeadHook(function, is_async, len(parameters) == 3)
