"""The columns of the tables of workers: a few for the overview, all for their own view."""

from __future__ import annotations

from collections.abc import Sequence

from rediq_cli.dash.figures import NOTHING, bytes_text, number, of_all, per_second, span_text
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Span
from rediq_cli.dash.widgets.look import Look, state_span
from rediq_cli.output.neutralise import safe
from rediq_core.model.views import WorkerView

# A beat older than this is late, in ms.
LATE_MS = 10_000


def _host(worker: WorkerView, look: Look) -> Span:
    del look
    return Span(safe(f"{worker.host}:{worker.pid}", 80), "bold")


def _queues(worker: WorkerView, look: Look) -> Span:
    del look
    return Span(safe(",".join(worker.queues), 200))


def _busy(worker: WorkerView, look: Look) -> Span:
    del look
    role = "warn" if worker.busy >= worker.concurrency > 0 else "" if worker.busy else "dim"
    return Span(of_all(worker.busy, worker.concurrency, 7), role)


def _per_s(worker: WorkerView, look: Look) -> Span:
    del look
    return Span(per_second(per_s(worker)))


def per_s(worker: WorkerView) -> float:
    """Return finished runs a second since the worker started."""
    lived_ms = worker.beat_ms - worker.started_ms
    return worker.processed * 1_000 / lived_ms if lived_ms > 0 else 0.0


def _beat(worker: WorkerView, look: Look) -> Span:
    if worker.beat_age_ms > LATE_MS:
        return Span(f"{look.glyph('▲', '^')}{span_text(worker.beat_age_ms)}", "bad")
    return Span(span_text(worker.beat_age_ms))


def _running(worker: WorkerView, look: Look) -> Span:
    del look
    if not worker.running:
        return Span(safe(worker.note, 120) or NOTHING, "dim")
    names: dict[str, int] = {}
    for entry in worker.running:
        name = str(entry.get("type", "?"))
        names[name] = names.get(name, 0) + 1
    parts = (f"{count}× {name}" if count > 1 else name for name, count in names.items())
    return Span(safe(", ".join(parts), 200))


def _state(worker: WorkerView, look: Look) -> Span:
    return state_span(worker.state, look)


def _uptime(worker: WorkerView, look: Look) -> Span:
    if not worker.started_ms:
        return Span(NOTHING, "dim")
    return Span(span_text(look.now_ms - worker.started_ms))


def _beat_age(worker: WorkerView) -> int:
    return worker.beat_age_ms


_HOST = Column("HOST:PID", _host, 16, narrow=14, grow=1, sort=lambda worker: worker.host)
_BUSY = Column("BUSY", _busy, 7, is_right=True, sort=lambda worker: worker.busy)

SHORT_WORKER_COLUMNS: Sequence[Column[WorkerView]] = (
    _HOST,
    Column("QUEUES", _queues, 12, drop=10, grow=1),
    _BUSY,
    Column("JOBS/s", _per_s, 7, drop=20, is_right=True, sort=per_s),
    Column("BEAT", _beat, 6, is_right=True, sort=_beat_age),
)

WORKER_COLUMNS: Sequence[Column[WorkerView]] = (
    _HOST,
    Column("STATE", _state, 10, sort=lambda worker: worker.state),
    Column("QUEUES", _queues, 12, drop=30, grow=1),
    _BUSY,
    Column(
        "DONE",
        lambda worker, _: Span(number(worker.processed, 7)),
        7,
        drop=40,
        is_right=True,
        sort=lambda worker: worker.processed,
    ),
    Column(
        "FAILED",
        lambda worker, _: Span(number(worker.failed, 6), "bad" if worker.failed else "dim"),
        6,
        drop=45,
        is_right=True,
        sort=lambda worker: worker.failed,
    ),
    Column("JOBS/s", _per_s, 7, drop=50, is_right=True, sort=per_s),
    Column(
        "RSS",
        lambda worker, _: Span(bytes_text(worker.rss_bytes) if worker.rss_bytes else NOTHING),
        6,
        drop=55,
        is_right=True,
        sort=lambda worker: worker.rss_bytes,
    ),
    Column(
        "LAG",
        lambda worker, _: Span(span_text(worker.loop_lag_ms)),
        6,
        drop=65,
        is_right=True,
        sort=lambda worker: worker.loop_lag_ms,
    ),
    Column("UP", _uptime, 6, drop=60, is_right=True, sort=lambda worker: worker.started_ms),
    Column("BEAT", _beat, 6, is_right=True, sort=_beat_age),
    Column("VERSION", lambda worker, _: Span(safe(worker.version, 12)), 8, drop=70),
    Column("RUNNING", _running, 16, drop=35, grow=2),
)
