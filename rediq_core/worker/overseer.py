"""What a supervisor does for its task processes, done by a thread of a program with a worker in it.

Keeps leases, takes orders, announces, sweeps and fires schedules, on an event loop of its own, so
that a handler that blocks the program's loop loses no lease. What it cannot do is what needs a
second process: go on while one C call holds the interpreter lock, and kill what is stuck.

Threads: made and stopped from the program's loop; all else happens on its own. If the thread dies,
leases run out and others take the tasks.
"""

from __future__ import annotations

import asyncio
import logging
import threading

from rediq_core.metrics.meter import Meter
from rediq_core.opening import open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.announcing import Announcer
from rediq_core.worker.desk import Desk
from rediq_core.worker.duties import DUTIES, do_duty
from rediq_core.worker.lease_keeper import KeeperHooks, LeaseKeeper
from rediq_core.worker.obituary import Obituaries
from rediq_core.worker.orders import obey
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.relay import Relay
from rediq_core.worker.seat import Seat
from rediq_core.worker.seating import Seating

log = logging.getLogger("rediq.supervisor")
# Seconds after an order at which its effect is announced.
_OBEYED_S = 0.5
# Seconds for the last words to Redis.
_CLOSE_S = 3.0


class Overseer:
    """The thread. Started once, stopped once."""

    def __init__(self, plan: WorkerPlan, supervisor_id: str, seat: Seat) -> None:
        self._plan = plan
        self._id = supervisor_id
        self._seat = seat
        self._is_stopping = False
        self._loop = asyncio.new_event_loop()
        self._end: asyncio.Event = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="rediq-leases", daemon=True)

    def start(self) -> None:
        """Begin to keep leases."""
        self._thread.start()

    def announce_stopping(self) -> None:
        """Say from now on that the worker drains."""
        self._is_stopping = True

    async def aclose(self) -> None:
        """Take back the worker's row and end the thread; waits for it a few seconds at most."""
        self._is_stopping = True
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            await asyncio.to_thread(self._thread.join, _CLOSE_S)
        elif not self._loop.is_closed():
            self._loop.close()

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._oversee())
        except Exception:
            log.exception("the thread that keeps leases ended")
        finally:
            self._loop.close()

    async def _oversee(self) -> None:
        plan, seats = self._plan, [self._seat]
        link = open_async(plan.server, pool_size=2)
        executor, space = AsyncExecutor(link), Space(plan.server.namespace)
        queues = [lane.queue for lane in plan.lanes]
        meter, obituaries = Meter(queues), Obituaries(executor, space)
        seating = Seating(seats, meter, obituaries)
        relay = Relay(executor, space)
        hooks = KeeperHooks(
            seating.held, seating.on_lost, seating.on_cancel, seating.on_reaped, relay.hand_over
        )
        keeper = LeaseKeeper(executor, space, queues, plan.lease_ms, hooks)
        desk = Desk(
            self._id,
            plan,
            link,
            executor,
            space,
            queues,
            seats,
            keeper,
            lambda: self._is_stopping,
            meter,
        )
        announcer = Announcer(desk)
        announcing: set[asyncio.Task[None]] = set()

        def announce() -> None:
            task = asyncio.ensure_future(announcer.once())
            announcing.add(task)
            task.add_done_callback(announcing.discard)

        def announce_soon() -> None:
            self._loop.call_later(_OBEYED_S, announce)

        works = [
            asyncio.ensure_future(work)
            for work in (
                keeper.run(),
                announcer.run(),
                obituaries.run(),
                obey(desk, announce_soon),
                *(do_duty(duty, desk) for duty in DUTIES),
            )
        ]
        await self._end.wait()
        for task in (*works, *announcing):
            task.cancel()
        await asyncio.gather(*works, *announcing, return_exceptions=True)
        await announcer.withdraw(self._seat)
        await relay.aclose()
        await link.aclose()
