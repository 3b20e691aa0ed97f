"""A rate reads back as it was written, and its burst is a tenth of a second's worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidOption
from rediq_core.model.rates import MAX_COUNT, MAX_PER_MS, Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/m", Rate(100, 60_000)),
        ("10/s", Rate(10, 1_000)),
        ("5/h", Rate(5, 3_600_000)),
        ("1/d", Rate(1, 86_400_000)),
        ("100/30s", Rate(100, 30_000)),
        ("3/250ms", Rate(3, 250)),
        (" 7 / M ", Rate(7, 60_000)),
    ],
)
def test_a_rate_is_a_count_and_a_window(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "100", "/m", "100/", "0/s", "100/0s", "-1/s", "1.5/s", "100/w", "100/2d", "a/m", "100/m/s",
     f"{MAX_COUNT + 1}/s", "1/99999999999999s", "٣/s"],
)  # fmt: skip
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_rate(text)
    assert "pause the queue" in caught.value.next_step


def test_a_rate_that_could_not_be_parsed_cannot_be_built() -> None:
    with pytest.raises(InvalidOption):
        Rate(0, 1_000)
    with pytest.raises(InvalidOption):
        Rate(1, MAX_PER_MS + 1)


@pytest.mark.parametrize(
    ("text", "burst"),
    [
        ("10/s", 1),
        ("19/s", 1),
        ("20/s", 2),
        ("1000/s", 100),
        ("100/m", 1),
        ("6000/m", 10),
        ("1/d", 1),
    ],
)
def test_the_burst_is_a_tenth_of_a_second_and_at_least_one(text: str, burst: int) -> None:
    assert parse_rate(text).burst == burst


def test_a_rate_is_taken_for_a_rate() -> None:
    rate = Rate(1, 1_000)
    assert parse_rate(rate) is rate


@given(st.integers(1, MAX_COUNT), st.integers(1, MAX_PER_MS))
def test_a_written_rate_reads_back(count: int, per_ms: int) -> None:
    rate = Rate(count, per_ms)
    assert parse_rate(str(rate)) == rate
