"""How a run's progress gets out: at most twice a second, and never short of its last value.

One gate per run that reports, made on its first report. The first value goes out at once; what
comes faster waits for the next half second, the latest replacing the earlier. It does not talk to
Redis: its owner hands it a function that does.

Threads: `offer` and `finish` may be called from any thread, so a lock guards the few fields. Values
reach the sink from the caller's thread or a timer's, one at a time and in order. If the process
dies, at most the last half second of progress is lost; the task is not.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Protocol

from rediq_core.clock import Clock
from rediq_core.errors import InvalidOption

# Shortest time between two reports of one run, in seconds: a person cannot read faster.
MIN_INTERVAL_S = 0.5
# Longest message kept, in characters: it is one line of a dashboard.
MAX_MESSAGE_LENGTH = 500


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> object:
        """Forget the call if it has not happened."""
        ...


StartTimer = Callable[[float, Callable[[], None]], Timer]


def start_timer(delay_s: float, call: Callable[[], None]) -> Timer:
    """Call back once: from the event loop if one runs in this thread, else from a timer thread."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        timer = threading.Timer(delay_s, call)
        timer.daemon = True
        timer.start()
        return timer
    return loop.call_later(delay_s, call)


class ProgressGate:
    """Throttle the reports of one run; see the module for the rules.

    Owned by the run's context, which ends it with `finish`.
    """

    __slots__ = ("_clock", "_lock", "_next_s", "_sink", "_start_timer", "_timer", "_waiting")

    def __init__(
        self,
        sink: Callable[[float, str], None],
        clock: Clock,
        start_timer: StartTimer = start_timer,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._start_timer = start_timer
        self._lock = threading.Lock()
        self._next_s = -math.inf
        self._waiting: tuple[float, str] | None = None
        self._timer: Timer | None = None

    def offer(self, percent: float, message: str) -> None:
        """Report a value now, or when the last one is half a second old.

        Args:
            percent: 0 to 100; what lies outside is moved to the nearer end.
            message: Cut to 500 characters.

        Raises:
            InvalidOption: `percent` is not a number.
        """
        try:
            number = float(percent)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if math.isnan(number):
            raise InvalidOption(f"progress {percent!r:.40} is not a number from 0 to 100.")
        value = min(max(number, 0.0), 100.0), str(message)[:MAX_MESSAGE_LENGTH]
        with self._lock:
            wait_s = self._next_s - self._clock.monotonic()
            if wait_s <= 0:
                self._send(value)
                return
            self._waiting = value
            if self._timer is None:
                self._timer = self._start_timer(wait_s, self._on_timer)

    def finish(self) -> None:
        """Report the value that still waits, if any; nothing is reported after that by itself."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._waiting is not None:
                self._send(self._waiting)

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = None
            if self._waiting is not None:
                self._send(self._waiting)

    def _send(self, value: tuple[float, str]) -> None:
        self._waiting = None
        self._next_s = self._clock.monotonic() + MIN_INTERVAL_S
        self._sink(*value)
