"""Brings the limits that a configuration declares to the queues it serves.

Done when the worker starts, and each minute again in case somebody emptied the server; what an
operator overrode stays as it is. Of two configurations the later one counts. A change of order
whose operator went away is finished here too, by whoever sweeps the queue.
"""

from __future__ import annotations

import asyncio
import logging

from rediq_core.errors import RediqError
from rediq_core.verbs.limits import declare_limits, rescore
from rediq_core.verbs.sweep import Swept
from rediq_core.worker.desk import Desk

log = logging.getLogger("rediq.supervisor")
# Seconds between declaring again; unchanged limits cost one small call a queue.
AGAIN_S = 60.0
# Seconds until the next try when Redis did not take them.
RETRY_S = 1.0


async def declare_limits_for_ever(desk: Desk) -> None:
    """Declare the limits of all queues now and again, until cancelled."""
    lanes = [lane for lane in desk.plan.lanes if lane.limits is not None]
    while lanes:
        calls = [
            declare_limits(
                desk.space, lane.queue, lane.limits, by=desk.supervisor_id, rev=lane.limits_rev
            )
            for lane in lanes
            if lane.limits is not None
        ]
        try:
            replies = await desk.executor.run_many(calls)
        except RediqError as away:
            replies = [away]
        refused = [reply for reply in replies if isinstance(reply, RediqError)]
        for refusal in refused:
            log.debug("limits were not declared: %s", refusal.message)
        await asyncio.sleep(RETRY_S if refused else AGAIN_S)


async def finish_rescoring(desk: Desk, queue: str, swept: Swept) -> None:
    """Go on with a change of order that was broken off: one small call where there is none."""
    has_more = not swept.has_more
    while has_more:
        has_more = (await desk.executor.run(rescore(desk.space, queue))).has_more
