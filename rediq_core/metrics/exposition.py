"""Writes numbers in the text format of Prometheus: every name there is, in one place.

Gauges of queues come from Redis when they are asked for; a queue that could not be read is left
out, because an old number looks like a present one. Counters come from a worker's Meter, or, where
there is no worker, from what the queues count in Redis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from rediq_core.metrics.meter import Meter
from rediq_core.metrics.tallies import BOUNDS_S, BUCKETS, OTHER
from rediq_core.model.history import Histogram, bucket_bounds
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView

# The format every version of Prometheus reads.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Queues that are told apart; the least used are added up as `other`.
MAX_QUEUES: Final = 200
_STATES: Final = {
    TaskState.PENDING: "Tasks that could run now, suspects and unroutable ones included.",
    TaskState.RETRY: "Tasks that failed and wait to be tried again.",
    TaskState.DEAD: "Tasks that failed for good and are kept.",
    TaskState.ACTIVE: "Tasks that run now.",
    TaskState.DELAYED: "Tasks that are not due yet.",
    TaskState.WAITING: "Tasks that wait for others, or for their group.",
}
# As Prometheus itself writes them.
_EDGES: Final = [*(str(bound) for bound in BOUNDS_S), "+Inf"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of Redis at one instant.

    Attributes:
        is_connected: Redis answers.
        queues: The queues that could be read.
        slots: Slots of the worker's task processes; None where there is no worker.
        busy: Slots in use.
    """

    is_connected: bool
    queues: Sequence[QueueView] = ()
    slots: int | None = None
    busy: int = 0


@dataclass(slots=True)
class _Durations:
    """One histogram as it is written."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sum_s: float = 0.0


def expose_worker(meter: Meter, reading: Reading) -> bytes:
    """Write what a worker counted and what its queues hold."""
    return _write([*_queue_gauges(reading), *_worker_gauges(reading), *_meter_families(meter)])


def expose_queues(reading: Reading) -> bytes:
    """Write what queues hold and count in Redis, over all workers, without types and errors.

    Durations are kept there in buckets of their own; each counts into the next edge above it.
    """
    return _write([*_queue_gauges(reading), *_redis_families(reading.queues)])


def _write(families: Sequence[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    return generate_latest(registry)


class _Collected:
    """What the library asks for families."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _queue_gauges(reading: Reading) -> Iterator[Metric]:
    connected = GaugeMetricFamily("rediq_redis_connected", "1 while Redis answers, else 0.")
    connected.add_metric([], float(reading.is_connected))
    yield connected
    shown, rest = _largest(reading.queues)
    for state, text in _STATES.items():
        gauge = GaugeMetricFamily(f"rediq_queue_{state.value}", text, labels=["queue"])
        for view in shown:
            gauge.add_metric([view.name], view.counts.get(state, 0))
        if rest:
            gauge.add_metric([OTHER], sum(view.counts.get(state, 0) for view in rest))
        yield gauge
    oldest = GaugeMetricFamily(
        "rediq_queue_oldest_age_seconds",
        "How long the task that is ready longest has been so.",
        labels=["queue"],
    )
    paused = GaugeMetricFamily("rediq_queue_paused", "1 while it is paused.", labels=["queue"])
    for view in shown:
        oldest.add_metric([view.name], view.oldest_ms / 1000 if view.pending else 0)
        paused.add_metric([view.name], float(view.pause is not None))
    if rest:
        oldest.add_metric([OTHER], max(view.oldest_ms for view in rest) / 1000)
        paused.add_metric([OTHER], sum(view.pause is not None for view in rest))
    yield from (oldest, paused)


def _largest(queues: Sequence[QueueView]) -> tuple[list[QueueView], list[QueueView]]:
    """Return the queues that are told apart, in their order, and the others."""
    if len(queues) <= MAX_QUEUES:
        return list(queues), []
    # By what they were ever given: that only grows, so queues do not come and go between readings.
    by_use = sorted(queues, key=lambda view: -view.lifetime.get("enqueued", 0))
    kept = {view.name for view in by_use[:MAX_QUEUES]}
    return [v for v in queues if v.name in kept], [v for v in queues if v.name not in kept]


