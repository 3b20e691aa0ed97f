"""The only reader of wall and monotonic time in the engine.

Passed as an argument, so that a test can set it. It never decides a due time or a lease: those
are decided by the server's TIME inside the scripts. It is used for local waits, log lines and
new ids.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Say what time it is."""

    def now_ms(self) -> int:
        """Return the wall time in epoch milliseconds UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, with no relation to the wall clock."""
        ...


class SystemClock:
    """Read the operating system's clocks."""

    def now_ms(self) -> int:
        """Return the wall time in epoch milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that only grow, with no relation to the wall clock."""
        return time.monotonic()


SYSTEM_CLOCK = SystemClock()
