"""The duty of sweeping: once a minute some worker tidies each queue, also those nobody serves.

Trash over its time, old finished tasks of idle queues, rows of old requests, parents whose children
were not told. All workers ask; the queue's own script gives the turn to one (verbs/sweep.py). What
a queue gets besides that, because it crosses slots or has keys of its own, is a chore: the part
that does it adds itself to CHORES. A worker that dies here leaves the rest to the next minute.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from rediq_core.errors import RediqError
from rediq_core.keys import global_key
from rediq_core.scripts.call import Call
from rediq_core.verbs.sweep import PERIOD_MS, Swept, sweep
from rediq_core.worker.desk import Desk
from rediq_core.worker.limit_rules import finish_rescoring
from rediq_core.worker.relay import tell_leftovers
from rediq_core.worker.rolling import roll_history

log = logging.getLogger("rediq.sweep")
# Seconds after a start within which the first look falls, so that a fleet does not look at once.
FIRST_LOOK_S = 5.0
# Queues asked for in one round trip.
QUEUES_A_TRIP = 100
# Seconds between pieces of one queue: whoever works there comes first.
PAUSE_S = 0.01
# Pieces of one queue in one turn; a larger backlog is the next minute's.
MOST_PIECES = 500


async def take_back_stranded(desk: Desk, queue: str, swept: Swept) -> None:
    """Reap what is claimed under no lease: no lease runs out, so nothing else would look.

    A failover can lose a settle that was answered, and keep the claim. The process holds nothing
    any more, so its next settle ends its lease, and the task would be active for ever.
    """
    if not swept.has_more:
        await desk.keeper.reap(queue)


# Gets a queue and what a piece of its sweep found; `has_more` is false for the last piece.
Chore = Callable[[Desk, str, Swept], Coroutine[Any, Any, None]]
CHORES: tuple[Chore, ...] = (take_back_stranded, roll_history, tell_leftovers, finish_rescoring)


async def sweep_queues(desk: Desk) -> None:
    """Look after all queues each minute until cancelled."""
    rng = random.Random()
    await asyncio.sleep(rng.uniform(0, FIRST_LOOK_S))
    while True:
        try:
            await sweep_once(desk, CHORES)
        except RediqError as error:
            log.debug("cannot sweep: %s", error.message)
        await asyncio.sleep(PERIOD_MS / 1000 * rng.uniform(1.0, 1.1))


async def sweep_once(desk: Desk, chores: Sequence[Chore]) -> list[str]:
    """Ask for every queue's turn, and tidy those that are ours.

    One round trip for each 100 queues, and one more for each piece of those that need it.

    Returns:
        The queues that were swept here.

    Raises:
        RediqError: The names of queues cannot be read.
    """
    found = await desk.link.command("SMEMBERS", global_key(desk.space.namespace, "queues"))
    queues = sorted(name.decode("utf-8", "replace") for name in found)
    mine = []
    for at in range(0, len(queues), QUEUES_A_TRIP):
        chunk = queues[at : at + QUEUES_A_TRIP]
        replies = await desk.executor.run_many([_piece(desk, queue) for queue in chunk])
        for queue, reply in zip(chunk, replies, strict=True):
            if isinstance(reply, RediqError):
                log.warning("cannot sweep %s: %s", queue, reply.message)
            elif reply.is_mine:
                mine.append(queue)
                await _go_on(desk, queue, reply, chores)
    return mine


def _piece(desk: Desk, queue: str, cursor: str = "") -> Call[Swept]:
    lane = next((lane for lane in desk.plan.lanes if lane.queue == queue), None)
    retention = desk.plan.retention if lane is None else lane.retention
    return sweep(desk.space, queue, retention, is_served=lane is not None, cursor=cursor)


async def _go_on(desk: Desk, queue: str, swept: Swept, chores: Sequence[Chore]) -> None:
    """Finish a sweep whose first piece was ours."""
    for _ in range(MOST_PIECES):
        _note(queue, swept)
        for chore in chores:
            try:
                await chore(desk, queue, swept)
            except RediqError as error:
                log.warning("a chore of the sweep of %s failed: %s", queue, error.message)
        if not swept.has_more:
            return
        await asyncio.sleep(PAUSE_S)
        try:
            swept = await desk.executor.run(_piece(desk, queue, swept.cursor))
        except RediqError as error:
            log.warning("stopped sweeping %s: %s", queue, error.message)
            return


def _note(queue: str, swept: Swept) -> None:
    if swept.repaired:
        log.warning("%d tasks of %s were in trash and elsewhere; repaired", swept.repaired, queue)
    if swept.purged or swept.trimmed:
        log.info(
            "swept %s: %d purged from trash, %d finished over their time",
            queue,
            swept.purged,
            swept.trimmed,
        )
