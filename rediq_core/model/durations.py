"""Durations as people write them, as the engine counts them, and as people read them.

Inside the engine a duration is an int of milliseconds. At the edges it may be a timedelta, a
number of seconds, or text such as "30s", "24h", "1h30m", "250ms". This is not a parser for
instants: those have their own words (`at`, `since`).
"""

from __future__ import annotations

import re
from datetime import timedelta

from rediq_core.errors import InvalidOption

Duration = timedelta | int | float | str

UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
# Longest duration taken, in milliseconds: 100 years. Keeps every instant far below 2**53.
MAX_DURATION_MS = 100 * 365 * UNIT_MS["d"]

_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+", re.ASCII)


def duration_ms(value: Duration, name: str = "duration") -> int:
    """Turn a timedelta, seconds, or text such as "1h30m" into milliseconds.

    Args:
        value: A non-negative duration; a bare number, also as text, is seconds.
        name: What the duration is for, used in the error.

    Returns:
        Whole milliseconds, rounded to nearest.

    Raises:
        InvalidOption: It is negative, not finite, over 100 years, or cannot be read.
    """
    ms = _to_ms(value)
    if ms is None or not 0 <= ms <= MAX_DURATION_MS:
        raise InvalidOption(
            f"{name} {value!r} is not a duration.",
            cause="It is seconds, a timedelta, or text with units.",
            next_step='Write it so: "30s", "5m", "1h30m", "250ms".',
        )
    return round(ms)


def _to_ms(value: Duration) -> float | None:
    if isinstance(value, timedelta):
        return value / timedelta(milliseconds=1)
    if isinstance(value, str):
        return _text_to_ms(value.strip().lower())
    # A caller may pass what no type checker has seen. NaN is not equal to itself.
    number: object = value
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number:
        return None
    return number * 1_000


def _text_to_ms(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text) * 1_000
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * UNIT_MS[unit] for number, unit in _PART.findall(text))


def format_ms(ms: int) -> str:
    """Write a duration in at most two units: "850ms", "4.2s", "3m 10s", "2h 5m", "3d 4h"."""
    if ms < 10_000:
        return f"{ms / 1000:.1f}s" if ms >= 1_000 else f"{max(ms, 0)}ms"
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3_600:
        return _two(seconds // 60, "m", seconds % 60, "s")
    if seconds < 86_400:
        return _two(seconds // 3_600, "h", seconds % 3_600 // 60, "m")
    return _two(seconds // 86_400, "d", seconds % 86_400 // 3_600, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit} {small}{small_unit}" if small else f"{large}{large_unit}"
