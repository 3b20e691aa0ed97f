"""Durations are read from what people write, and written as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidOption
from rediq_core.model.durations import MAX_DURATION_MS, Duration, duration_ms, format_ms


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        (0, 0),
        (30, 30_000),
        (1.5, 1_500),
        (0.0004, 0),
        ("30", 30_000),
        ("30s", 30_000),
        (" 24H ", 86_400_000),
        ("250ms", 250),
        ("1h30m", 5_400_000),
        ("1.5h", 5_400_000),
        ("2w", 1_209_600_000),
        ("1d2h3m4s5ms", 93_784_005),
        (timedelta(minutes=1, milliseconds=2), 60_002),
        ("36500d", MAX_DURATION_MS),
    ],
)
def test_a_duration_is_whole_milliseconds(written: Duration, ms: int) -> None:
    assert duration_ms(written) == ms


@pytest.mark.parametrize(
    "wrong",
    [
        *(-1, -0.001, float("nan"), float("inf"), True, "36501d", 10**400, timedelta(seconds=-1)),
        *("", "s", "5 s", "1h 30m", "5y", "-5s", "1e3", "NaN", "٣s", None, [1], b"5s", object()),
    ],
)
def test_what_is_no_duration_is_refused_by_name(wrong: Duration) -> None:
    with pytest.raises(InvalidOption, match=r"timeout .* is not a duration"):
        duration_ms(wrong, "timeout")


@given(st.integers(0, MAX_DURATION_MS))
def test_milliseconds_survive_being_written(ms: int) -> None:
    assert duration_ms(f"{ms}ms") == duration_ms(timedelta(milliseconds=ms)) == ms


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0ms"),
        (0, "0ms"),
        (850, "850ms"),
        (4_200, "4.2s"),
        (10_000, "10s"),
        (59_499, "59s"),
        (190_000, "3m 10s"),
        (180_000, "3m"),
        (7_500_000, "2h 5m"),
        (86_400_000 * 3 + 4 * 3_600_000, "3d 4h"),
    ],
)
def test_people_read_two_units_at_most(ms: int, text: str) -> None:
    assert format_ms(ms) == text
