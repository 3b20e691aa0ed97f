"""The task process: imports handlers, runs the consumer, ends in order.

Forked by the supervisor, with one socket to it and a slot table that both see. Commands come as
JSON lines; the end of the socket means that the parent is dead: then nothing more is claimed, a
thread keeps the leases, what runs is finished, and the exit status is 71. It never restarts
anything and serves no HTTP.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.handlers.context import Context
from rediq_core.handlers.loading import import_root, load_mux
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.registration import Registration
from rediq_core.opening import open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.lease import Reaped
from rediq_core.worker.consumer import Consumer, ConsumerHooks
from rediq_core.worker.executor import Executor
from rediq_core.worker.group_rules import GroupRules
from rediq_core.worker.handler_pool import HandlerPool
from rediq_core.worker.lanes import Lane
from rediq_core.worker.lease_keeper import KeeperHooks, LeaseKeeper
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.runtime import ProcessRuntime
from rediq_core.worker.slots import SlotTable
from rediq_core.worker.threads import ThreadRunner
from rediq_core.worker.uplink import Uplink, report_counts, report_for_ever

log = logging.getLogger("rediq.worker")
# Exit status of a task process whose parent died; it finished what it ran.
ORPHANED = 71
# Exit status of one whose handlers cannot be imported.
UNUSABLE = 2
# Seconds that cancelled handlers get before their tasks are handed back without them.
_CANCEL_GRACE_S = 0.5
# Seconds for the last settles; with the grace before them less than two.
_FLUSH_S = 1.2
# Seconds between looks whether they were sent.
_FLUSH_LOOK_S = 0.02
# Processes end after up to a tenth fewer tasks than allowed, so that they do not end all at once.
_RECYCLE_JITTER = 0.1


def run_child(plan: WorkerPlan, worker_id: str, table: SlotTable, pipe: socket.socket) -> int:
    """Run a task process to its end and return its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import_root(Path(plan.root))
    try:
        registries = load_handlers(plan)
    except RediqError as error:
        Uplink(pipe).tell(_failure_event(error))
        return UNUSABLE
    return asyncio.run(_TaskProcess(plan, worker_id, table, pipe).run(registries))


def load_handlers(plan: WorkerPlan) -> tuple[dict[str, dict[str, Registration]], list[Mux]]:
    """Import every module once; return registrations by queue and type, and the muxes.

    Raises:
        ConfigError: A module cannot be imported or holds no Mux.
    """
    muxes: dict[str, Mux] = {}
    registries: dict[str, dict[str, Registration]] = {}
    for queue, modules in plan.modules.items():
        registry: dict[str, Registration] = {}
        for module in modules:
            mux = muxes.get(module.spec)
            if mux is None:
                folder = f"{plan.root} (the folder of the configuration)"
                mux = muxes[module.spec] = load_mux(module.spec, module.origin, looked_in=folder)
                mux.validate()
            for registration in mux.registrations:
                registry.setdefault(registration.type, registration)
        registries[queue] = registry
    return registries, list({id(mux): mux for mux in muxes.values()}.values())


def _failure_event(error: RediqError) -> dict[str, object]:
    return {"event": "failed", "error": [error.message, error.cause, error.next_step]}


