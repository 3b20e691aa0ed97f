"""Runs plain handlers in threads, and knows those that would not end.

A thread cannot be killed. A run that is told to stop says so in its context, gets time to look, and
is then left behind: its slot is free, its task settled, and the thread goes on with whatever it
does. A process with such a thread is no longer sound (its thread may hold locks, a connection, a
processor), so its owner is told and retires it. This neither settles nor retires.

Threads: one a run, from a pool that never makes a run wait for one that was left behind. Each runs
in a copy of the context that the middlewares left, so context variables hold there too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from rediq_core.handlers.context import Context, SyncContext, share_run
from rediq_core.handlers.registration import Registration

log = logging.getLogger("rediq.worker")
# Seconds that a run has to look at `ctx.cancelled` after its deadline, a lost lease or a shutdown.
# Less than the supervisor's own patience with the process, as that of process handlers.
GRACE_S = 2.0
# Threads beside the slots: those left behind while their process is being replaced.
_SPARE_THREADS = 64


class ThreadRunner:
    """The handler threads of one task process. Belongs to one event loop.

    Attributes:
        left_behind: Threads that were given up and still run.
    """

    def __init__(
        self, slots: int, on_left_behind: Callable[[str], None], *, grace_s: float = GRACE_S
    ) -> None:
        """Prepare; threads start on demand.

        Args:
            slots: Runs at once.
            on_left_behind: Told the task type of each run whose thread is given up.
            grace_s: Seconds to look at `ctx.cancelled`, except after a cancel.
        """
        self.left_behind = 0
        self._pool = ThreadPoolExecutor(slots + _SPARE_THREADS, "handler")
        self._on_left_behind = on_left_behind
        self._grace_s = grace_s
        self._given_up: dict[Context, asyncio.Event] = {}

    async def run(self, registration: Registration, ctx: Context) -> object:
        """Run a handler in a thread.

        When cancelled for the reason "cancel", the handler has until its deadline to look at
        `ctx.cancelled`; for any other reason, and when cancelled again, only the grace. One that
        returns in time has completed; one that raises was stopped.

        Raises:
            asyncio.CancelledError: It was stopped.
            Exception: Whatever the handler raises.
        """
        given_up = self._given_up[ctx] = asyncio.Event()
        future = self._pool.submit(
            copy_context().run, registration.call_plain, share_run(ctx, SyncContext)
        )
        ended = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            if ctx.cancel_reason is None or not await self._wait(ended, ctx, given_up):
                self._leave_behind(future, ended, ctx)
                raise
            if ended.exception() is not None:
                # It raised because it was told to stop: that is no failure of its own.
                raise
            return ended.result()
        finally:
            del self._given_up[ctx]

    def give_up(self, ctx: Context) -> None:
        """Wait no longer for a run that was told to stop."""
        if ctx in self._given_up:
            self._given_up[ctx].set()

    def close(self) -> None:
        """Let idle threads go; does not wait for any."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _wait(
        self, ended: asyncio.Future[object], ctx: Context, given_up: asyncio.Event
    ) -> bool:
        """Wait for a thread that was told to stop; returns whether it ended."""
        limit_s = ctx.remaining_s if ctx.cancel_reason == "cancel" else self._grace_s
        giving_up = asyncio.ensure_future(given_up.wait())
        either: set[asyncio.Future[Any]] = {ended, giving_up}
        try:
            await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            log.debug("%s is stopped for a second reason", ctx.task.id)
        finally:
            giving_up.cancel()
        return ended.done() and not ended.cancelled()

    def _leave_behind(
        self, future: Future[object], ended: asyncio.Future[object], ctx: Context
    ) -> None:
        # The wrapped future was never cancelled, so a thread that has not begun is taken back here.
        if future.cancel() or future.done():
            return
        self.left_behind += 1
        ended.add_done_callback(self._came_back)
        log.error(
            "the thread of %s (%s) goes on after its run was stopped (%s)",
            ctx.task.id,
            ctx.task.type,
            ctx.cancel_reason,
        )
        self._on_left_behind(ctx.task.type)

    def _came_back(self, ended: asyncio.Future[object]) -> None:
        self.left_behind -= 1
        if not ended.cancelled():
            # Whatever it raised, nobody waits for it any more.
            ended.exception()
