"""taskiq on Redis: a stream (the broker with acknowledgements) or, with BENCH_VARIANT=list, a list.

uvloop is used by its worker when installed; results go nowhere (the default dummy backend).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from counting import HOLD_S, seen
from driver import CONCURRENCY, PROCESSES, URL, Adapter, AsyncProducer, main
from taskiq_redis import ListQueueBroker, RedisStreamBroker

if os.environ.get("BENCH_VARIANT") == "list":
    # redis-py 8 would break the blocking pop off after 5 s and end the worker process.
    broker = ListQueueBroker(URL, socket_timeout=None)
else:
    # From the stream's start: the queue is filled before the first worker makes the group.
    broker = RedisStreamBroker(URL, consumer_id="0")


@broker.task(task_name="noop")
async def noop(payload: str) -> None:
    if seen(payload):
        await asyncio.sleep(HOLD_S)


@asynccontextmanager
async def producer() -> AsyncIterator[AsyncProducer]:
    await broker.startup()
    yield AsyncProducer(enqueue=noop.kiq)
    await broker.shutdown()


def worker() -> list[str]:
    return [
        *(sys.executable, "-m", "taskiq", "worker", "peer_taskiq:broker"),
        *("--workers", str(PROCESSES), "--max-async-tasks", str(CONCURRENCY)),
        *("--max-prefetch", str(CONCURRENCY), "--no-parse", "--log-level", "WARNING"),
    ]


if __name__ == "__main__":
    main(Adapter(worker=worker, asynchronous=producer))
