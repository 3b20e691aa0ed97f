"""arq: no results kept, uvloop installed by hand because its command line has no switch for it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import func
from counting import HOLD_S, seen
from driver import CONCURRENCY, PORT, Adapter, AsyncProducer, main

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
POLL_DELAY_S = 0.01  # its default of 0.5 s halves its drain; the idle case pays for this one
SERVER = RedisSettings(host="127.0.0.1", port=PORT)


async def noop(_ctx: dict[str, Any], payload: str) -> None:
    if seen(payload):
        await asyncio.sleep(HOLD_S)


class WorkerSettings:
    """What arq's command line reads."""

    functions: ClassVar = [func(noop, name="noop", keep_result=0)]
    redis_settings = SERVER
    max_jobs = CONCURRENCY
    poll_delay = POLL_DELAY_S


@asynccontextmanager
async def producer() -> AsyncIterator[AsyncProducer]:
    pool = await create_pool(SERVER)
    yield AsyncProducer(enqueue=lambda payload: pool.enqueue_job("noop", payload))
    await pool.aclose()


def worker() -> list[str]:
    return [str(Path(sys.executable).with_name("arq")), "peer_arq.WorkerSettings"]


if __name__ == "__main__":
    main(Adapter(worker=worker, asynchronous=producer))
