"""How one queue looks: what it holds, how fast it moves, what fails in it, and its limits.

What the numbers of all queues do not tell is read for a page alone, by `queue_reading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rediq_cli.output.books import failure_record
from rediq_cli.output.humanise import ago, count, duration, rate
from rediq_cli.output.json import Json
from rediq_cli.output.neutralise import safe
from rediq_cli.output.queues import eta_text, oldest_text, queue_state
from rediq_cli.output.records import queue_record
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, pairs
from rediq_cli.output.terminal import Terminal
from rediq_core.config.redact import redact_text
from rediq_core.model.failures import Failure
from rediq_core.model.history import Histogram, History, HistoryPoint, sum_points
from rediq_core.model.limits import NAMES, OFF, QueueLimits
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView

MINUTE_MS = 60_000
# Minutes that rates are told over; the longest is also that of the percentiles.
SPANS = (1, 5, 15)
# Causes and types that are shown, those of most tasks first.
TOP = 5
# Tasks in line whose types are counted.
IN_LINE = 200
_RATES = {"in/s": "enqueued", "done/s": "completed", "failed/s": "failed"}
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class QueuePage:
    """All that is shown of one queue.

    Attributes:
        view: Its numbers.
        past: What it did, minute by minute, for longer than the longest span.
        failures: Why its tasks are in retry and dead, those of most tasks first.
        types: Types of the first IN_LINE tasks in line, and how many there are of each.
    """

    view: QueueView
    past: History
    failures: Sequence[Failure]
    types: Mapping[str, int]

    def per_s(self, name: str, minutes: int) -> float:
        """Return how often a second something happened, by the name of a point's field."""
        *_, before = numbers = self.past.series(name)[-1 : -2 - minutes : -1]
        # The minute that is under way is whole later: until then the one before the span fills it.
        missing = 1 - self.past.to_ms % MINUTE_MS / MINUTE_MS
        return (sum(numbers[:minutes]) + before * missing) / (minutes * 60)

    @property
    def recent(self) -> HistoryPoint:
        """The longest span as one."""
        return sum_points(self.past.points[-1 - max(SPANS) :])


def queue_page(page: QueuePage, terminal: Terminal) -> Iterator[str]:
    """Yield the page of one queue: state, counts, rates, durations, causes, limits."""
    queue = page.view
    word, detail = queue_state(queue)
    yield terminal.paint(safe(queue.name), "bold")
    rows: list[tuple[str, Cell]] = [("state", state_cell(word, terminal, detail))]
    if queue.pause is not None:
        rows += [("paused", _pause_text(queue))]
    rows += [(state.value, queue.counts.get(state, 0)) for state in TaskState]
    rows += [
        ("suspects", queue.suspects or None),
        ("unroutable", queue.held or None),
        ("oldest", oldest_text(queue)),
        ("next due", ago(queue.next_due_ms, queue.at_ms) if queue.next_due_ms else None),
        *((title, _rates_text(page, name)) for title, name in _RATES.items()),
        ("eta", eta_text(queue)),
        ("run", _durations_text(page.recent.run)),
        ("wait", _durations_text(page.recent.wait)),
        ("types", _types_text(page)),
        ("workers", queue.workers),
    ]
    rows += _limit_rows(queue.limits)
    lifetime = [f"{number:,} {name}" for name, number in sorted(queue.lifetime.items())]
    rows.append(("ever", ", ".join(lifetime) or None))
    titles = ["failures", *[""] * TOP]
    rows += zip(titles, (_failure_text(one, terminal) for one in page.failures), strict=False)
    yield from pairs(rows, terminal, indent="  ")


def _rates_text(page: QueuePage, name: str) -> str:
    rates = [rate(page.per_s(name, span)) for span in SPANS]
    spans = ", ".join(str(span) for span in SPANS)
    return f"{', '.join(rates)}  over {spans} min" if len(set(rates)) > 1 else rates[0]


def _durations_text(durations: Histogram) -> str | None:
    if not durations.total:
        return None
    shares = (f"{title} {duration(durations.quantile_ms(at))}" for title, at in _SHARES.items())
    return f"{', '.join(shares)}  of {count(durations.total, 'run')} in {max(SPANS)} min"


def _types_text(page: QueuePage) -> str | None:
    if not page.types:
        return None
    text = ", ".join(f"{name} {number:,}" for name, number in page.types.items())
    return f"{text}  of the first {IN_LINE}" if page.view.pending > IN_LINE else text


def _failure_text(failure: Failure, terminal: Terminal) -> str:
    times = terminal.glyph("×", "x")
    return f"{failure.tasks:,} {times} {redact_text(failure.summary)} (cause:{failure.fingerprint})"


def queue_page_record(page: QueuePage) -> dict[str, Json]:
    """Return the page of a queue as an object: its numbers, and what is read for it alone."""
    return {
        **queue_record(page.view),
        "rates": {
            f"{span}m": {f"{name}_per_s": page.per_s(name, span) for name in _RATES.values()}
            for span in SPANS
        },
        **_quantiles("run", page.recent.run),
        **_quantiles("wait", page.recent.wait),
        "types_in_line": dict(page.types),
        "failures": [failure_record(failure) for failure in page.failures],
    }


def _quantiles(what: str, durations: Histogram) -> dict[str, Json]:
    return {f"{what}_{title}_ms": durations.quantile_ms(at) for title, at in _SHARES.items()}


def limit_lines(name: str, limits: QueueLimits, terminal: Terminal) -> Iterator[str]:
    """Yield the limits of a queue, and where those that an operator set come from."""
    yield terminal.paint(safe(name), "bold")
    rows = _limit_rows(limits)
    yield from pairs(rows or [("limits", OFF)], terminal, indent="  ")


def _limit_rows(limits: QueueLimits) -> list[tuple[str, Cell]]:
    live, declared = limits.live.texts(), limits.declared.texts()
    rows: list[tuple[str, Cell]] = []
    for name in NAMES:
        text, title = live.get(name, OFF), name.replace("_", "-")
        if name in limits.overridden:
            said = declared.get(name, OFF)
            rows.append((title, f"{text} (set by hand; the configuration has {said})"))
        elif name in live:
            rows.append((title, text))
    return rows


def _pause_text(queue: QueueView) -> str:
    pause = queue.pause
    if pause is None:
        return ""
    text = f"by {pause.by or 'somebody'}, {ago(pause.since_ms, queue.at_ms)}"
    if pause.until_ms:
        text += f", until {ago(pause.until_ms, queue.at_ms)}"
    return f"{text}: {pause.reason}" if pause.reason else text
