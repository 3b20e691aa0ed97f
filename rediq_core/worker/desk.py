"""What a supervisor's duties work with: one value that is handed around.

It holds no state of its own. In a file apart from the list of duties, because each duty needs it
and the list needs each duty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rediq_core.connection.aio import AsyncLink
from rediq_core.metrics.meter import Meter
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.lease_keeper import LeaseKeeper
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.seat import Seat


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
        seats: The task processes, those that are being replaced too; it changes.
        keeper: Renews and reaps; knows whether Redis answers.
        is_stopping: Whether the worker was told to end.
        meter: What the task processes counted.
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
    meter: Meter = field(default_factory=Meter)
