"""The duty of being looked at: /metrics, /health and /scale of a worker, over HTTP.

On the supervisor's loop, without a thread. Whether Redis answers is asked once a second, so that
/health knows at once; queues are read when they are asked for, at most once a second however many
ask. An address that is taken is no reason to do no work: it is said once, and tried again, because
the worker that is being replaced still has it for a while. If this duty ends, work goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import RediqError, RedisUnavailable
from rediq_core.keys import minute_of
from rediq_core.metrics.exposition import CONTENT_TYPE, Reading, expose_worker
from rediq_core.metrics.http import Answer, HttpServer, Page, Query, as_json
from rediq_core.metrics.scaling import scale_document, target_of
from rediq_core.model.views import QueueView
from rediq_core.verbs.inspect import read_queue
from rediq_core.worker.desk import Desk
from rediq_core.worker.plan import MetricsPlan
from rediq_core.worker.seat import Seat

log = logging.getLogger("rediq.metrics")
# Seconds for which an answer whether Redis is there is good, and for that answer.
PROBE_S: Final = 1.0
PROBE_DEADLINE_S: Final = 2.0
# Seconds for which numbers of queues are good.
FRESH_S: Final = 1.0
# Seconds for reading queues, its turn included: with a probe before it, less than a page may take.
READ_S: Final = 2.5
# Seconds without a turn of a task process's fetch loop, which turns at least each 5 s.
STALLED_S: Final = 15.0
# Seconds between tries to listen.
LISTEN_AGAIN_S: Final = 5.0
# Queues read in one round trip.
_QUEUES_A_TRIP: Final = 100


async def serve_monitoring(desk: Desk) -> None:
    """Serve until cancelled; ends at once if it is switched off."""
    if desk.plan.metrics is None:
        return
    monitor = Monitor(desk, SYSTEM_CLOCK)
    server = HttpServer(monitor.pages())
    try:
        await listen(server, desk.plan.metrics)
        await asyncio.get_running_loop().create_future()  # until cancelled
    finally:
        await server.aclose()


async def listen(server: HttpServer, plan: MetricsPlan) -> None:
    """Listen as soon as the address can be had; says once that it cannot."""
    is_told = False
    while True:
        try:
            await server.start(plan.host, plan.port)
        except OSError as error:
            if not is_told:
                log.warning(
                    "no /metrics and /health at %s:%d: %s. The worker works all the same and tries"
                    " again. Does another have it? Set METRICS_PORT or [metrics] port; 0 is any.",
                    plan.host,
                    plan.port,
                    error.strerror or error,
                )
            is_told = True
            await asyncio.sleep(LISTEN_AGAIN_S)
        else:
            log.info("metrics at http://%s:%d/metrics", plan.host, server.port)
            return


class Monitor:
    """What a worker says of itself.

    Attributes:
        is_connected: Redis answered the last question.
    """

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.is_connected = False
        self._desk = desk
        self._clock = clock
        self._probing = asyncio.Lock()
        self._probed_at_s = float("-inf")
        self._reading = asyncio.Lock()
        self._views: list[QueueView] = []
        self._read_at_s = float("-inf")

    def pages(self) -> Mapping[str, Page]:
        """Return what is served, by path."""
        return {
            "/metrics": lambda _: self._metrics(),
            "/health": lambda _: self._health(),
            "/health/live": lambda _: self._live(),
            "/health/ready": lambda _: self._ready(),
            "/scale": self._scale,
        }

    async def probe(self) -> bool:
        """Ask Redis for its time, at most once a second: nobody asks while nobody looks."""
        async with self._probing:
            if self._clock.monotonic() - self._probed_at_s > PROBE_S:
                try:
                    await self._desk.link.command("TIME", deadline_s=PROBE_DEADLINE_S)
                except RediqError as error:
                    if self.is_connected:
                        log.warning("Redis does not answer: %s", error.message)
                    self.is_connected = False
                else:
                    self.is_connected = True
                self._probed_at_s = self._clock.monotonic()
            return self.is_connected

    def stalled(self) -> list[str]:
        """Return the task processes whose fetch loop stands still."""
        last_s = self._clock.monotonic() - STALLED_S
        return [
            seat.worker_id
            for seat in self._seats()
            if seat.table is not None and 0 < seat.table.health().beat_s < last_s
        ]

    def _seats(self) -> list[Seat]:
        """Return the task processes that have begun to work."""
        return [seat for seat in self._desk.seats if seat.pid and seat.is_ready]

    async def _health(self) -> Answer:
        return self._verdict(is_good=await self.probe() and not self.stalled())

    async def _ready(self) -> Answer:
        is_good = await self.probe() and bool(self._seats()) and not self._desk.is_stopping()
        return self._verdict(is_good=is_good)

    async def _live(self) -> Answer:
        # That this loop answers is all that a restart could mend; Redis is not its business.
        return as_json({"status": "ok"})

    def _verdict(self, *, is_good: bool) -> Answer:
        document = {
            "status": "ok" if is_good else "unhealthy",
            "redis_connected": self.is_connected,
            "queues": list(self._desk.queues),
            "processes": len(self._seats()),
            "stalled": self.stalled(),
            "stopping": self._desk.is_stopping(),
        }
        return as_json(document, HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _metrics(self) -> Answer:
        views: list[QueueView] = []
        is_connected = await self.probe()
        if is_connected:
            try:
                views = await self._queues()
            except RedisUnavailable:
                is_connected = False
            except RediqError as error:
                log.warning("the queues could not be read: %s", error.message)
        tables = [seat.table for seat in self._seats() if seat.table is not None]
        reading = Reading(
            is_connected,
            views,
            slots=sum(table.slots for table in tables),
            busy=sum(len(list(table.running())) for table in tables),
        )
        return Answer(expose_worker(self._desk.meter, reading), CONTENT_TYPE)

    async def _scale(self, query: Query) -> Answer:
        try:
            target_s = target_of(query.get("target"))
            views = await self._queues()
        except ValueError:
            return as_json({"error": "target is 1 to 86400 seconds"}, HTTPStatus.BAD_REQUEST)
        except RediqError as error:
            # No number is better than a wrong one: autoscalers keep what they have.
            return as_json({"error": error.message}, HTTPStatus.SERVICE_UNAVAILABLE)
        return as_json(scale_document(views, self._desk.plan.concurrency, target_s))

    async def _queues(self) -> list[QueueView]:
        """Read this worker's queues: 1 round trip for each 100, at most once a second.

        Raises:
            RediqError: Redis does not answer, or not in READ_S.
        """
        try:
            async with asyncio.timeout(READ_S), self._reading:
                if self._clock.monotonic() - self._read_at_s > FRESH_S:
                    self._views = await self._read()
                    self._read_at_s = self._clock.monotonic()
                return self._views
        except TimeoutError:
            raise RedisUnavailable(f"the queues were not read within {READ_S:g} s") from None

    async def _read(self) -> list[QueueView]:
        desk, views = self._desk, list[QueueView]()
        seconds, _ = await desk.link.command("TIME", deadline_s=PROBE_DEADLINE_S)
        minute = minute_of(int(seconds) * 1_000)
        for at in range(0, len(desk.queues), _QUEUES_A_TRIP):
            names = desk.queues[at : at + _QUEUES_A_TRIP]
            calls = [read_queue(desk.space, name, minute=minute) for name in names]
            replies = await desk.executor.run_many(calls, deadline_s=READ_S)
            views += [view for view in replies if not isinstance(view, RediqError)]
        return views
