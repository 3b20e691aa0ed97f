"""Everything that runs tasks in one process: consumer, slots, threads and handler processes.

A task process has one, and so has a worker inside another program. It is told what to do by
commands and says through hooks what its owner must know. It keeps no lease, announces nothing and
ends no process: that is its owner's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.handlers.context import Context
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.registration import Registration
from rediq_core.opening import open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.consumer import Consumer, ConsumerHooks
from rediq_core.worker.executor import Executor
from rediq_core.worker.group_rules import GroupRules
from rediq_core.worker.handler_pool import HandlerPool
from rediq_core.worker.lanes import Lane
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.relay import Relay
from rediq_core.worker.runtime import ProcessRuntime
from rediq_core.worker.slots import SlotTable
from rediq_core.worker.threads import ThreadRunner

log = logging.getLogger("rediq.worker")
# Seconds that cancelled handlers get before their tasks are handed back without them.
_CANCEL_GRACE_S = 0.5
# Seconds for the last settles; with the grace before them less than two.
_FLUSH_S = 1.2
# Seconds between looks whether they were sent.
_FLUSH_LOOK_S = 0.02
# Processes end after up to a tenth fewer tasks than allowed, so that they do not end all at once.
_RECYCLE_JITTER = 0.1

# Handlers of each queue by type.
Registries = Mapping[str, Mapping[str, Registration]]


@dataclass(frozen=True, slots=True)
class CrewHooks:
    """What a crew tells its owner.

    Attributes:
        on_retire: It should be replaced, for this reason; returns whether it will be: then it
            claims no more and ends when all is done.
    """

    on_retire: Callable[[str], bool]


class Crew:
    """One life of what runs tasks. Belongs to one event loop.

    Attributes:
        lanes: One a queue.
        types: Types that any queue runs.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        worker_id: str,
        table: SlotTable,
        loaded: tuple[Registries, Sequence[Mux]],
        hooks: CrewHooks,
    ) -> None:
        """Prepare; `open` begins.

        Args:
            plan: What to serve.
            worker_id: First part of tokens.
            table: Gets what the slots run, for whoever keeps the leases.
            loaded: Handlers by queue and type, and the muxes whose resources to open.
            hooks: Told what the owner must know.
        """
        registries, self._muxes = loaded
        space = Space(plan.server.namespace)
        self.lanes = [
            Lane(lane, number, registries[lane.queue], space, (worker_id, plan.lease_ms))
            for number, lane in enumerate(plan.lanes)
        ]
        self.types = sorted({name for registry in registries.values() for name in registry})
        self._plan = plan
        self._hooks = hooks
        self._grace_s = plan.grace_ms / 1000
        self._is_stopping = asyncio.Event()
        self._is_hurried = asyncio.Event()
        self._is_retiring = False
        self._link = open_async(plan.server)
        self._runtime = ProcessRuntime(plan, AsyncExecutor(self._link))
        self._relay = Relay(AsyncExecutor(self._link), space)
        self._threads = ThreadRunner(plan.concurrency, self._on_left_behind)
        modes = {r.mode for registry in registries.values() for r in registry.values()}
        self._pool = _handler_pool(plan) if "process" in modes else None
        self._executor = Executor(
            table, self._runtime, worker_id, lambda: self._consumer.ring(), random.Random()
        )
        self._consumer = Consumer(
            self._link,
            self.lanes,
            self._executor,
            table,
            ConsumerHooks(self._relay.hand_over, _note_loss, self._on_spent),
            SYSTEM_CLOCK,
            is_strict=plan.is_strict,
            max_claims=_with_jitter(plan.max_tasks),
        )
        self._rules = GroupRules(AsyncExecutor(self._link), space, self.lanes, self._consumer.ring)

    async def open(self) -> None:
        """Start handler processes, open resources, start the slots.

        Raises:
            ConfigError: A module cannot be imported in a handler process.
            Exception: Whatever a resource raised.
        """
        if self._pool is not None:
            await self._pool.warm()
        for mux in self._muxes:
            await mux.open_resources(self._run_plain)
        self._executor.start()

    async def run(self, *helpers: Coroutine[Any, Any, None]) -> bool:
        """Serve until told to stop, or retired, and all is done.

        Args:
            helpers: Run beside it, and are cancelled at its end.

        Returns:
            False if handlers would not end: their tasks are handed back, and they go on.
        """
        beside = [asyncio.create_task(work) for work in (*helpers, self._rules.declare_for_ever())]
        consuming = asyncio.create_task(self._consumer.run())
        ending = asyncio.create_task(self._end_in_order())
        try:
            await asyncio.wait({consuming, ending}, return_when=asyncio.FIRST_COMPLETED)
            is_done = consuming.done()
            if is_done:
                consuming.result()
            return is_done
        finally:
            for task in (*beside, consuming, ending):
                task.cancel()
            await asyncio.gather(*beside, consuming, ending, return_exceptions=True)

    async def aclose(self) -> None:
        """Close what was opened; handlers that would not end may be in trouble then."""
        if self._pool is not None:
            await self._pool.aclose()
        await self._executor.aclose()
        self._threads.close()
        for mux in reversed(self._muxes):
            await mux.close_resources()
        self._runtime.close()
        await self._relay.aclose()
        await self._link.aclose()

    def obey(self, command: Mapping[str, Any]) -> None:
        """Do what a supervisor says: drain, stop, pause, resume, retire, cancel, look, lost."""
        match command.get("do"):
            case "drain":
                self._is_stopping.set()
            case "stop":
                self._is_stopping.set()
                self._is_hurried.set()
            case "pause" | "resume":
                self._consumer.pause(is_paused=command["do"] == "pause")
            case "retire":
                self._retire(command["why"])
            case "cancel":
                self._cancel(command["task"], is_forced=command.get("force", False))
            case "look":
                self._consumer.look(command["queue"])
            case "lost":
                self._consumer.lose(command["queue"], command["incarnation"])
            case _:
                log.warning("unknown command %s", command.get("do"))

    async def _run_plain(self, registration: Registration, ctx: Context) -> object:
        if registration.mode == "process" and self._pool is not None:
            return await self._pool.run_plain(registration, ctx)
        return await self._threads.run(registration, ctx)

    def _cancel(self, task_id: str, *, is_forced: bool) -> None:
        for slot in self._executor.slots:
            if slot.cancel(task_id) and is_forced and slot.context is not None:
                self._threads.give_up(slot.context)
                if self._pool is not None:
                    self._pool.kill(slot.context)

    def _on_spent(self) -> None:
        self._retire(f"it has taken its share of {self._plan.max_tasks} tasks")

    def _on_left_behind(self, task_type: str) -> None:
        self._retire(f"a thread of {task_type} would not end")

    def _retire(self, why: str) -> None:
        """Claim no more and end when all is done."""
        if not self._is_retiring and self._hooks.on_retire(why):
            self._is_retiring = True
            self._consumer.stop_claiming()

    async def _end_in_order(self) -> None:
        """Drain; after the grace cancel and hand back; at last end even if handlers do not."""
        await self._is_stopping.wait()
        self._consumer.stop_claiming()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_hurried.wait(), self._grace_s)
        self._executor.begin_nothing("shutdown")
        await asyncio.sleep(0)  # what was dispatched before begins, and can be stopped
        busy = [slot for slot in self._executor.slots if slot.task is not None]
        for slot in busy:
            slot.stop("shutdown")
        await asyncio.sleep(_CANCEL_GRACE_S)
        for slot in busy:
            if slot.task is not None and slot.reason == "shutdown":
                self._executor.hand_back(slot, "shutdown")
        for _ in range(round(_FLUSH_S / _FLUSH_LOOK_S)):
            if self._consumer.is_flushed:
                break
            await asyncio.sleep(_FLUSH_LOOK_S)


def _handler_pool(plan: WorkerPlan) -> HandlerPool:
    specs = sorted({m.spec for modules in plan.modules.values() for m in modules})
    return HandlerPool(
        specs,
        str(plan.root),
        plan.concurrency,
        max_runs=plan.max_tasks,
        max_rss_bytes=plan.max_rss_bytes,
    )


def _with_jitter(max_tasks: int) -> int:
    return max_tasks - int(max_tasks * random.uniform(0, _RECYCLE_JITTER))


def _note_loss(lane: Lane) -> None:
    log.debug("a new life begins in %s", lane.queue)
