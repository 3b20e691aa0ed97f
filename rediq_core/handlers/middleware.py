"""What runs around every handler: its two forms, and how they are put together.

A middleware is an async function `(ctx, call_next)`, or an object with `before(ctx)` and/or
`after(ctx, result)`, each plain or async. The first one added is outermost. They run on the event
loop, also around plain handlers. A chain is composed once per registration; a run costs one
coroutine a layer and no closure.

An error in a middleware is a failed run, as an error in the handler is. Only after a handler that
failed, an error in `after` is noted on the handler's error instead of hiding it.

Example:
    async def stamp(ctx: Context, call_next: CallNext) -> object:
        ctx.state["started"] = ctx.task.claimed_ms
        return await call_next(ctx)
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from rediq_core.errors import ConfigError
from rediq_core.handlers.context import Context
from rediq_core.handlers.signals import Snooze
from rediq_core.handlers.tracebacks import message_of

CallNext = Callable[[Context], Awaitable[object]]
FunctionMiddleware = Callable[[Context, CallNext], Awaitable[object]]


@runtime_checkable
class HasBefore(Protocol):
    """A middleware with something to do before the handler."""

    def before(self, ctx: Context) -> object:
        """Run before the handler; plain or async. What it raises fails the run."""
        ...


@runtime_checkable
class HasAfter(Protocol):
    """A middleware with something to do after the handler."""

    def after(self, ctx: Context, result: object) -> object:
        """Run after the handler; plain or async.

        Args:
            ctx: The run.
            result: What the handler returned, or the exception it raised (a signal such as
                `Snooze` and a cancellation too).
        """
        ...


Middleware = FunctionMiddleware | HasBefore | HasAfter


@dataclass(frozen=True, slots=True)
class Layer:
    """A middleware and where it holds.

    Attributes:
        middleware: The function or object.
        queue: The one queue whose tasks it runs around, or None for all.
    """

    middleware: Middleware
    queue: str | None = None


def check_middleware(middleware: object) -> Middleware:
    """Return a middleware; refuse what is neither form of one.

    Raises:
        ConfigError: It is a class, a plain function, or has neither `before` nor `after`.
    """
    if isinstance(middleware, type):
        raise ConfigError(
            f"{middleware.__qualname__} is a class, not a middleware.",
            next_step=f"Add an instance: mux.use({middleware.__qualname__}())",
        )
    if isinstance(middleware, HasBefore | HasAfter):
        return middleware
    call = middleware if inspect.isroutine(middleware) else getattr(middleware, "__call__", None)  # noqa: B004  # the method itself is looked at
    if not inspect.iscoroutinefunction(call):
        raise ConfigError(
            f"{middleware!r:.120} is not a middleware.",
            cause="It is neither an async function nor an object with before or after.",
            next_step="Write it as: async def name(ctx: Context, call_next: CallNext) -> object",
        )
    return cast("FunctionMiddleware", middleware)


def compose(layers: list[Middleware], innermost: CallNext) -> CallNext:
    """Put middlewares around a call, the first one outermost.

    Returns:
        The call itself if there are none.
    """
    call = innermost
    for middleware in reversed(layers):
        call = _around(middleware, call)
    return call


def _around(middleware: Middleware, call_next: CallNext) -> CallNext:
    if isinstance(middleware, HasBefore | HasAfter):
        return _object_layer(
            getattr(middleware, "before", None), getattr(middleware, "after", None), call_next
        )
    function = middleware

    def layer(ctx: Context) -> Awaitable[object]:
        return function(ctx, call_next)

    return layer


def _object_layer(
    before: Callable[[Context], object] | None,
    after: Callable[[Context, object], object] | None,
    call_next: CallNext,
) -> CallNext:
    if after is None:
        return _before_only(before, call_next)
    handler_ended = after

    async def layer(ctx: Context) -> object:
        if before is not None:
            pending = before(ctx)
            if pending is not None and inspect.isawaitable(pending):
                await pending
        try:
            result = await call_next(ctx)
        except BaseException as error:
            await _after_failure(handler_ended, ctx, error)
            raise
        pending = handler_ended(ctx, result)
        if pending is not None and inspect.isawaitable(pending):
            await pending
        return result

    return layer


def _before_only(before: Callable[[Context], object] | None, call_next: CallNext) -> CallNext:
    if before is None:
        return call_next
    handler_begins = before

    async def layer(ctx: Context) -> object:
        pending = handler_begins(ctx)
        if pending is not None and inspect.isawaitable(pending):
            await pending
        return await call_next(ctx)

    return layer


async def _after_failure(
    after: Callable[[Context, object], object], ctx: Context, error: BaseException
) -> None:
    try:
        pending = after(ctx, error)
        if pending is not None and inspect.isawaitable(pending):
            await pending
    except Exception as second:  # noqa: BLE001  # any error of it goes on as a note; the handler's decides
        error.add_note(
            f"Also, {getattr(after, '__qualname__', 'after')} failed:"
            f" {type(second).__name__}: {message_of(second, 200)}"
        )


class LoggingMiddleware:
    """Log one line when a run starts (debug) and one when it ends (info, or warning if it failed).

    Lines go to the given logger with the task's id, type, queue and attempt in the text; whoever
    formats them for a terminal neutralises them.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("rediq.run")

    def before(self, ctx: Context) -> None:
        """Log that the run starts."""
        task = ctx.task
        self._logger.debug(
            "%s %s started (queue %s, attempt %d)", task.type, task.id, task.queue, task.attempt
        )

    def after(self, ctx: Context, result: object) -> None:
        """Log how it ended."""
        task = ctx.task
        if not isinstance(result, BaseException):
            self._logger.info(
                "%s %s succeeded (queue %s, attempt %d)",
                task.type,
                task.id,
                task.queue,
                task.attempt,
            )
            return
        level = logging.INFO if isinstance(result, Snooze) else logging.WARNING
        self._logger.log(
            level,
            "%s %s %s (queue %s, attempt %d): %s: %s",
            task.type,
            task.id,
            "snoozed" if isinstance(result, Snooze) else "failed",
            task.queue,
            task.attempt,
            type(result).__name__,
            _one_line(message_of(result, 200)),
        )


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
