"""Adds up what the task processes of a worker counted, within bounds that no input can pass.

Series are bounded by labels: types and errors beyond a fixed number are counted as `other`, so a
program that makes up type names cannot fill the monitoring system. Ids are never labels. It knows
no format and no server: `exposition` writes, `http` serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rediq_core.metrics.tallies import BUCKETS, OTHER, Row

# Pairs of queue and type that are told apart; the rest of a queue is `other`.
MAX_PAIRS: Final = 100
# Triples of queue, type and error that are told apart.
MAX_ERRORS: Final = 100


@dataclass(slots=True)
class Totals:
    """What happened to one type in one queue since the worker started.

    Attributes:
        run: Finished runs by duration; buckets of `tallies.BOUNDS_S`.
        wait: The same runs by how long their tasks were ready before.
        run_s: Their durations together.
        wait_s: Their waits together.
        retried: Failed runs that will be tried again.
        dead: Tasks that will not.
    """

    run: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    wait: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    run_s: float = 0.0
    wait_s: float = 0.0
    retried: int = 0
    dead: int = 0

    @property
    def processed(self) -> int:
        """Finished runs."""
        return sum(self.run)


class Meter:
    """The counters of one worker, all its task processes together. Belongs to one event loop.

    Attributes:
        pairs: (queue, type) to what happened.
        errors: (queue, type, error) to failed runs.
        lost: Queue to runs lost with their lease or process.
        recovered: Queue to tasks given back after such a loss.
    """

    def __init__(self, queues: Iterable[str] = ()) -> None:
        """Begin with nothing; losses of the queues served are 0 and not unknown."""
        self.pairs: dict[tuple[str, str], Totals] = {}
        self.errors: dict[tuple[str, ...], int] = {}
        self.lost = dict.fromkeys(queues, 0)
        self.recovered = dict.fromkeys(self.lost, 0)

    def add(self, queue: str, rows: Iterable[Row]) -> None:
        """Add what a task process counted in one queue."""
        for kind, run, wait, run_s, wait_s, retried, dead, lost, errors in rows:
            totals, name = self._totals(queue, kind)
            totals.run = [a + b for a, b in zip(totals.run, run, strict=True)]
            totals.wait = [a + b for a, b in zip(totals.wait, wait, strict=True)]
            totals.run_s += run_s
            totals.wait_s += wait_s
            totals.retried += retried
            totals.dead += dead
            if lost:
                self.lost[queue] = self.lost.get(queue, 0) + lost
            self._add_errors(queue, name, errors)

    def reaped(self, queue: str, outcomes: Sequence[str], *, is_charged: bool) -> None:
        """Count tasks that were taken back from a dead worker.

        Args:
            queue: Their queue.
            outcomes: What became of each: pending, suspect, dead, cancelled.
            is_charged: A loss was counted for each; false for bystanders.
        """
        if is_charged and outcomes:
            self.lost[queue] = self.lost.get(queue, 0) + len(outcomes)
        back = sum(outcome in ("pending", "suspect") for outcome in outcomes)
        if back:
            self.recovered[queue] = self.recovered.get(queue, 0) + back

    def _totals(self, queue: str, kind: str) -> tuple[Totals, str]:
        found = self.pairs.get((queue, kind))
        if found is None:
            # Room is kept for one `other` of each queue that is known so far.
            named = sum(known != OTHER for _, known in self.pairs)
            if named >= MAX_PAIRS:
                kind = OTHER
            found = self.pairs.setdefault((queue, kind), Totals())
        return found, kind

    def _add_errors(self, queue: str, kind: str, errors: Mapping[str, int]) -> None:
        for error, count in errors.items():
            key = (queue, kind, error)
            if key not in self.errors and len(self.errors) >= MAX_ERRORS:
                key = (queue, OTHER, OTHER)
            self.errors[key] = self.errors.get(key, 0) + count
