"""A Redis task queue that loses nothing: the public names, loaded on first use.

Producers need `Client` or `SyncClient`, `Task` and `TaskType`; workers a `Mux`, `Context` and the
signals. Names load lazily so that the command line and small scripts pay only for what they use.

Example:
    from rediq_core import Client, Task

    async with Client() as client:
        await client.enqueue(Task("mail:send", {"to": 7}))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rediq_core.client import Client, SyncClient
    from rediq_core.errors import DuplicateTask, EnqueueManyFailed, RediqError
    from rediq_core.handlers.context import Context, Dependency, SyncContext
    from rediq_core.handlers.groups import Member
    from rediq_core.handlers.middleware import CallNext, LoggingMiddleware
    from rediq_core.handlers.mux import Mux
    from rediq_core.handlers.outcomes import Failure
    from rediq_core.handlers.signals import Permanent, Retry, Snooze
    from rediq_core.handlers.tracing import TracingMiddleware
    from rediq_core.metrics.middleware import MetricsMiddleware
    from rediq_core.model.retry import Backoff
    from rediq_core.model.state import TaskState
    from rediq_core.model.task import Task
    from rediq_core.model.task_type import TaskType
    from rediq_core.model.views import TaskView
    from rediq_core.worker import Worker

# The same as rediq_cli's, which is read without importing this.
__version__ = "0.1.0"

_HOMES = {
    "Backoff": "model.retry",
    "CallNext": "handlers.middleware",
    "Client": "client",
    "Context": "handlers.context",
    "Dependency": "handlers.context",
    "DuplicateTask": "errors",
    "EnqueueManyFailed": "errors",
    "Failure": "handlers.outcomes",
    "LoggingMiddleware": "handlers.middleware",
    "Member": "handlers.groups",
    "MetricsMiddleware": "metrics.middleware",
    "Mux": "handlers.mux",
    "Permanent": "handlers.signals",
    "RediqError": "errors",
    "Retry": "handlers.signals",
    "Snooze": "handlers.signals",
    "SyncClient": "client",
    "SyncContext": "handlers.context",
    "Task": "model.task",
    "TaskState": "model.state",
    "TaskType": "model.task_type",
    "TaskView": "model.views",
    "TracingMiddleware": "handlers.tracing",
    "Worker": "worker",
}

__all__ = [
    "Backoff",
    "CallNext",
    "Client",
    "Context",
    "Dependency",
    "DuplicateTask",
    "EnqueueManyFailed",
    "Failure",
    "LoggingMiddleware",
    "Member",
    "MetricsMiddleware",
    "Mux",
    "Permanent",
    "RediqError",
    "Retry",
    "Snooze",
    "SyncClient",
    "SyncContext",
    "Task",
    "TaskState",
    "TaskType",
    "TaskView",
    "TracingMiddleware",
    "Worker",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rediq_core' has no attribute {name!r}")
    return getattr(import_module(f"rediq_core.{home}"), name)