def _worker_gauges(reading: Reading) -> Iterator[Metric]:
    slots = GaugeMetricFamily("rediq_worker_slots", "Tasks that this worker can run at once.")
    slots.add_metric([], reading.slots or 0)
    busy = GaugeMetricFamily("rediq_worker_slots_busy", "Tasks that it runs.")
    busy.add_metric([], reading.busy)
    yield from (slots, busy)


def _meter_families(meter: Meter) -> Iterator[Metric]:
    pairs = meter.pairs.items()
    yield from _families(
        runs={names: _Durations(totals.run, totals.run_s) for names, totals in pairs},
        waits={names: _Durations(totals.wait, totals.wait_s) for names, totals in pairs},
        processed={names: totals.processed for names, totals in pairs},
        errors=meter.errors,
        retried={names: totals.retried for names, totals in pairs},
        dead={names: totals.dead for names, totals in pairs},
        lost=meter.lost,
        recovered=meter.recovered,
    )


def _redis_families(queues: Sequence[QueueView]) -> Iterator[Metric]:
    shown, _ = _largest(queues)
    by_queue = {view.name: view.lifetime for view in shown}

    def counted(*names: str) -> dict[tuple[str, ...], int]:
        return {
            (queue, ""): sum(lifetime.get(name, 0) for name in names)
            for queue, lifetime in by_queue.items()
        }

    failed = counted("failed")
    yield from _families(
        runs={(view.name, ""): _durations_of(view.lifetime_run) for view in shown},
        waits={(view.name, ""): _durations_of(view.lifetime_wait) for view in shown},
        processed=counted("completed", "failed"),
        errors={(queue, kind, ""): count for (queue, kind), count in failed.items()},
        retried=counted("retried"),
        dead=counted("dead"),
        lost={queue: lifetime.get("lost", 0) for queue, lifetime in by_queue.items()},
        recovered={queue: lifetime.get("recovered", 0) for queue, lifetime in by_queue.items()},
    )


def _families(
    *,
    runs: Mapping[tuple[str, ...], _Durations],
    waits: Mapping[tuple[str, ...], _Durations],
    processed: Mapping[tuple[str, ...], int],
    errors: Mapping[tuple[str, ...], int],
    retried: Mapping[tuple[str, ...], int],
    dead: Mapping[tuple[str, ...], int],
    lost: Mapping[str, int],
    recovered: Mapping[str, int],
) -> Iterator[Metric]:
    of_type = ["queue", "type"]
    yield _histogram("rediq_task_processing_duration", "Seconds a finished run took.", runs)
    yield _histogram("rediq_task_wait_duration", "Seconds from ready to running.", waits)
    yield _counter("rediq_task_processed", "Finished runs.", of_type, processed)
    yield _counter("rediq_task_error", "Failed runs.", [*of_type, "error"], errors)
    yield _counter("rediq_task_retried", "Failed runs to be tried again.", of_type, retried)
    yield _counter("rediq_task_dead", "Tasks that failed for good.", of_type, dead)
    yield _counter(
        "rediq_lease_lost",
        "Runs lost with their worker.",
        ["queue"],
        {(queue,): count for queue, count in lost.items()},
    )
    yield _counter(
        "rediq_task_recovered",
        "Tasks given back after such a loss.",
        ["queue"],
        {(queue,): count for queue, count in recovered.items()},
    )


def _counter(
    name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for names, value in values.items():
        family.add_metric(names, value)
    return family


def _histogram(name: str, text: str, values: Mapping[tuple[str, ...], _Durations]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["queue", "type"])
    for names, durations in values.items():
        seen = accumulate(durations.counts)
        buckets = [(edge, float(count)) for edge, count in zip(_EDGES, seen, strict=True)]
        family.add_metric(names, buckets, sum_value=durations.sum_s)
    return family


def _durations_of(histogram: Histogram) -> _Durations:
    durations = _Durations()
    for bucket, count in histogram.counts.items():
        longest_s = (bucket_bounds(bucket)[1] - 1) / 1000
        at = sum(bound < longest_s for bound in BOUNDS_S)
        durations.counts[at] += count
    durations.sum_s = (histogram.mean_ms or 0.0) * histogram.total / 1000
    return durations
