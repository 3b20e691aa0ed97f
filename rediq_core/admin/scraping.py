"""Numbers for Prometheus without a worker: what all queues hold and count in Redis.

Scrape either this or the workers, not both: they tell the same events, workers with type and error.
The HTTP side runs on the caller's event loop; Redis is read in one thread at a time beside it. It
reads only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final, TypeVar

from rediq_core.admin.access import Access
from rediq_core.admin.snapshot import read_queues
from rediq_core.admin.workers import read_roster
from rediq_core.errors import InvalidOption, RediqError, RedisUnavailable
from rediq_core.metrics.exposition import CONTENT_TYPE, Reading, expose_queues
from rediq_core.metrics.http import Answer, HttpServer, Page, Query, as_json
from rediq_core.metrics.scaling import scale_document, target_of

T = TypeVar("T")
# Seconds for a call, and for all that a page reads, its turn included. Less than a page may take:
# whoever asks while Redis is away is to be told so, in the page.
CALL_S: Final = 2.0
READ_S: Final = 4.0
# Slots of one more process where no worker runs that could tell.
_SLOTS_UNKNOWN = 10


def exposition(access: Access) -> bytes:
    """Return the numbers of all queues in the text format: 4 round trips, O(queues + workers)."""
    return expose_queues(Reading(is_connected=True, queues=read_queues(access)))


async def serve_queues(
    access: Access, host: str, port: int, on_listening: Callable[[int], None]
) -> None:
    """Serve /metrics, /health and /scale until cancelled.

    Args:
        access: Where to read.
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
        on_listening: Told the port, once.

    Raises:
        InvalidOption: The address cannot be had.
    """
    server = HttpServer(_Pages(access).by_path())
    try:
        await server.start(host, port)
    except OSError as error:
        raise InvalidOption(
            f"cannot listen at {host}:{port}: {error.strerror or error}.",
            cause="A worker that runs here may have the port.",
            next_step="Choose another: --port N, or --port 0 for any.",
        ) from error
    try:
        on_listening(server.port)
        await asyncio.Event().wait()
    finally:
        await server.aclose()


class _Pages:
    """What is served; one thing is read at a time."""

    def __init__(self, access: Access) -> None:
        self._access = replace(access, deadline_s=min(CALL_S, access.deadline_s))
        self._lock = asyncio.Lock()

    def by_path(self) -> dict[str, Page]:
        return {
            "/metrics": lambda _: self._metrics(),
            "/health": lambda _: self._health(),
            "/health/live": lambda _: self._live(),
            "/health/ready": lambda _: self._health(),
            "/scale": self._scale,
        }

    async def _read(self, read: Callable[[Access], T]) -> T:
        """Read in a thread; one that is left behind ends with its own deadlines.

        Raises:
            RedisUnavailable: There is no answer in time.
        """
        try:
            async with asyncio.timeout(READ_S), self._lock:
                return await asyncio.to_thread(read, self._access)
        except TimeoutError:
            raise RedisUnavailable(f"no answer within {READ_S:g} s") from None

    async def _metrics(self) -> Answer:
        try:
            text = await self._read(exposition)
        except RediqError:
            text = expose_queues(Reading(is_connected=False))
        return Answer(text, CONTENT_TYPE)

    async def _health(self) -> Answer:
        try:
            queues = await self._read(Access.queue_names)
        except RediqError:
            document = {"status": "unhealthy", "redis_connected": False, "queues": []}
            return as_json(document, HTTPStatus.SERVICE_UNAVAILABLE)
        return as_json({"status": "ok", "redis_connected": True, "queues": queues})

    async def _live(self) -> Answer:
        return as_json({"status": "ok"})

    async def _scale(self, query: Query) -> Answer:
        try:
            target_s = target_of(query.get("target"))
            document = await self._read(lambda access: _scale(access, target_s))
        except ValueError:
            return as_json({"error": "target is 1 to 86400 seconds"}, HTTPStatus.BAD_REQUEST)
        except RediqError as error:
            return as_json({"error": error.message}, HTTPStatus.SERVICE_UNAVAILABLE)
        return as_json(document)


def _scale(access: Access, target_s: float) -> dict[str, object]:
    views = read_queues(access)
    workers = read_roster(access).workers
    slots = max((worker.concurrency for worker in workers), default=_SLOTS_UNKNOWN)
    return scale_document(views, slots, target_s)
