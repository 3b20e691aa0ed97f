"""What a supervisor does beside its task processes: one coroutine a duty, all on its loop.

Each duty lives in a file of its own and gets the Desk: what it may read and send with. A duty runs
until it is cancelled, does bounded work a turn, never blocks the loop, and survives a Redis that is
away. If one ends with an error, that is logged and the others go on. No duty starts or kills
processes; that stays with the supervisor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from rediq_core.worker.desk import Desk
from rediq_core.worker.eviction import warn_of_eviction
from rediq_core.worker.limit_rules import declare_limits_for_ever
from rediq_core.worker.monitoring import serve_monitoring
from rediq_core.worker.recycling import limit_memory
from rediq_core.worker.scheduler import keep_schedules
from rediq_core.worker.sweeping import sweep_queues

__all__ = ["DUTIES", "Desk", "Duty", "do_duty"]

log = logging.getLogger("rediq.supervisor")

Duty = Callable[[Desk], Coroutine[Any, Any, None]]
# Every duty of a supervisor besides leases, orders, announcements and watching its processes.
DUTIES: tuple[Duty, ...] = (
    sweep_queues,
    declare_limits_for_ever,
    keep_schedules,
    limit_memory,
    serve_monitoring,
    warn_of_eviction,
)


async def do_duty(duty: Duty, desk: Desk) -> None:
    """Run one duty; an error ends it alone, and is logged."""
    try:
        await duty(desk)
    except Exception:
        log.exception("%s of the supervisor ended", getattr(duty, "__name__", duty))
