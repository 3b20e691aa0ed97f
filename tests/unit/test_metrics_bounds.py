"""However many types, errors and queues there are, what Prometheus gets is bounded and adds up."""

from __future__ import annotations

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from rediq_core.metrics.exposition import MAX_QUEUES, Reading, expose_worker
from rediq_core.metrics.meter import Meter
from rediq_core.metrics.tallies import MAX_TYPES, Tallies
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView

TYPES = 10_000


def scraped(
    meter: Meter, *queues: QueueView
) -> tuple[Counter[str], dict[tuple[str, str | None], float]]:
    """Return how many label sets each metric has, and the sums by name and `type` or `queue`."""
    text = expose_worker(meter, Reading(is_connected=True, queues=queues, slots=1)).decode()
    sets: dict[str, set[frozenset[tuple[str, str]]]] = {}
    sums: Counter[tuple[str, str | None]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            sets.setdefault(family.name, set()).add(frozenset(labels.items()))
            sums[sample.name, None] += sample.value
            sums[sample.name, labels.get("type", labels.get("queue"))] += sample.value
    return Counter({name: len(found) for name, found in sets.items()}), dict(sums)


def test_ten_thousand_types_and_errors_of_two_processes_are_two_hundred_series_at_most() -> None:
    meter = Meter(["q"])
    for process in range(2):
        tallies = Tallies()
        for number in range(TYPES):
            tallies.finished(f"type:{process}:{number}", 0.1, 0.2)
            tallies.failed(f"type:{process}:{number}", f"E{number}", is_dead=False)
        rows = tallies.take()
        assert len(rows) == MAX_TYPES + 1
        meter.add("q", rows)

    series, sums = scraped(meter)

    assert max(series.values()) <= 200
    assert sums["rediq_task_processed_total", None] == 2 * TYPES
    assert sums["rediq_task_error_total", None] == 2 * TYPES
    assert sums["rediq_task_processed_total", "other"] == 2 * TYPES - 100


def test_queues_beyond_the_bound_are_added_up() -> None:
    views = [
        QueueView(f"q{n}", 0, {TaskState.PENDING: 1}, oldest_ms=n, lifetime={"enqueued": n})
        for n in range(MAX_QUEUES + 50)
    ]

    series, sums = scraped(Meter(), *views)

    assert series["rediq_queue_pending"] == MAX_QUEUES + 1
    assert sums["rediq_queue_pending", None] == MAX_QUEUES + 50
    assert sums["rediq_queue_pending", "other"] == 50
    # Those that were given most are told apart.
    assert sums["rediq_queue_oldest_age_seconds", "other"] == 0.049


def test_what_a_dead_worker_held_is_lost_and_recovered_once() -> None:
    meter = Meter(["q"])
    meter.reaped("q", ["pending", "suspect", "dead", "cancelled"], is_charged=True)
    meter.reaped("q", ["pending"], is_charged=False)

    _, sums = scraped(meter)

    assert sums["rediq_lease_lost_total", "q"] == 4
    assert sums["rediq_task_recovered_total", "q"] == 3
