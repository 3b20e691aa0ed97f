"""What a task process counts of its runs, by type, and hands to its parent once a second.

On the hot path: a run costs two look-ups in a sorted tuple and a few additions, no formatting and
no lock. Everything here is an increase since the last hand-over; the parent adds up and exposes.
The histograms in Redis are counted apart, by the exchange.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

# Upper edges of the buckets, in seconds; 5 s is one, because that is where people are alerted.
BOUNDS_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
BUCKETS: Final = len(BOUNDS_S) + 1
# Stands for every type or error that comes after those there is room for.
OTHER: Final = "other"
# Types of one queue and errors of one type that a process tells apart; the parent is stricter.
MAX_TYPES: Final = 200
MAX_ERRORS: Final = 20
# A row on its way: type, runs by bucket, waits by bucket, seconds run, seconds waited, retried,
# dead, lost, errors by name.
Row = tuple[str, list[int], list[int], float, float, int, int, int, dict[str, int]]


class Tally:
    """What happened to the tasks of one type since the last hand-over.

    Attributes:
        run: Finished runs by duration.
        wait: The same runs by how long their tasks were ready before.
        run_s: Their durations together.
        wait_s: Their waits together.
        retried: Failed runs that will be tried again.
        dead: Tasks that will not.
        lost: Runs lost with their handler process.
        errors: Failed runs by the name of the error.
    """

    __slots__ = ("dead", "errors", "lost", "retried", "run", "run_s", "wait", "wait_s")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin from nothing."""
        self.run = [0] * BUCKETS
        self.wait = [0] * BUCKETS
        self.run_s = 0.0
        self.wait_s = 0.0
        self.retried = 0
        self.dead = 0
        self.lost = 0
        self.errors: dict[str, int] = {}

    @property
    def is_clear(self) -> bool:
        """Whether nothing happened."""
        return not (any(self.run) or self.errors or self.retried or self.dead or self.lost)

    def row(self, kind: str) -> Row:
        """Return what is handed over."""
        return (
            kind,
            self.run,
            self.wait,
            round(self.run_s, 6),
            round(self.wait_s, 3),
            self.retried,
            self.dead,
            self.lost,
            self.errors,
        )


class Tallies:
    """The tallies of one queue in one task process. Belongs to its event loop."""

    def __init__(self) -> None:
        self._by_type: dict[str, Tally] = {}

    def of(self, kind: str) -> Tally:
        """Return the tally of a type; beyond MAX_TYPES that of all others."""
        tally = self._by_type.get(kind)
        if tally is None:
            if len(self._by_type) >= MAX_TYPES:
                kind = OTHER
            tally = self._by_type.setdefault(kind, Tally())
        return tally

    def finished(self, kind: str, run_s: float, wait_s: float) -> None:
        """Count a finished run, whatever came of it."""
        tally = self._by_type.get(kind) or self.of(kind)
        tally.run[bisect_left(BOUNDS_S, run_s)] += 1
        tally.wait[bisect_left(BOUNDS_S, wait_s)] += 1
        tally.run_s += run_s
        tally.wait_s += wait_s

    def failed(self, kind: str, error: str, *, is_dead: bool) -> None:
        """Count what a failed run means, besides `finished`."""
        tally = self.of(kind)
        if error not in tally.errors and len(tally.errors) >= MAX_ERRORS:
            error = OTHER
        tally.errors[error] = tally.errors.get(error, 0) + 1
        tally.dead += is_dead
        tally.retried += not is_dead

    def lost(self, kind: str) -> None:
        """Count a run that was lost with its handler process."""
        self.of(kind).lost += 1

    def take(self) -> list[Row]:
        """Return what happened since the last call, and begin anew."""
        rows = []
        for kind, tally in self._by_type.items():
            if not tally.is_clear:
                rows.append(tally.row(kind))
                tally.clear()
        return rows
