"""A worker inside another program: `await Worker(mux, queues=["mail"]).run()`.

For web applications with a little work in the background, for notebooks, and for tests. It takes
tasks as any worker does and loses none; but one process cannot watch over itself as a supervisor
watches over its children. So leases are kept by a thread, which one C call that holds the
interpreter lock stops too, and nobody kills a handler that blocks: `rediq worker start` does both.

Example:
    worker = Worker(mux, queues=["mail"])
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run())
        ...
        await worker.stop()
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.settings import Defaults
from rediq_core.model.durations import Duration, duration_ms, format_ms
from rediq_core.model.names import check_name
from rediq_core.opening import choose_for_library
from rediq_core.worker.crew import Crew, CrewHooks
from rediq_core.worker.lanes import LanePlan
from rediq_core.worker.overseer import Overseer
from rediq_core.worker.plan import DEFAULT_RETENTION, WorkerPlan
from rediq_core.worker.seat import Seat, new_worker_id
from rediq_core.worker.slots import SlotTable

log = logging.getLogger("rediq.worker")
DEFAULT_CONCURRENCY = 10
# Shortest lease, as in the configuration: a third of it must outlive a slow moment of Redis.
MIN_LEASE_MS = 1_000
# Seconds that a stop waits for closing while handlers would not end.
_CLOSE_S = 1.0


class _LocalSeat(Seat):
    """The place of a crew that runs in this very process: commands go to its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, crew: Crew) -> None:
        super().__init__()
        self._loop = loop
        self._crew = crew

    def tell(self, command: Mapping[str, Any]) -> None:
        """Have the crew obey; called from the overseer's thread."""
        with suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._crew.obey, command)


class Worker:
    """Run the handlers of a mux inside this program.

    Belongs to the event loop that calls `run`. It takes no signals: the program decides when to
    stop. Plain handlers run in threads, those of mode "process" in processes of their own.

    Attributes:
        id: host-pid-random of the present or the last run, or "".
    """

    def __init__(
        self,
        mux: Mux,
        *,
        queues: Sequence[str] = ("default",),
        url: str | None = None,
        namespace: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        lease: Duration = "10s",
        shutdown_grace: Duration = "25s",
        strict: bool = False,
    ) -> None:
        """Describe the worker; `run` connects.

        Args:
            mux: Its handlers; every queue runs all of them.
            queues: Queues to serve.
            url: Which server; None to choose as `Client` does.
            namespace: First part of every key; None for the configured one.
            concurrency: Tasks at once, over all queues.
            lease: After this time without a sign of life others take its tasks; at least 1 s.
            shutdown_grace: How long running tasks may go on after `stop`.
            strict: Serve queues in their order instead of in turn.

        Raises:
            ConfigError: The server cannot be chosen.
            InvalidOption: An option is wrong.
        """
        if isinstance(queues, str) or not queues:
            raise InvalidOption("queues is a list of names, and not empty.")
        for queue in queues:
            check_name("queue", queue)
        if concurrency < 1:
            raise InvalidOption(f"concurrency {concurrency} is not 1 or more.")
        lease_ms = duration_ms(lease, "lease")
        if lease_ms < MIN_LEASE_MS:
            raise InvalidOption(f"a lease of {format_ms(lease_ms)} is shorter than 1 s.")
        choice = choose_for_library(url)
        if namespace is not None:
            choice = replace(choice, namespace=namespace)
        no_defaults = Defaults(None, None, None)
        lanes = [LanePlan(name, 1, 0, no_defaults, DEFAULT_RETENTION) for name in queues]
        self.id = ""
        self._mux = mux
        self._plan = WorkerPlan(
            choice,
            tuple(lanes),
            {},
            Path.cwd(),
            concurrency,
            lease_ms=lease_ms,
            grace_ms=duration_ms(shutdown_grace, "shutdown_grace"),
            is_strict=strict,
        )
        self._crew: Crew | None = None
        self._overseer: Overseer | None = None
        self._has_ended = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take and run tasks until `stop`, or until this coroutine is cancelled.

        When cancelled it claims no more, cancels what runs and hands it back, its attempt not
        counted, which takes some two seconds at most.

        Raises:
            ConfigError: It runs already, or a handler or resource cannot be used.
            Exception: Whatever a resource raised when it was opened.
        """
        if self._crew is not None:
            raise ConfigError("this worker runs already.", next_step="Make one more Worker.")
        self._has_ended.clear()
        self.id = new_worker_id(os.getpid())
        table = SlotTable([lane.queue for lane in self._plan.lanes], self._plan.concurrency)
        registry = {registration.type: registration for registration in self._mux.registrations}
        registries = {lane.queue: registry for lane in self._plan.lanes}
        hooks = CrewHooks(on_retire=_stay)
        crew = self._crew = Crew(self._plan, self.id, table, (registries, [self._mux]), hooks)
        seat = _LocalSeat(asyncio.get_running_loop(), crew)
        seat.pid, seat.worker_id, seat.table = os.getpid(), self.id, table
        seat.is_ready, seat.types = True, tuple(crew.types)
        seat.started_ms = SYSTEM_CLOCK.now_ms()
        self._overseer = Overseer(self._plan, f"{self.id}-inside", seat)
        is_done = True
        try:
            await crew.open()
            self._overseer.start()
            log.warning(
                "worker %s runs inside this program: a thread keeps its leases, so code that stops"
                " all threads for %s loses them, and nothing kills a handler that blocks",
                self.id,
                format_ms(self._plan.lease_ms),
            )
            is_done = await self._serve(crew)
        finally:
            await self._close(crew, is_done=is_done)

    async def stop(self) -> None:
        """Claim no more, let running tasks finish within the grace, and wait until all is done.

        Safe to call twice, and when it does not run.
        """
        if self._crew is None or self._overseer is None:
            return
        self._overseer.announce_stopping()
        self._crew.obey({"do": "drain"})
        await self._has_ended.wait()

    async def _serve(self, crew: Crew) -> bool:
        serving = asyncio.ensure_future(crew.run())
        try:
            return await asyncio.shield(serving)
        except asyncio.CancelledError:
            crew.obey({"do": "stop"})
            # Bounded: a stop takes two seconds whatever handlers do.
            await serving
            raise

    async def _close(self, crew: Crew, *, is_done: bool) -> None:
        if not is_done:
            log.error("handlers would not end; their tasks are handed back, and they go on")
        # What still runs may use what is closed, so closing goes on when it has ended at last.
        closing = asyncio.create_task(crew.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        try:
            await asyncio.wait({closing}, timeout=None if is_done else _CLOSE_S)
            if closing.done():
                closing.result()
        finally:
            if self._overseer is not None:
                await self._overseer.aclose()
            self._crew = self._overseer = None
            self._has_ended.set()


def _stay(why: str) -> bool:
    """Nobody would take this process's place, so it stays as it is."""
    log.error("%s; a task process would be replaced now", why)
    return False
