"""The worker: a supervisor, its task processes, and what keeps their promises.

Names load on first use: a handler process lives in this package and needs a seventh of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rediq_core.worker.checking import check_handlers
    from rediq_core.worker.inside import Worker
    from rediq_core.worker.logs import set_up_logging
    from rediq_core.worker.plan import WorkerPlan, in_burst, plan_worker
    from rediq_core.worker.supervisor import Supervisor

_HOMES = {
    "Supervisor": "supervisor",
    "Worker": "inside",
    "WorkerPlan": "plan",
    "check_handlers": "checking",
    "in_burst": "plan",
    "plan_worker": "plan",
    "set_up_logging": "logs",
}

__all__ = [
    "Supervisor",
    "Worker",
    "WorkerPlan",
    "check_handlers",
    "in_burst",
    "plan_worker",
    "set_up_logging",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rediq_core.worker' has no attribute {name!r}")
    return getattr(import_module(f"rediq_core.worker.{home}"), name)
