"""What one `rediq worker start` is to do: the settings, turned into plain values.

Made once in the supervisor and inherited by the task processes it forks. Handlers are not imported
here: modules are named, and each task process imports them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rediq_core.config.loader import LoadedSettings
from rediq_core.config.queue_settings import QueueSettings
from rediq_core.config.server import ServerChoice, place_of
from rediq_core.config.settings import MetricsSettings, RetentionSettings, Settings
from rediq_core.errors import ConfigError
from rediq_core.handlers.settings import Defaults
from rediq_core.model.limits import Limits
from rediq_core.verbs.exchange import Retention
from rediq_core.verbs.schedule import Declaration
from rediq_core.worker.declared import backoff_of, declared_schedules, revision
from rediq_core.worker.lanes import LanePlan

# As the configuration's own defaults: a day and 10,000 of what succeeded, 90 days of what died.
DEFAULT_RETENTION = Retention(86_400_000, 10_000, 90 * 86_400_000, 100_000, 60_000)


@dataclass(frozen=True, slots=True)
class HandlerModule:
    """A module to import handlers from.

    Attributes:
        spec: "package.module" or "package.module:attribute".
        origin: Where it was named, for errors.
    """

    spec: str
    origin: str


@dataclass(frozen=True, slots=True)
class MiddlewareObject:
    """A middleware that the configuration names.

    Attributes:
        spec: "package.module:attribute".
        origin: Where it was named, for errors.
        queue: The one queue around whose tasks it runs, or None for all.
    """

    spec: str
    origin: str
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class MetricsPlan:
    """Where a worker can be looked at.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """Everything a supervisor and its task processes need.

    Attributes:
        server: Which Redis.
        lanes: How to treat each queue, in order.
        modules: Queue to the modules whose types it runs.
        root: Folder that goes first on the import path.
        concurrency: Slots of one task process.
        processes: Task processes.
        lease_ms: Length of a lease.
        grace_ms: How long running tasks may go on after a stop was asked for.
        is_strict: Queues in their order instead of by weight.
        max_tasks: Runs after which a task process is replaced; 0 for never.
        max_rss_bytes: Memory above which a task process is replaced; 0 for any.
        wedged_ms: An idle consumer that stands still for so long has its process replaced.
        metrics: Where /metrics and /health are served, or None.
        is_burst: End when there is nothing left to do.
        burst_wait_ms: Retries due within this are waited for.
        retention: For queues that nobody ever said anything about.
        schedules: Those that the configuration declares.
        middleware: Around the handlers' own, outermost first.
    """

    server: ServerChoice
    lanes: tuple[LanePlan, ...]
    modules: Mapping[str, tuple[HandlerModule, ...]]
    root: Path
    concurrency: int = 10
    processes: int = 1
    lease_ms: int = 10_000
    grace_ms: int = 25_000
    is_strict: bool = False
    max_tasks: int = 0
    is_burst: bool = False
    burst_wait_ms: int = 60_000
    retention: Retention = DEFAULT_RETENTION
    max_rss_bytes: int = 0
    wedged_ms: int = 30_000
    metrics: MetricsPlan | None = None
    schedules: tuple[Declaration, ...] = ()
    middleware: tuple[MiddlewareObject, ...] = ()


def plan_worker(
    loaded: LoadedSettings, server: ServerChoice, extra_modules: Sequence[str], root: Path
) -> WorkerPlan:
    """Turn settings into a plan.

    Args:
        loaded: The settings and where they come from.
        server: Which Redis.
        extra_modules: Modules named on the command line; every queue runs their types.
        root: Folder that goes first on the import path.

    Raises:
        ConfigError: No queue, a queue without handlers, or a schedule that cannot be.
    """
    settings = loaded.settings
    names = settings.worker.queues or tuple(settings.queues) or ("default",)
    shared = [HandlerModule(spec, "command line") for spec in extra_modules]
    place = _place(loaded, "worker", "handlers")
    shared += [HandlerModule(spec, place) for spec in settings.worker.handlers]
    lanes, modules = [], {}
    for name in names:
        queue = settings.queues.get(name, QueueSettings())
        place = _place(loaded, "queues", name, "handlers")
        own = [HandlerModule(spec, place) for spec in queue.handlers]
        if not own and not shared:
            raise ConfigError(
                f"queue {name} has no handlers.",
                cause="A worker needs modules whose types it runs.",
                next_step=f"Name them: [queues.{name}] handlers, or rediq worker start MODULE",
            )
        modules[name] = (*own, *shared)
        lanes.append(
            _lane(settings, name, queue, revision(loaded.path, settings.worker.config_rev))
        )
    worker = settings.worker
    return WorkerPlan(
        server,
        tuple(lanes),
        modules,
        root,
        worker.concurrency,
        worker.processes,
        worker.lease_ms,
        worker.shutdown_grace_ms,
        worker.strict,
        worker.max_tasks_per_child,
        burst_wait_ms=worker.burst_wait_ms,
        retention=_retention(settings.retention),
        max_rss_bytes=worker.max_rss_bytes,
        metrics=_metrics(settings.metrics),
        schedules=declared_schedules(settings.schedules, loaded.path, worker.config_rev),
        middleware=_middleware(loaded, names),
    )


def in_burst(plan: WorkerPlan, wait_ms: int | None) -> WorkerPlan:
    """Return the plan for a worker that ends when there is nothing left to do."""
    return replace(
        plan, is_burst=True, burst_wait_ms=plan.burst_wait_ms if wait_ms is None else wait_ms
    )


def _place(loaded: LoadedSettings, *key: str) -> str:
    return place_of(key, loaded.sources.origin_of(key))


def _middleware(loaded: LoadedSettings, queues: Sequence[str]) -> tuple[MiddlewareObject, ...]:
    """Return what runs around every queue's handlers, then what runs around single queues'."""
    place = _place(loaded, "worker", "middleware")
    found = [MiddlewareObject(spec, place) for spec in loaded.settings.worker.middleware]
    for name in queues:
        queue = loaded.settings.queues.get(name, QueueSettings())
        place = _place(loaded, "queues", name, "middleware")
        found += [MiddlewareObject(spec, place, name) for spec in queue.middleware]
    return tuple(found)


def _metrics(settings: MetricsSettings) -> MetricsPlan | None:
    return MetricsPlan(settings.host, settings.port) if settings.enabled else None


def _lane(settings: Settings, name: str, queue: QueueSettings, rev: int) -> LanePlan:
    return LanePlan(
        name,
        queue.weight,
        queue.slots or 0,
        Defaults(queue.max_retry, queue.timeout_ms, backoff_of(queue.backoff)),
        _retention(settings.retention_of(name)),
        # A worker without a configuration of the queue must not lift another one's limits.
        _limits(queue) if name in settings.queues else None,
        rev,
    )


def _limits(queue: QueueSettings) -> Limits:
    return Limits(queue.concurrency, queue.rate, queue.aging_ms, queue.max_len)


def _retention(kept: RetentionSettings) -> Retention:
    return Retention(
        kept.completed.age_ms,
        kept.completed.count,
        kept.dead.age_ms,
        kept.dead.count,
        kept.min_keep_ms,
    )
