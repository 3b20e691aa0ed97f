"""How `rediq stats` looks: a row a queue, with what came, what was done, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rediq_cli.output.humanise import duration, rate
from rediq_cli.output.json import Json, iso
from rediq_cli.output.table import Cell, Column, Styled
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.model.history import COUNTED, Histogram, History
from rediq_core.model.views import QueueView

# Cells of a trend; more buckets than that share one.
TREND_CELLS = 16
_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.:-=+*#"
# Columns that a narrow screen goes without, and which of them first.
_SPARE = {"IN/s": 1, "DONE/s": 4, "RUN p50": 2, "RUN p95": 7, "RUN p99": 3, "WAIT p95": 5}
_SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
TOTAL = "(all)"


@dataclass(frozen=True, slots=True)
class Stats:
    """One row: a queue's past and present, or all queues together.

    Attributes:
        name: The queue, or TOTAL.
        history: What it did.
        views: The present of the queues in it.
    """

    name: str
    history: History
    views: Sequence[QueueView]

    @property
    def pending(self) -> int:
        """Tasks that could run now."""
        return sum(view.pending for view in self.views)

    @property
    def eta_s(self) -> float | None:
        """Seconds until the backlog is gone at the rates of the last minutes; None for never."""
        if not self.pending:
            return 0.0
        leaving = sum(view.done_per_s - view.enqueued_per_s for view in self.views)
        return self.pending / leaving if leaving > 0 else None


def stats_listing(terminal: Terminal) -> Listing[Stats]:
    """Return how statistics are shown; the trend is for screens only."""
    columns = [
        Column("QUEUE", is_flexible=True),
        *(Column(title, is_right=True) for title in ("IN", "DONE", "FAILED", "DEAD")),
        *(Column(title, is_right=True, spare=at) for title, at in _SPARE.items()),
        *(Column(title, is_right=True) for title in ("PENDING", "DRAINED IN")),
    ]
    wide = ("RETRIED", "LOST", "CANCELLED", "WAIT p50", "WAIT p99", "OLDEST")
    columns += [Column(title, is_right=True, is_wide=True) for title in wide]
    if terminal.is_tty:
        columns.insert(1, Column("TREND", is_flexible=True, spare=6))

    def row(stats: Stats) -> list[Cell]:
        total, history = stats.history.total, stats.history
        cells: list[Cell] = [
            Styled(stats.name, "bold"),
            total.enqueued,
            total.done,
            Styled(f"{total.failed:,}", "yellow") if total.failed else 0,
            Styled(f"{total.dead:,}", "red") if total.dead else 0,
            rate(history.per_s("enqueued")),
            rate(history.per_s("done")),
            *(duration(total.run.quantile_ms(share)) for _, share in _SHARES),
            duration(total.wait.quantile_ms(0.95)),
            stats.pending,
            _forecast(stats),
            total.retried,
            total.lost,
            total.cancelled,
            duration(total.wait.quantile_ms(0.5)),
            duration(total.wait.quantile_ms(0.99)),
            duration(_oldest_ms(stats)) if _oldest_ms(stats) else None,
        ]
        if terminal.is_tty:
            cells.insert(1, Styled(trend(history.series("done"), terminal), "cyan"))
        return cells

    return Listing(columns, row, stats_record, lambda stats: stats.name)


def _forecast(stats: Stats) -> Cell:
    if not stats.pending:
        return None
    return Styled("never", "yellow") if stats.eta_s is None else duration(stats.eta_s * 1000)


def _oldest_ms(stats: Stats) -> int:
    return max((view.oldest_ms for view in stats.views), default=0)


def trend(numbers: Sequence[int], terminal: Terminal) -> str:
    """Draw numbers as a line of blocks, scaled to the largest; 0 is the lowest block."""
    levels = _BLOCKS if terminal.has_unicode else _ASCII
    count = min(TREND_CELLS, len(numbers))
    edges = [len(numbers) * cell // count for cell in range(count + 1)] if count else [0]
    sums = [sum(numbers[a:b]) / (b - a) for a, b in pairwise(edges)]
    top = max(sums, default=0)
    if not top:
        return levels[0] * count
    return "".join(levels[round(value / top * (len(levels) - 1))] for value in sums)


def stats_record(stats: Stats) -> Json:
    """Return statistics as an object; its series have one entry a bucket, oldest first."""
    history, total = stats.history, stats.history.total
    return {
        "queue": None if stats.name == TOTAL else stats.name,
        "from": iso(history.from_ms),
        "to": iso(history.to_ms),
        "step_s": history.step_ms // 1000,
        **{name: getattr(total, name) for name in COUNTED},
        "in_per_s": history.per_s("enqueued"),
        "done_per_s": history.per_s("done"),
        "failed_per_s": history.per_s("failed"),
        **_percentiles("run", total.run),
        **_percentiles("wait", total.wait),
        "pending": stats.pending,
        "oldest_age_ms": _oldest_ms(stats),
        "eta_s": stats.eta_s,
        "series": {
            "at": [iso(point.at_ms) for point in history.points],
            **{name: list(history.series(name)) for name in COUNTED},
            "run_p95_ms": [point.run.quantile_ms(0.95) for point in history.points],
            "wait_p95_ms": [point.wait.quantile_ms(0.95) for point in history.points],
        },
    }


def _percentiles(what: str, histogram: Histogram) -> dict[str, Json]:
    return {f"{what}_{name}_ms": histogram.quantile_ms(share) for name, share in _SHARES}
