"""The task process: imports handlers, runs the consumer, ends in order.

Forked by the supervisor, with one socket to it and a slot table that both see. Commands come as
JSON lines; the end of the socket means that the parent is dead: then nothing more is claimed, a
thread keeps the leases, what runs is finished, and the exit status is 71. It never restarts
anything and serves no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import threading
from pathlib import Path

from rediq_core.errors import RediqError
from rediq_core.handlers.loading import import_middleware, import_root, load_mux
from rediq_core.handlers.middleware import Layer, Middleware
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.registration import Registration
from rediq_core.opening import open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.lease import Reaped
from rediq_core.worker.crew import Crew, CrewHooks
from rediq_core.worker.lease_keeper import KeeperHooks, LeaseKeeper
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.relay import Relay
from rediq_core.worker.seating import held_incarnations
from rediq_core.worker.slots import SlotTable
from rediq_core.worker.uplink import Uplink, report_counts, report_for_ever

log = logging.getLogger("rediq.worker")
# Exit status of a task process whose parent died; it finished what it ran.
ORPHANED = 71
# Exit status of one whose handlers cannot be imported.
UNUSABLE = 2


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
    # What was imported lives as long as the process: no collection need look at it, and pages that
    # the parent shares stay shared.
    gc.freeze()
    return asyncio.run(_TaskProcess(plan, worker_id, table, pipe).run(registries))


def load_handlers(plan: WorkerPlan) -> tuple[dict[str, dict[str, Registration]], list[Mux]]:
    """Import every module once; return registrations by queue and type, and the muxes.

    Raises:
        ConfigError: A module cannot be imported or holds no Mux, or a middleware is none.
    """
    layers = load_middleware(plan)
    muxes: dict[str, Mux] = {}
    registries: dict[str, dict[str, Registration]] = {}
    for queue, modules in plan.modules.items():
        registry: dict[str, Registration] = {}
        for module in modules:
            mux = muxes.get(module.spec)
            if mux is None:
                mux = load_mux(module.spec, module.origin, looked_in=_looked_in(plan))
                muxes[module.spec] = mux
                mux.validate()
                mux.surround(layers)
            for registration in mux.registrations:
                registry.setdefault(registration.type, registration)
        registries[queue] = registry
    return registries, list({id(mux): mux for mux in muxes.values()}.values())


def load_middleware(plan: WorkerPlan) -> list[Layer]:
    """Import the middlewares that the configuration names, each once, outermost first.

    Raises:
        ConfigError: One cannot be imported, or is no middleware.
    """
    found: dict[str, Middleware] = {}
    for named in plan.middleware:
        if named.spec not in found:
            found[named.spec] = import_middleware(
                named.spec, named.origin, looked_in=_looked_in(plan)
            )
    return [Layer(found[named.spec], named.queue) for named in plan.middleware]


def _looked_in(plan: WorkerPlan) -> str:
    return f"{plan.root} (the folder of the configuration)"


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
        self._crew: Crew

    async def run(self, loaded: tuple[dict[str, dict[str, Registration]], list[Mux]]) -> int:
        """Serve until told to stop; returns the exit status."""
        hooks = CrewHooks(on_retire=self._on_retire)
        crew = self._crew = Crew(self._plan, self._worker_id, self._table, loaded, hooks)
        try:
            await crew.open()
        except RediqError as error:
            self._uplink.tell(_failure_event(error))
            return UNUSABLE
        self._uplink.tell({"event": "ready", "types": crew.types})
        if await crew.run(self._obey(), report_for_ever(self._uplink, crew.lanes)):
            report_counts(self._uplink, crew.lanes)
            await crew.aclose()
        logging.shutdown()
        # Neither threads that were left behind nor handlers that swallow their cancellation may
        # hold up the end of the process; their tasks are handed back by now.
        os._exit(self._status)

    def _on_retire(self, why: str) -> bool:
        self._uplink.tell({"event": "retire", "why": why})
        return True

    async def _obey(self) -> None:
        reader, _ = await asyncio.open_connection(sock=self._pipe)
        # A parent that dies with words of ours unread leaves a reset in place of an end.
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._crew.obey(json.loads(line))
        self._be_orphaned()

    def _be_orphaned(self) -> None:
        log.error("the supervisor is gone; finishing what runs, then ending")
        self._status = ORPHANED
        threading.Thread(target=self._keep_leases, daemon=True, name="leases").start()
        self._crew.obey({"do": "drain"})

    def _keep_leases(self) -> None:
        async def keep() -> None:
            link = open_async(self._plan.server, pool_size=2)
            executor, space = AsyncExecutor(link), Space(self._plan.server.namespace)
            hooks = KeeperHooks(
                held=lambda: held_incarnations(self._table, self._worker_id),
                on_lost=_ignore_loss,
                on_cancel=_ignore_cancel,
                on_reaped=_ignore_reaped,
                deliver=Relay(executor, space).deliver,
            )
            queues = [lane.queue for lane in self._plan.lanes]
            await LeaseKeeper(executor, space, queues, self._plan.lease_ms, hooks).run()

        asyncio.run(keep())


def _ignore_loss(queue: str, incarnation: str) -> None:
    log.warning("the lease of %s in %s is gone", incarnation, queue)


def _ignore_cancel(queue: str, task_id: str, intent: bytes) -> None:
    log.debug("not cancelled while ending: %s of %s, %d bytes", task_id, queue, len(intent))


def _ignore_reaped(queue: str, reaped: Reaped) -> None:
    log.debug("took back %d tasks of %s", len(reaped.outcomes), queue)
