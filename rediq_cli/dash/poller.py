"""The one thread that waits for Redis, so that the screen never does.

Work, then wait: readings never overlap, and a slow Redis stretches the interval. What was read is
put in a slot of one (the latest wins) and announced once; a slow terminal misses readings instead
of queueing them. While Redis is away it tries again, later each time, for ever. The thread is a
daemon and every read has a deadline, so leaving the dashboard never waits for it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace

from rediq_cli.dash.source import Source
from rediq_cli.dash.view_model import Demand, Snapshot, Trouble
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import RediqError, RedisUnavailable, Refused

# Seconds until the next try while Redis is away, and how much chance moves them.
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
JITTER = 0.2
# The thread is given this many seconds to end; it may be waiting for Redis then.
JOIN_S = 0.5


class Poller:
    """Read again and again in a thread of its own.

    Attributes:
        interval_s: Least time from the start of one reading to the next.
        defect: What ended the thread although nobody asked for it, or None.
    """

    def __init__(
        self,
        source: Source,
        announce: Callable[[], None],
        *,
        interval_s: float = 1.0,
        clock: Clock = SYSTEM_CLOCK,
        rng: random.Random | None = None,
    ) -> None:
        """Take a source; `start` starts reading it.

        Args:
            source: Where snapshots come from; closed by the thread when it ends.
            announce: Called in the thread when there is something new to take.
            interval_s: See above.
            clock: For intervals.
            rng: For jitter.
        """
        self.interval_s = interval_s
        self._source = source
        self._announce = announce
        self._clock = clock
        self._rng = rng or random.Random()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._over = threading.Event()
        self._demand = Demand()
        self._last = Snapshot()
        self._slot: Snapshot | None = None
        self._tries = 0
        self.defect: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="rediq-poller", daemon=True)

    def start(self) -> None:
        """Start reading; once is enough."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Stop reading; returns soon, also while Redis does not answer."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def ask(self, demand: Demand) -> None:
        """Read for another demand, at once if it differs."""
        with self._lock:
            if demand == self._demand:
                return
            self._demand = demand
        self._wake.set()

    def hurry(self) -> None:
        """Read again at once."""
        self._wake.set()

    def take(self) -> Snapshot | None:
        """Take the latest snapshot, or None if it was taken already.

        Raises:
            BaseException: The defect that ended the thread: nothing will be read any more.
        """
        if self.defect is not None:
            raise self.defect
        with self._lock:
            snapshot, self._slot = self._slot, None
        return snapshot

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._wake.clear()
                began_s = self._clock.monotonic()
                snapshot = self._read()
                took_s = self._clock.monotonic() - began_s
                if self._over.is_set():
                    break
                self._put(snapshot)
                self._wake.wait(self._pause_s(snapshot, took_s))
        except BaseException as error:  # noqa: BLE001  # raised again where it can be shown
            self.defect = error
            self._announce()
        finally:
            self._source.close()

    def _read(self) -> Snapshot:
        with self._lock:
            demand = self._demand
        try:
            snapshot = self._source.read(demand)
        except RediqError as error:
            self._tries += 1
            wait_s = self._backoff_s()
            trouble = trouble_of(error, self._tries, self._clock.monotonic() + wait_s)
            return replace(self._last, trouble=trouble)
        self._tries = 0
        self._last = snapshot
        return snapshot

    def _pause_s(self, snapshot: Snapshot, took_s: float) -> float:
        if snapshot.trouble is not None:
            return max(snapshot.trouble.retry_at_s - self._clock.monotonic(), 0.05)
        # At most half of the time is spent reading, however slow Redis is.
        return max(self.interval_s - took_s, took_s, 0.05)

    def _backoff_s(self) -> float:
        base = BACKOFF_S[min(self._tries, len(BACKOFF_S)) - 1]
        return base * (1 + JITTER * (2 * self._rng.random() - 1))

    def _put(self, snapshot: Snapshot) -> None:
        with self._lock:
            is_news = self._slot is None
            self._slot = snapshot
        if is_news:
            self._announce()


def trouble_of(error: RediqError, tries: int, retry_at_s: float) -> Trouble:
    """Say what an error means for someone who watches."""
    title, is_refusal = "Redis cannot be read", False
    if isinstance(error, RedisUnavailable):
        title = "Redis refused the password" if error.is_authentication else "Redis does not answer"
        is_refusal = error.is_authentication
    elif isinstance(error, Refused):
        title, is_refusal = "This Redis user may not read", True
    reason = " ".join(part for part in (error.message, error.cause) if part)
    return Trouble(title, reason, error.next_step, tries, retry_at_s, is_refusal, error)
