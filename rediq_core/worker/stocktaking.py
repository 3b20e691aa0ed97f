"""After a reconnect: what this process holds on record, and knows nothing of.

An asynchronous failover can lose a settle that was answered and keep the claim before it. The claim
then lives under the lease of a process that is done with it, for as long as that process lives. So
a consumer that had to reconnect compares, after a lane's next exchange and before another: whatever
is claimed by its present life and neither runs nor waits to be settled is handed back, and runs
again. This reads; handing back is a settle like any other, checked by its token.

Cost: one HSCAN page for each 500 tasks that run in the queue, and one HMGET if anything was found.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from rediq_core.connection.aio import AsyncLink
from rediq_core.errors import RediqError, RedisUnavailable
from rediq_core.verbs.exchange import Settled
from rediq_core.worker import settling
from rediq_core.worker.lanes import Lane

log = logging.getLogger("rediq.worker")
# Claims a page.
PAGE = 500
# Seconds for each read; while Redis is away the consumer must not stand still for long.
DEADLINE_S = 2.0
# Seconds until the next try after one that failed.
AGAIN_S = 10.0


async def take_stock(link: AsyncLink, lane: Lane, running: Callable[[], set[str]]) -> None:
    """Have a lane hand back what it has on record and knows nothing of.

    Args:
        link: To read by.
        lane: It has no request under way, and begins none meanwhile.
        running: Says what it runs, or is about to, by id. What ends meanwhile waits to be settled.
    """
    known = running()
    try:
        claimed = await _read_claims(link, lane)
        known |= running() | lane.unsettled()
        unknown = {task_id: token for task_id, token in claimed.items() if task_id not in known}
        releases = await _releases(link, lane, unknown) if unknown else []
    except RedisUnavailable:
        lane.stock_at_s = asyncio.get_running_loop().time() + AGAIN_S
        return
    except RediqError as error:
        releases = []
        log.error("queue %s: %s", lane.queue, error)  # noqa: TRY400  # its own text says all
    lane.stock_at_s = math.inf
    if releases:
        log.warning("%s settles of %s were lost by Redis", len(releases), lane.queue)
        lane.hand_back_forgotten(releases)


async def _read_claims(link: AsyncLink, lane: Lane) -> dict[str, str]:
    """Return the tasks that the lane's present life has claimed, with their tokens."""
    key, life = lane.key("claims"), lane.life.encode() + b":"
    found: dict[str, str] = {}
    cursor = b"0"
    while True:
        cursor, page = await link.command(
            "HSCAN", key, cursor, "COUNT", PAGE, key=key, deadline_s=DEADLINE_S
        )
        found |= {
            task_id.decode("utf-8", "replace"): token.decode()
            for task_id, token in zip(page[::2], page[1::2], strict=True)
            if token.startswith(life)
        }
        if cursor == b"0":
            return found


async def _releases(link: AsyncLink, lane: Lane, claims: dict[str, str]) -> list[Settled]:
    key = lane.key("tries")
    rows = await link.command("HMGET", key, *claims, key=key, deadline_s=DEADLINE_S)
    return [
        settling.forgotten(task_id, token, row, lane.server_ms())
        for (task_id, token), row in zip(claims.items(), rows, strict=True)
    ]
