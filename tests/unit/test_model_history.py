"""Histograms and histories: percentiles within their bound, sums that add up."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.model.history import (
    Histogram,
    History,
    HistoryPoint,
    bucket_bounds,
    bucket_of,
    histogram_of,
    merge_histories,
    point_of,
    sum_points,
)

THIRTY_DAYS_MS = 30 * 86_400_000


def histogram(*durations_ms: int) -> Histogram:
    counts: dict[int, int] = {}
    for ms in durations_ms:
        counts[bucket_of(ms)] = counts.get(bucket_of(ms), 0) + 1
    return Histogram(counts)


@given(st.integers(0, THIRTY_DAYS_MS))
def test_a_duration_lies_in_its_bucket_which_is_a_quarter_wide(ms: int) -> None:
    low, above = bucket_bounds(bucket_of(ms))

    assert low <= ms < above
    assert above - low <= max(low / 4, 1)


def test_buckets_follow_each_other_without_a_gap() -> None:
    bounds = [bucket_bounds(bucket) for bucket in range(120)]

    assert [low for low, _ in bounds[1:]] == [above for _, above in bounds[:-1]]
    assert bounds[0] == (0, 1)


def test_what_is_below_zero_counts_as_zero() -> None:
    assert bucket_of(-5) == 0


@given(st.lists(st.integers(0, 600_000), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_of_the_exact_one(durations: list[int], share: float) -> None:
    exact = sorted(durations)[max(math.ceil(share * len(durations)), 1) - 1]
    low, above = bucket_bounds(bucket_of(exact))

    estimate = histogram(*durations).quantile_ms(share)

    assert estimate is not None
    assert low <= estimate < above


def test_percentiles_of_even_runs_are_near_the_truth() -> None:
    durations = list(range(1, 10_001))
    random.Random(1).shuffle(durations)
    runs = histogram(*durations)

    for share in (0.5, 0.95, 0.99):
        estimate = runs.quantile_ms(share)
        assert estimate is not None
        assert estimate == pytest.approx(share * 10_000, rel=0.05)
    assert runs.mean_ms == pytest.approx(5_000, rel=0.05)


def test_nothing_has_neither_quantile_nor_mean() -> None:
    assert (Histogram().total, Histogram().quantile_ms(0.5), Histogram().mean_ms) == (0, None, None)


def test_counters_become_a_point() -> None:
    counts = {"completed": 3, "failed": 1, "dead": 1, "r0": 3, "r9": 1, "w12": 4, "released": 7}

    point = point_of(60_000, counts)

    assert point == HistoryPoint(
        60_000,
        completed=3,
        failed=1,
        dead=1,
        run=Histogram({0: 3, 9: 1}),
        wait=Histogram({12: 4}),
    )
    assert (point.done, point.settled) == (4, 4)
    assert histogram_of({"retried": 2, "running": 1, "r": 5}, "r") == Histogram({})


def test_points_add_up() -> None:
    points = [point_of(0, {"enqueued": 2, "r3": 1}), point_of(60_000, {"enqueued": 3, "r3": 2})]

    assert sum_points(points) == point_of(0, {"enqueued": 5, "r3": 3})
    assert sum_points([]) == HistoryPoint(0)


def history(queue: str, *enqueued: int) -> History:
    points = tuple(HistoryPoint(60_000 * n, enqueued=count) for n, count in enumerate(enqueued))
    return History(queue, 0, 60_000 * len(enqueued), 60_000, points)


def test_a_history_knows_its_totals_series_and_rates() -> None:
    mail = history("mail", 6, 0, 60, 114)

    assert mail.total.enqueued == 180
    assert mail.series("enqueued") == (6, 0, 60, 114)
    assert mail.per_s("enqueued") == 0.75


def test_histories_read_together_become_one() -> None:
    both = merge_histories([history("a", 1, 2), history("b", 10, 20)])

    assert (both.queue, both.series("enqueued")) == ("", (11, 22))
    for wrong in ([], [history("a", 1), history("b", 1, 2)]):
        with pytest.raises(ValueError, match="read together"):
            merge_histories(wrong)