class _TaskProcess:
    """One life of a task process on its event loop."""

    def __init__(
        self, plan: WorkerPlan, worker_id: str, table: SlotTable, pipe: socket.socket
    ) -> None:
        self._plan = plan
        self._worker_id = worker_id
        self._table = table
        self._pipe = pipe
        self._uplink = Uplink(pipe)
        self._status = 0
        self._grace_s = plan.grace_ms / 1000
        self._is_stopping = asyncio.Event()
        self._is_hurried = asyncio.Event()
        self._is_retiring = False
        self._pool: HandlerPool | None = None
        self._threads = ThreadRunner(plan.concurrency, self._on_left_behind)
        self._consumer: Consumer
        self._executor: Executor

    async def run(self, loaded: tuple[dict[str, dict[str, Registration]], list[Mux]]) -> int:
        """Serve until told to stop; returns the exit status."""
        registries, muxes = loaded
        plan, loop = self._plan, asyncio.get_running_loop()
        link = open_async(plan.server)
        runtime = ProcessRuntime(plan, AsyncExecutor(link))
        has_processes = any(r.mode == "process" for q in registries.values() for r in q.values())
        if has_processes:
            specs = sorted({m.spec for modules in plan.modules.values() for m in modules})
            self._pool = HandlerPool(
                specs,
                str(plan.root),
                plan.concurrency,
                max_runs=plan.max_tasks,
                max_rss_bytes=plan.max_rss_bytes,
            )
            try:
                await self._pool.warm()
            except RediqError as error:
                self._uplink.tell(_failure_event(error))
                return UNUSABLE
        for mux in muxes:
            await mux.open_resources(self._run_plain)
        lanes = [
            Lane(
                lane,
                number,
                registries[lane.queue],
                Space(plan.server.namespace),
                (self._worker_id, plan.lease_ms),
            )
            for number, lane in enumerate(plan.lanes)
        ]
        self._executor = Executor(
            self._table, runtime, self._worker_id, lambda: self._consumer.ring(), random.Random()
        )
        self._executor.start()
        hooks = ConsumerHooks(_deliver_later, _note_loss, self._on_spent)
        self._consumer = Consumer(
            link,
            plan.server.namespace,
            lanes,
            self._executor,
            self._table,
            hooks,
            SYSTEM_CLOCK,
            is_strict=plan.is_strict,
            max_claims=_with_jitter(plan.max_tasks),
        )
        types = sorted({name for registry in registries.values() for name in registry})
        self._uplink.tell({"event": "ready", "types": types})
        space = Space(plan.server.namespace)
        rules = GroupRules(AsyncExecutor(link), space, lanes, self._consumer.ring)
        helpers = [
            loop.create_task(work)
            for work in (
                self._obey(),
                self._end_in_order(),
                report_for_ever(self._uplink, lanes),
                rules.declare_for_ever(),
            )
        ]
        await self._consumer.run()
        report_counts(self._uplink, lanes)
        if self._pool is not None:
            await self._pool.aclose()
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        for mux in reversed(muxes):
            await mux.close_resources()
        runtime.close()
        await link.aclose()
        logging.shutdown()
        # Abandoned handler threads must not hold up the end of the process.
        os._exit(self._status)

    async def _run_plain(self, registration: Registration, ctx: Context) -> object:
        if registration.mode == "process" and self._pool is not None:
            return await self._pool.run_plain(registration, ctx)
        return await self._threads.run(registration, ctx)

    async def _obey(self) -> None:
        reader, _ = await asyncio.open_connection(sock=self._pipe)
        while line := await reader.readline():
            command = json.loads(line)
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
                case "lost":
                    self._consumer.lose(command["queue"], command["incarnation"])
                case _:
                    log.warning("unknown command %s", command.get("do"))
        self._be_orphaned()

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
        """Claim no more and end when all is done; the parent has another take the place."""
        if not self._is_retiring:
            self._is_retiring = True
            self._uplink.tell({"event": "retire", "why": why})
            self._consumer.stop_claiming()

    def _be_orphaned(self) -> None:
        log.error("the supervisor is gone; finishing what runs, then ending")
        self._status = ORPHANED
        threading.Thread(target=self._keep_leases, daemon=True, name="leases").start()
        self._is_stopping.set()

    def _keep_leases(self) -> None:
        async def keep() -> None:
            link = open_async(self._plan.server, pool_size=2)
            hooks = KeeperHooks(
                held=lambda: held_incarnations(self._table, self._worker_id),
                on_lost=_ignore_loss,
                on_cancel=_ignore_cancel,
                on_reaped=_ignore_reaped,
                deliver=_deliver_later,
            )
            queues = [lane.queue for lane in self._plan.lanes]
            space = Space(self._plan.server.namespace)
            await LeaseKeeper(AsyncExecutor(link), space, queues, self._plan.lease_ms, hooks).run()

        asyncio.run(keep())

    async def _end_in_order(self) -> None:
        """Drain; after the grace cancel and hand back; at last end even if handlers do not."""
        await self._is_stopping.wait()
        self._consumer.stop_claiming()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_hurried.wait(), self._grace_s)
        busy = [slot for slot in self._executor.slots if slot.task is not None]
        for slot in busy:
            slot.stop("shutdown")
        await asyncio.sleep(_CANCEL_GRACE_S)
        for slot in busy:
            if slot.task is not None and slot.reason == "shutdown":
                self._executor.hand_back(slot, "shutdown")
        for _ in range(round(_FLUSH_S / _FLUSH_LOOK_S)):
            if not self._consumer.has_results:
                break
            await asyncio.sleep(_FLUSH_LOOK_S)
        # A handler that swallows its cancellation keeps its slot; its task is handed back by now.
        os._exit(self._status)


def _with_jitter(max_tasks: int) -> int:
    return max_tasks - int(max_tasks * random.uniform(0, _RECYCLE_JITTER))


async def _deliver_later(queue: str, parents: Sequence[str]) -> None:
    """Leave deliveries to the outbox, where the sweep finds them."""
    log.debug("%d parents of %s wait in the outbox", len(parents), queue)


def _note_loss(lane: Lane) -> None:
    log.debug("a new life begins in %s", lane.queue)


def _ignore_loss(queue: str, incarnation: str) -> None:
    log.warning("the lease of %s in %s is gone", incarnation, queue)


def _ignore_cancel(queue: str, task_id: str, intent: bytes) -> None:
    log.debug("not cancelled while ending: %s of %s, %d bytes", task_id, queue, len(intent))


def _ignore_reaped(queue: str, reaped: Reaped) -> None:
    log.debug("took back %d tasks of %s", len(reaped.outcomes), queue)


def held_incarnations(table: SlotTable, worker_id: str) -> dict[str, list[str]]:
    """Return queue to the incarnations of this worker that hold something there."""
    return {
        queue: [f"{worker_id}#{incarnation}"]
        for queue, incarnation, held in table.holdings()
        if held
    }
