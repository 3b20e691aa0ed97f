"""A scheduler in a process of its own, as a supervisor runs it, until somebody kills it.

Says "ready" on stdout when it has looked once. Run by `python -m tests.support.scheduler_process`.
"""

from __future__ import annotations

import asyncio
import sys

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.scheduler import Scheduler


async def main(url: str, namespace: str) -> None:
    scheduler = Scheduler(AsyncExecutor(AsyncLink(parse_url(url))), Space(namespace))
    await scheduler.turn()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await scheduler.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
