"""Delays before retries: the published table, every kind, and jitter within its bounds."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidOption
from rediq_core.model.retry import DEFAULT_BACKOFF, Backoff, BackoffKind, BackoffLike, to_backoff


def delays(backoff: Backoff, count: int) -> list[int]:
    rng = random.Random(1)
    return [backoff.delay_ms(retry, rng) for retry in range(1, count + 1)]


def test_default_delays_double_from_two_seconds_to_a_minute() -> None:
    seconds = [ms / 1000 for ms in delays(Backoff(jitter=0), 7)]

    assert seconds == [2, 4, 8, 16, 32, 60, 60]


def test_the_default_has_ten_percent_of_jitter() -> None:
    assert Backoff.exponential("2s", cap="60s", jitter=0.1) == DEFAULT_BACKOFF


def test_fixed_delays_are_all_the_same() -> None:
    assert delays(Backoff.fixed("5s", jitter=0), 3) == [5_000, 5_000, 5_000]


def test_fixed_delays_have_no_cap() -> None:
    assert delays(Backoff.fixed("2h", jitter=0), 1) == [7_200_000]


def test_linear_delays_grow_to_their_cap() -> None:
    assert delays(Backoff.linear("3s", cap="8s", jitter=0), 4) == [3_000, 6_000, 8_000, 8_000]


def test_listed_delays_repeat_the_last() -> None:
    assert delays(Backoff.delays(["1s", "5s", "30s"]), 5) == [1_000, 5_000, 30_000, 30_000, 30_000]


def test_a_huge_retry_number_is_capped_like_any_other() -> None:
    assert Backoff(jitter=0).delay_ms(10**9, random.Random(1)) == 60_000


@given(st.integers(1, 200), st.floats(0, 1), st.integers())
def test_jitter_stays_within_its_share(retry: int, jitter: float, seed: int) -> None:
    plain = Backoff(jitter=0).delay_ms(retry, random.Random(0))

    delay = Backoff(jitter=jitter).delay_ms(retry, random.Random(seed))

    assert abs(delay - plain) <= plain * jitter + 1


def test_jitter_spreads_equal_failures() -> None:
    rng = random.Random(1)

    assert len({DEFAULT_BACKOFF.delay_ms(6, rng) for _ in range(100)}) > 90


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["1s", 5], Backoff.delays([1, 5])),
        ({"kind": "fixed", "base": "3s"}, Backoff(BackoffKind.FIXED, 3_000, 60_000, 0.1)),
        (
            {"kind": "linear", "base": "3s", "cap": "9s", "jitter": 0},
            Backoff.linear(3, cap=9, jitter=0),
        ),
        ({"base": "1s", "cap": "5m"}, Backoff.exponential("1s", cap="5m")),
        ({"kind": "list", "delays": ["1s"], "jitter": 0}, Backoff.delays(["1s"])),
        (Backoff.fixed(1), Backoff.fixed(1)),
    ],
)
def test_a_backoff_can_be_written_in_several_ways(written: BackoffLike, meant: Backoff) -> None:
    read = to_backoff(written)

    assert (read.kind, delays(read, 5)) == (meant.kind, delays(meant, 5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cubic"},
        {"bass": "2s"},
        {"kind": "list"},
        {"jitter": 2},
        {"jitter": "much"},
        {"base": "soon"},
        {"base": -1},
        {"delays": "1s"},
        {"kind": "list", "delays": [None]},
        "exponential",
        [],
        ["1s", None],
    ],
)
def test_a_backoff_that_means_nothing_is_refused(wrong: Mapping[str, object]) -> None:
    with pytest.raises(InvalidOption):
        to_backoff(wrong)
