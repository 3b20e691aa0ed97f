"""The columns of the table of queues."""

from __future__ import annotations

from collections.abc import Sequence

from rediq_cli.dash.figures import NOTHING, number, of_all, per_second, percent, span_text, spark
from rediq_cli.dash.view_model import QueueRow
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Line, Span
from rediq_cli.dash.widgets.look import Look, arrow, state_span
from rediq_cli.output.neutralise import safe
from rediq_core.model.state import TaskState

# What the table says for a state where a shorter word does.
_SHORT_WORDS = {"PAUSED": "paused", "no worker": "no wkr", "unroutable": "no type"}


def _name(row: QueueRow, look: Look) -> Span:
    del look
    return Span(safe(row.name, 128), "bold")


def _state(row: QueueRow, look: Look) -> Span:
    return state_span(row.word, look, _SHORT_WORDS.get(row.word, row.word))


def _pending(row: QueueRow, look: Look) -> Line:
    width = 5 if look.is_compact else 7
    text = number(row.view.pending, width)
    return (Span(text, "" if row.view.pending else "dim"), arrow(row.delta, look))


def _active(row: QueueRow, look: Look) -> Span:
    active = row.count(TaskState.ACTIVE)
    return Span(of_all(active, row.slots, 6 if look.is_compact else 7), "" if active else "dim")


def _counter(state: TaskState, role: str = "") -> Column[QueueRow]:
    titles = {TaskState.DELAYED: "SCHED", TaskState.RETRY: "RETRY", TaskState.DEAD: "DEAD"}
    drops = {TaskState.DELAYED: 80, TaskState.RETRY: 40, TaskState.DEAD: 0}

    def cell(row: QueueRow, look: Look) -> Span:
        count = row.count(state)
        width = 4 if look.is_compact else 5
        return Span(number(count, width), role if count else "dim")

    return Column(
        titles[state],
        cell,
        5,
        narrow=4 if state is TaskState.DEAD else 5,
        drop=drops[state],
        is_right=True,
        sort=lambda row: row.count(state),
    )


def _done(row: QueueRow, look: Look) -> Span:
    text = per_second(row.view.done_per_s, is_compact=look.is_compact)
    return Span(text, "" if row.view.done_per_s else "dim")


def _fails(row: QueueRow, look: Look) -> Span:
    del look
    share = row.fail_share
    role = "bad" if share and share >= 0.05 else "" if share else "dim"
    return Span(percent(share), role)


def _p95(row: QueueRow, look: Look) -> Span:
    del look
    return Span(span_text(row.p95_ms), "" if row.p95_ms is not None else "dim")


def _oldest(row: QueueRow, look: Look) -> Span:
    del look
    if not row.view.pending:
        return Span(NOTHING, "dim")
    return Span(span_text(row.view.oldest_ms), "warn" if row.view.oldest_ms > 60_000 else "")


def _eta(row: QueueRow, look: Look) -> Span:
    view = row.view
    if not view.pending or view.pause is not None:
        return Span(NOTHING, "dim")
    if view.eta_s is None:
        return Span(look.glyph("∞", "never"), "warn")
    return Span(span_text(view.eta_s * 1_000))


def _trend(row: QueueRow, look: Look) -> Span:
    width = 8 if look.is_compact else 10
    return Span(spark(row.trend, width, has_unicode=look.has_unicode), "chart4")


def _who(row: QueueRow, look: Look) -> Span:
    del look
    pause = row.view.pause
    if pause is None:
        return Span(NOTHING, "dim")
    return Span(safe(f"{pause.by}: {pause.reason}".strip(": "), 80), "warn")


QUEUE_COLUMNS: Sequence[Column[QueueRow]] = (
    Column("QUEUE", _name, 15, narrow=15, grow=1, sort=lambda row: row.name),
    Column("STATE", _state, 9, narrow=8, sort=lambda row: row.word),
    Column("PENDING", _pending, 8, narrow=7, is_right=True, sort=lambda row: row.view.pending),
    Column(
        "ACTIVE",
        _active,
        7,
        narrow=6,
        drop=45,
        is_right=True,
        sort=lambda row: row.count(TaskState.ACTIVE),
    ),
    _counter(TaskState.DELAYED),
    _counter(TaskState.RETRY, "warn"),
    _counter(TaskState.DEAD, "bad"),
    Column(
        "DONE/s", _done, 6, narrow=6, drop=30, is_right=True, sort=lambda row: row.view.done_per_s
    ),
    Column("FAIL%", _fails, 5, drop=75, is_right=True, sort=lambda row: row.fail_share or 0.0),
    Column("P95", _p95, 5, drop=70, is_right=True, sort=lambda row: row.p95_ms or 0.0),
    Column(
        "OLDEST",
        _oldest,
        6,
        is_right=True,
        sort=lambda row: row.view.oldest_ms if row.view.pending else 0,
    ),
    Column(
        "ETA",
        _eta,
        5,
        drop=65,
        is_right=True,
        sort=lambda row: float("inf") if row.view.eta_s is None else row.view.eta_s,
    ),
    Column("TREND 5m", _trend, 10, narrow=8, drop=60),
    Column(
        "WKRS",
        lambda row, _: Span(str(row.view.workers)),
        4,
        drop=90,
        is_right=True,
        sort=lambda row: row.view.workers,
        is_wide=True,
    ),
    Column("PAUSED BY", _who, 18, drop=95, grow=1, is_wide=True),
)
