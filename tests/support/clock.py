"""A clock that stands until it is moved."""

from __future__ import annotations


class ManualClock:
    """A wall clock and a monotonic clock that move together, when they are told to."""

    def __init__(self, now_ms: int = 0) -> None:
        self._start_ms = now_ms
        self._passed_ms = 0

    def now_ms(self) -> int:
        return self._start_ms + self._passed_ms

    def monotonic(self) -> float:
        return 1_000.0 + self._passed_ms / 1_000

    def advance(self, ms: int) -> None:
        self._passed_ms += ms
