"""The worker: a supervisor, its task processes, and what keeps their promises."""

from rediq_core.worker.logs import set_up_logging
from rediq_core.worker.plan import WorkerPlan, in_burst, plan_worker
from rediq_core.worker.supervisor import Supervisor

__all__ = ["Supervisor", "WorkerPlan", "in_burst", "plan_worker", "set_up_logging"]
