"""Run and wait histograms of handlers in a program's own Prometheus registry.

For a `Worker` inside another program, which serves no /metrics: its handlers are counted where the
program counts everything else. `rediq worker start` counts and serves all of this by itself and
needs no middleware. Names, buckets and labels are those of a worker's /metrics; what only the queue
knows (retried, dead, lost) is not here.

Example:
    mux.use(MetricsMiddleware())  # prometheus_client's default registry
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Final, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.handlers.context import Context
from rediq_core.handlers.groups import Member
from rediq_core.handlers.middleware import CallNext
from rediq_core.handlers.outcomes import Judged, error_name
from rediq_core.handlers.signals import Snooze
from rediq_core.metrics.meter import MAX_ERRORS, MAX_PAIRS
from rediq_core.metrics.tallies import BOUNDS_S, OTHER

K = TypeVar("K", bound=Hashable)
_OF_TYPE: Final = ("queue", "type")
# Stands for a run that has no outcome; no class has a name like it.
_HANDED_BACK: Final = "handed back"


class MetricsMiddleware:
    """Count runs, their durations and waits, and failed runs by error.

    At most 100 pairs of queue and type and 100 errors are told apart; what comes after them is the
    queue's `other`. Belongs to one event loop.
    """

    def __init__(
        self, registry: CollectorRegistry = REGISTRY, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Register the metrics.

        Args:
            registry: Where.
            clock: What durations are measured by.

        Raises:
            ValueError: The registry has them already.
        """
        self._clock = clock
        self._runs = Histogram(
            "rediq_task_processing_duration",
            "Seconds a finished run took.",
            _OF_TYPE,
            registry=registry,
            buckets=BOUNDS_S,
        )
        self._waits = Histogram(
            "rediq_task_wait_duration",
            "Seconds from ready to running.",
            _OF_TYPE,
            registry=registry,
            buckets=BOUNDS_S,
        )
        self._processed = Counter(
            "rediq_task_processed", "Finished runs.", _OF_TYPE, registry=registry
        )
        self._failed = Counter(
            "rediq_task_error", "Failed runs.", (*_OF_TYPE, "error"), registry=registry
        )
        self._pairs: set[tuple[str, str]] = set()
        self._errors: set[tuple[str, str, str]] = set()

    async def __call__(self, ctx: Context, call_next: CallNext) -> object:
        """Run the handler and count it."""
        started_s = self._clock.monotonic()
        error = ""
        try:
            return await call_next(ctx)
        except BaseException as raised:
            error = _name_of(raised, ctx)
            raise
        finally:
            # What was handed back is no finished run; it will be counted where it ends.
            if error != _HANDED_BACK:
                self._count(ctx, self._clock.monotonic() - started_s, error)

    def _count(self, ctx: Context, run_s: float, error: str) -> None:
        members = [member.task for member in ctx.members if isinstance(member, Member)]
        for task in members or [ctx.task]:
            names = (task.queue, task.type)
            names = _bounded(names, self._pairs, MAX_PAIRS, (task.queue, OTHER))
            self._runs.labels(*names).observe(run_s)
            self._waits.labels(*names).observe(max(task.claimed_ms - task.ready_ms, 0) / 1000)
            self._processed.labels(*names).inc()
            if error:
                rest = (task.queue, OTHER, OTHER)
                failed = _bounded((*names, error), self._errors, MAX_ERRORS, rest)
                self._failed.labels(*failed).inc()


def _name_of(error: BaseException, ctx: Context) -> str:
    """Return the name a failure is counted by; "" for a snooze, which is none."""
    if isinstance(error, asyncio.CancelledError) and ctx.cancel_reason != "timeout":
        return _HANDED_BACK
    if isinstance(error, asyncio.CancelledError):
        return "TaskTimeout"
    if isinstance(error, Snooze):
        return ""
    if isinstance(error, Judged):
        return error.outcome.failure.error_type
    return error_name(error)


def _bounded(key: K, known: set[K], most: int, other: K) -> K:
    if key not in known and len(known) >= most:
        return other
    known.add(key)
    return key
