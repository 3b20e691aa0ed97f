"""Rediq with everything on: retention, timeline, fencing, metrics; its own CLI and public API.

One at a time goes through `SyncClient`; everything else through `Client`. With BENCH_QUEUES > 1
the worker serves that many queues, as the order system does, and the tasks use the first.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from counting import FOLDER, HOLD_S, seen
from driver import CONCURRENCY, PROCESSES, URL, Adapter, AsyncProducer, Producer, main

from rediq_core import Client, Context, Mux, SyncClient, Task

QUEUES = int(os.environ.get("BENCH_QUEUES", "1"))
BULK_TASKS = 5000  # a call; the client cuts it into round trips of 500

mux = Mux()


@mux.handler("noop")
async def noop(_ctx: Context, payload: str) -> None:
    if seen(payload):
        await asyncio.sleep(HOLD_S)


@contextmanager
def blocking() -> Iterator[Producer]:
    with SyncClient(URL) as client:
        yield Producer(enqueue=lambda payload: client.enqueue(Task("noop", payload)))


@asynccontextmanager
async def asynchronous() -> AsyncIterator[AsyncProducer]:
    async with Client(URL) as client:

        async def enqueue_many(payloads: Sequence[str]) -> None:
            await client.enqueue_many([Task("noop", text) for text in payloads])

        yield AsyncProducer(
            enqueue=lambda payload: client.enqueue(Task("noop", payload)),
            enqueue_many=enqueue_many,
            bulk_size=BULK_TASKS,
        )


def worker() -> list[str]:
    """Write the TOML of this run and name the command an operator would type."""
    names = ["default", *(f"idle-{index}" for index in range(1, QUEUES))]
    sections = [f'[queues.{name}]\nhandlers = ["peer_rediq:mux"]\n' for name in names]
    config = FOLDER / "rediq.toml"
    config.write_text(f'[redis]\nurl = "{URL}"\n\n' + "\n".join(sections))
    return [
        *(str(Path(sys.executable).with_name("rediq")), "worker", "start", "-c", str(config)),
        *("--concurrency", str(CONCURRENCY), "--processes", str(PROCESSES)),
    ]


if __name__ == "__main__":
    main(Adapter(worker=worker, blocking=blocking, asynchronous=asynchronous))
