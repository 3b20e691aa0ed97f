"""The Desk of a supervisor without processes: what a duty can be tried with, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rediq_core.config.server import ServerChoice
from rediq_core.handlers.settings import Defaults
from rediq_core.opening import open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.desk import Desk
from rediq_core.worker.lanes import LanePlan
from rediq_core.worker.lease_keeper import KeeperHooks, LeaseKeeper
from rediq_core.worker.plan import DEFAULT_RETENTION, WorkerPlan
from rediq_core.worker.seat import Seat

NAMESPACE = "t"
LEASE_MS = 10_000


def plan_for(url: str, queues: Sequence[str] = (), **changes: Any) -> WorkerPlan:
    """Return the plan of a worker that serves these queues with no handlers."""
    no_defaults = Defaults(None, None, None)
    lanes = tuple(LanePlan(name, 1, 0, no_defaults, DEFAULT_RETENTION) for name in queues)
    server = ServerChoice(
        url, "a test", is_fallback=False, namespace=changes.pop("namespace", NAMESPACE)
    )
    return WorkerPlan(server, lanes, {}, Path.cwd(), **changes)


@asynccontextmanager
async def duty_desk(
    url: str, queues: Sequence[str] = (), seats: Sequence[Seat] = (), **changes: Any
) -> AsyncIterator[Desk]:
    """Open a desk for the length of a with-block.

    Args:
        url: The server.
        queues: The queues that its worker serves.
        seats: Its task processes, which nobody runs.
        changes: Of its plan.
    """
    plan = plan_for(url, queues, **changes)
    link = open_async(plan.server)
    executor, space = AsyncExecutor(link), Space(plan.server.namespace)

    async def leave(queue: str, parents: Sequence[str]) -> None:
        return None

    hooks = KeeperHooks(dict, lambda *_: None, lambda *_: None, lambda *_: None, leave)
    keeper = LeaseKeeper(executor, space, queues, LEASE_MS, hooks)
    try:
        yield Desk("sup-1", plan, link, executor, space, queues, seats, keeper, lambda: False)
    finally:
        await link.aclose()
