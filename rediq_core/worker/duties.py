"""What a supervisor does beside its task processes: one coroutine a duty, all on its loop.

Each duty lives in a file of its own and gets the Desk: what it may read and send with. A duty runs
until it is cancelled, does bounded work a turn, never blocks the loop, and survives a Redis that is
away. If one ends with an error, that is logged and the others go on. No duty starts or kills
processes; that stays with the supervisor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from rediq_core.connection.aio import AsyncLink
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.lease_keeper import LeaseKeeper
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.seat import Seat

log = logging.getLogger("rediq.supervisor")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a duty works with.

    Attributes:
        supervisor_id: host-pid-random.
        plan: What this worker was told to do.
        link: Connections to Redis.
        executor: Runs calls over it.
        space: Where keys are.
        queues: The queues served, in order.
        seats: The task processes; their number is fixed, who sits in them is not.
        keeper: Renews and reaps; knows whether Redis answers.
        is_stopping: Whether the worker was told to end.
    """

    supervisor_id: str
    plan: WorkerPlan
    link: AsyncLink
    executor: AsyncExecutor
    space: Space
    queues: Sequence[str]
    seats: Sequence[Seat]
    keeper: LeaseKeeper
    is_stopping: Callable[[], bool]


Duty = Callable[[Desk], Coroutine[Any, Any, None]]
# Every duty of a supervisor besides leases, orders, announcements and watching its processes.
DUTIES: tuple[Duty, ...] = ()


async def do_duty(duty: Duty, desk: Desk) -> None:
    """Run one duty; an error ends it alone, and is logged."""
    try:
        await duty(desk)
    except Exception:
        log.exception("%s of the supervisor ended", getattr(duty, "__name__", duty))
