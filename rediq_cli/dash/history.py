"""Figures over time: rings of samples taken here, filled up with what Redis has kept.

Rates come from counters and the server's clock. A counter that went down (a restart, a flush)
gives a gap, not a negative rate. Rings have fixed sizes, so a dashboard that runs for a month needs
no more memory than after a day. One thread owns a `History`; what it hands out is frozen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rediq_cli.dash.view_model import Charts, Series
from rediq_core.model.history import History as RedisHistory
from rediq_core.model.views import QueueView

# Range name → its length in ms.
RANGES: dict[str, int] = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "6h": 21_600_000,
    "24h": 86_400_000,
    "7d": 604_800_000,
}
DEFAULT_RANGE = "5m"
# Step in ms and number of steps of each ring: 5 minutes, 1 hour, 1 day, 7 days.
RINGS = ((1_000, 300), (10_000, 360), (60_000, 1_440), (900_000, 672))
# Points of a series handed to the charts: two dots a cell of the widest chart.
CHART_POINTS = 240
# A trend in a row: so many points over so many ms.
TREND_POINTS = 20
TREND_MS = 300_000
# A gap between two readings longer than this says nothing about what happened in it, in ms.
LONGEST_GAP_MS = 60_000
# Steps of one length that are kept of what Redis has: a day of minutes.
KEPT_STEPS = 1_440
_COUNTERS = {"done": "completed", "enqueued": "enqueued", "failed": "failed"}


class Ring:
    """Averages of a figure over equal steps of time, the latest ones kept.

    Attributes:
        step_ms: Length of a step.
    """

    def __init__(self, step_ms: int, size: int) -> None:
        self.step_ms = step_ms
        # Step number, sum and count of its samples.
        self._steps: deque[tuple[int, float, int]] = deque(maxlen=size)

    def add(self, at_ms: int, value: float) -> None:
        """Take a sample; one that is older than the latest step is left out."""
        step = at_ms // self.step_ms
        if self._steps and self._steps[-1][0] == step:
            _, total, count = self._steps.pop()
            self._steps.append((step, total + value, count + 1))
        elif not self._steps or step > self._steps[-1][0]:
            self._steps.append((step, value, 1))

    def points(self) -> Iterable[tuple[int, float]]:
        """Yield the middle of each step that has samples, in ms, and their average."""
        half = self.step_ms // 2
        return ((step * self.step_ms + half, total / n) for step, total, n in self._steps)


class Track:
    """One figure at all resolutions."""

    def __init__(self) -> None:
        self._rings = [Ring(step_ms, size) for step_ms, size in RINGS]
        # Step in ms → number of the step → value, for what Redis has kept.
        self._kept: dict[int, dict[int, float]] = {}
        self.now: float | None = None

    def add(self, at_ms: int, value: float) -> None:
        """Take a sample."""
        self.now = value
        for ring in self._rings:
            ring.add(at_ms, value)

    def keep(self, step_ms: int, points: Mapping[int, float]) -> None:
        """Take what Redis has kept: start of each step in ms → value. Old steps are let go."""
        kept = self._kept.setdefault(step_ms, {})
        kept.update({at_ms // step_ms: value for at_ms, value in points.items()})
        for step in sorted(kept)[:-KEPT_STEPS]:
            del kept[step]

    def series(self, end_ms: int, range_ms: int, points: int = CHART_POINTS) -> Series:
        """Return the figure over a range that ends now, in equal steps."""
        ring = self._ring_for(range_ms)
        points = max(1, min(points, range_ms // ring.step_ms))
        width_ms = range_ms / points
        start_ms = end_ms - range_ms
        sums, counts = [0.0] * points, [0] * points
        for at_ms, value in ring.points():
            index = int((at_ms - start_ms) // width_ms)
            if 0 <= index < points:
                sums[index] += value
                counts[index] += 1
        values = [total / n if n else None for total, n in zip(sums, counts, strict=True)]
        self._fill(values, start_ms, width_ms)
        return Series(tuple(values), self.now)

    def _ring_for(self, range_ms: int) -> Ring:
        for ring, (step_ms, size) in zip(self._rings, RINGS, strict=True):
            if step_ms * size >= range_ms:
                return ring
        return self._rings[-1]

    def _fill(self, values: list[float | None], start_ms: float, width_ms: float) -> None:
        """Put kept values where nothing was sampled."""
        # The value of the shortest step that has one.
        for step_ms, kept in sorted(self._kept.items()):
            for index, value in enumerate(values):
                if value is None:
                    values[index] = kept.get(int((start_ms + (index + 0.5) * width_ms) // step_ms))


@dataclass(frozen=True, slots=True)
class Rates:
    """Events a second between two readings; None where that cannot be said."""

    done: float | None = None
    enqueued: float | None = None
    failed: float | None = None


class History:
    """Samples of all queues together, and the backlog of each."""

    def __init__(self) -> None:
        self.tracks = {name: Track() for name in (*_COUNTERS, "backlog", "p50", "p95")}
        self._trends: dict[str, Ring] = {}
        self._pending: dict[str, int] = {}
        self._before: dict[str, Mapping[str, int]] = {}
        self._before_ms = 0

    def take(self, queues: Sequence[QueueView], at_ms: int) -> Rates:
        """Take one reading of all queues; returns the rates since the last one."""
        rates = self._rates(queues, at_ms)
        for name in _COUNTERS:
            value = getattr(rates, name)
            if value is not None:
                self.tracks[name].add(at_ms, value)
            elif self.tracks[name].now is None:
                # Before the second reading there is only what the queues say of their last minutes.
                self.tracks[name].now = sum(getattr(queue, f"{name}_per_s") for queue in queues)
        self.tracks["backlog"].add(at_ms, float(sum(queue.pending for queue in queues)))
        step_ms = TREND_MS // TREND_POINTS
        for queue in queues:
            ring = self._trends.setdefault(queue.name, Ring(step_ms, TREND_POINTS + 1))
            ring.add(at_ms, float(queue.pending))
        self._before = {queue.name: queue.lifetime for queue in queues}
        self._before_ms = at_ms
        return rates

    def _rates(self, queues: Sequence[QueueView], at_ms: int) -> Rates:
        passed_ms = at_ms - self._before_ms
        if not self._before_ms or not 0 < passed_ms <= LONGEST_GAP_MS:
            return Rates()
        found: dict[str, float | None] = {}
        for name, counter in _COUNTERS.items():
            growths = [
                queue.lifetime.get(counter, 0) - self._before[queue.name].get(counter, 0)
                for queue in queues
                if queue.name in self._before
            ]
            is_sound = min(growths, default=0) >= 0
            found[name] = sum(growths) * 1_000 / passed_ms if is_sound else None
        return Rates(**found)

    def delta(self, queue: QueueView) -> int:
        """Return by how much pending grew since this was asked last."""
        before = self._pending.get(queue.name, queue.pending)
        self._pending[queue.name] = queue.pending
        return queue.pending - before

    def trend(self, name: str, end_ms: int) -> tuple[float | None, ...]:
        """Return the pending tasks of a queue over the last minutes."""
        ring = self._trends.get(name)
        values: list[float | None] = [None] * TREND_POINTS
        step_ms = TREND_MS // TREND_POINTS
        newest = end_ms // step_ms
        for at_ms, value in ring.points() if ring else ():
            index = TREND_POINTS - 1 - (newest - at_ms // step_ms)
            if 0 <= index < TREND_POINTS:
                values[index] = value
        return tuple(values)

    def backfill(self, history: RedisHistory) -> None:
        """Take what Redis has kept of all queues together, so that ranges open filled."""
        step_ms, end_ms = history.step_ms, history.to_ms
        for name, field in (("done", "completed"), ("enqueued", "enqueued"), ("failed", "failed")):
            rates = {
                point.at_ms: getattr(point, field)
                * 1_000
                / max(min(step_ms, end_ms - point.at_ms), 1)
                for point in history.points
            }
            self.tracks[name].keep(step_ms, rates)
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            times = {point.at_ms: point.run.quantile_ms(share) for point in history.points}
            self.tracks[name].keep(step_ms, {at: ms for at, ms in times.items() if ms is not None})

    def charts(self, range_name: str, end_ms: int) -> Charts:
        """Return what the charts show for a range."""
        range_ms = RANGES[range_name]
        series = {name: track.series(end_ms, range_ms) for name, track in self.tracks.items()}
        return Charts(range_name, **series)
