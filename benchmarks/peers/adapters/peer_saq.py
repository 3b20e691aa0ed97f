"""SAQ: results dropped at once (ttl -1), uvloop installed, 50 operations allowed at a time."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from counting import HOLD_S, seen
from driver import CONCURRENCY, PARALLEL, PROCESSES, URL, Adapter, AsyncProducer, main
from saq import Queue

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
queue = Queue.from_url(URL, max_concurrent_ops=PARALLEL)


async def noop(_ctx: dict[str, Any], *, payload: str) -> None:
    if seen(payload):
        await asyncio.sleep(HOLD_S)


settings = {"queue": queue, "functions": [("noop", noop)], "concurrency": CONCURRENCY}


@asynccontextmanager
async def producer() -> AsyncIterator[AsyncProducer]:
    yield AsyncProducer(enqueue=lambda payload: queue.enqueue("noop", payload=payload, ttl=-1))
    await queue.disconnect()


def worker() -> list[str]:
    return [
        *(sys.executable, "-m", "saq", "peer_saq.settings", "--quiet"),
        *("--workers", str(PROCESSES)),
    ]


if __name__ == "__main__":
    main(Adapter(worker=worker, asynchronous=producer))
