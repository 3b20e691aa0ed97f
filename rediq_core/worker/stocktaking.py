"""After a reconnect: what this process holds on record, and knows nothing of.

An asynchronous failover can lose a settle that was answered and keep the claim before it. The claim
then lives under the lease of a process that is done with it, for as long as that process lives. So
a consumer that had to reconnect compares, after a lane's next exchange and before another: whatever
is claimed by its present life and neither runs nor waits to be settled is handed back, and runs
again. This reads; handing back is a settle like any other, checked by its token.

Cost: one HSCAN page for each 500 tasks that run in the queue, and one HMGET if anything was found.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from rediq_core.connection.aio import AsyncLink
from rediq_core.errors import RediqError, RedisUnavailable
from rediq_core.verbs.exchange import Settled
from rediq_core.worker import settling
from rediq_core.worker.lanes import Lane

log = logging.getLogger("rediq.worker")
# Claims a page.
PAGE = 500
# Seconds for each read; while Redis is away the consumer must not stand still for long.
DEADLINE_S = 1.0


async def take_stock(link: AsyncLink, lane: Lane, running: Collection[str]) -> None:
    """Have a lane hand back what it has on record and knows nothing of.

    Args:
        link: To read by.
        lane: It has no request under way.
        running: Ids of what it runs, or is about to.
    """
    known = lane.unsettled().union(running)
    try:
        releases = await find_forgotten(link, lane.book_keys, lane.life, known, lane.server_ms())
    except RedisUnavailable:
        return  # away once more: the lane stays unsure
    except RediqError as error:
        releases = []
        log.error("queue %s: %s", lane.queue, error)  # noqa: TRY400  # its own text says all
    lane.is_unsure = False
    if releases:
        log.warning("%s settles of %s were lost by Redis", len(releases), lane.queue)
        lane.hand_back_forgotten(releases)


async def find_forgotten(
    link: AsyncLink, keys: tuple[str, str], life: str, known: Collection[str], now_ms: int
) -> list[Settled]:
    """Return releases for what a life holds on record and does not know.

    Args:
        link: To read by.
        keys: The queue's claims and tries.
        life: The incarnation, as tokens name it.
        known: Ids of what it runs, is about to run or will settle.
        now_ms: The server's time.

    Raises:
        RediqError: It could not be read.
    """
    claims, tries = keys
    tokens: dict[bytes, bytes] = {}
    cursor = b"0"
    while True:
        cursor, page = await link.command(
            "HSCAN", claims, cursor, "COUNT", PAGE, key=claims, deadline_s=DEADLINE_S
        )
        tokens |= {
            task_id: token
            for task_id, token in zip(page[::2], page[1::2], strict=True)
            if token.rpartition(b":")[0] == life.encode() and task_id.decode() not in known
        }
        if cursor == b"0":
            break
    if not tokens:
        return []
    counts = await link.command("HMGET", tries, *tokens, key=tries, deadline_s=DEADLINE_S)
    return [
        settling.forgotten(task_id.decode(), token.decode(), count, now_ms)
        for (task_id, token), count in zip(tokens.items(), counts, strict=True)
    ]
