"""Pacing: how fast a bulk operation goes, and the way it is stopped between two batches.

A batch is what the rate allows in a fifth of a second, at least one task, so that a slow operation
is spread evenly. Waiting ends at once when the operation is to stop. This paces one operation of
one process; it is not the rate limit of a queue.
"""

from __future__ import annotations

import threading

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.model.rates import Rate

# Milliseconds that one batch of a paced operation stands for.
BATCH_MS = 200


class Pacer:
    """Say how large the next batch may be, and wait until it is due.

    Attributes:
        batch: Tasks of one batch at most.
    """

    def __init__(
        self,
        rate: Rate | None,
        limit: int,
        stop: threading.Event,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._rate = rate
        self._stop = stop
        self._clock = clock
        self._due_s = clock.monotonic()
        self.batch = limit
        if rate is not None:
            self.batch = min(limit, max(1, rate.count * BATCH_MS // rate.per_ms))

    def wait(self, tasks: int) -> bool:
        """Wait until the next batch is due, and count it.

        Args:
            tasks: Tasks of that batch; the one after it is due later in proportion.

        Returns:
            False if the operation is to stop instead.
        """
        left_s = self._due_s - self._clock.monotonic()
        if self._stop.wait(max(left_s, 0)) if self._rate else self._stop.is_set():
            return False
        if self._rate is not None:
            began_s = max(self._due_s, self._clock.monotonic() - BATCH_MS / 1000)
            self._due_s = began_s + tasks * self._rate.per_ms / self._rate.count / 1000
        return True
