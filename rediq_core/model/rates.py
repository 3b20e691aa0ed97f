"""Rate limits as people write them ("100/m") and as a token bucket counts them.

This is the value alone. The bucket lives in Redis and is filled by the script that claims.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rediq_core.errors import InvalidOption
from rediq_core.model.durations import UNIT_MS

# Longest window of a rate, in milliseconds: one day. Longer ones are schedules, not rates.
MAX_PER_MS = UNIT_MS["d"]
# Largest count of a rate; keeps tokens exact in a double.
MAX_COUNT = 1_000_000_000
# A burst is what the rate allows in this many milliseconds.
BURST_WINDOW_MS = 100

_RATE = re.compile(r"(\d{1,10})\s*/\s*(\d{0,9})\s*(ms|s|m|h|d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many starts in so many milliseconds.

    Attributes:
        count: Starts allowed in one window, at least 1.
        per_ms: The window, 1 ms to one day.
    """

    count: int
    per_ms: int

    def __post_init__(self) -> None:
        if not (1 <= self.count <= MAX_COUNT and 1 <= self.per_ms <= MAX_PER_MS):
            raise _refused(f"{self.count}/{self.per_ms}ms", "rate")

    @property
    def burst(self) -> int:
        """Starts allowed at one instant: a tenth of a second's worth, at least 1."""
        return max(1, self.count * BURST_WINDOW_MS // self.per_ms)

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s", "ms"):
            number, rest = divmod(self.per_ms, UNIT_MS[unit])
            if not rest:
                return f"{self.count}/{'' if number == 1 else number}{unit}"
        return f"{self.count}/{self.per_ms}ms"


def parse_rate(value: Rate | str, name: str = "rate") -> Rate:
    """Read "100/m", "10/s", "5/h" or "100/30s".

    Args:
        value: A count, a slash, and a window: a unit of ms, s, m, h, d, or a number of them.
        name: What the rate is for, used in the error.

    Returns:
        The rate; a `Rate` is returned unchanged.

    Raises:
        InvalidOption: It cannot be read, is zero, or its window is over a day.
    """
    if isinstance(value, Rate):
        return value
    match = _RATE.fullmatch(value.strip().lower())
    if match is None:
        raise _refused(value, name)
    count, number, unit = match.groups()
    per_ms = int(number or 1) * UNIT_MS[unit]
    if not (1 <= int(count) <= MAX_COUNT and 1 <= per_ms <= MAX_PER_MS):
        raise _refused(value, name)
    return Rate(int(count), per_ms)


def _refused(value: str, name: str) -> InvalidOption:
    return InvalidOption(
        f"{name} {value[:48]!r} is not a rate.",
        cause='A rate is a count and a window of at most a day: "100/m", "10/s", "5/h", "100/30s".',
        next_step="To let nothing start, pause the queue instead.",
    )
