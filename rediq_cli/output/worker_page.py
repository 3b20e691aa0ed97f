"""The page of one worker: what it is, how it is, and what each busy slot runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rediq_cli.output.humanise import duration, size
from rediq_cli.output.neutralise import safe
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Column, pairs, table
from rediq_cli.output.terminal import Terminal
from rediq_core.model.views import WorkerView

INDENT = "  "
_SLOTS = (
    Column("ID"),
    Column("TYPE", is_flexible=True),
    Column("QUEUE", is_flexible=True),
    Column("MODE"),
    Column("RUNNING", is_right=True),
    Column("TIMES OUT", is_right=True),
)


def worker_page(worker: WorkerView, terminal: Terminal) -> Iterator[str]:
    """Yield the page of a worker, neutralised, without newlines."""
    yield terminal.paint(safe(worker.id, limit=0), "bold")
    yield from pairs(_facts(worker, terminal), terminal, INDENT)
    if worker.running:
        yield ""
        yield from table(_SLOTS, [_slot(slot, worker) for slot in worker.running], terminal)


def _facts(worker: WorkerView, terminal: Terminal) -> list[tuple[str, Cell]]:
    uptime_ms = worker.beat_ms - worker.started_ms
    return [
        ("state", state_cell(worker.state, terminal)),
        ("note", worker.note or None),
        ("host", f"{worker.host}, process {worker.pid} of supervisor {worker.supervisor_pid}"),
        ("queues", ", ".join(worker.queues)),
        ("types", ", ".join(worker.types)),
        ("slots", f"{worker.busy} of {worker.concurrency} busy"),
        ("processed", f"{worker.processed:,}, {worker.failed:,} of them failed"),
        ("memory", size(worker.rss_bytes) if worker.rss_bytes else None),
        ("loop lag", duration(worker.loop_lag_ms)),
        ("up for", duration(uptime_ms) if worker.started_ms else None),
        ("heard of", f"{duration(worker.beat_age_ms)} ago"),
        ("version", worker.version or None),
    ]


def _slot(slot: Mapping[str, object], worker: WorkerView) -> list[Cell]:
    """Return what a busy slot runs, as it is by now and not when it was announced."""
    running_ms, left_ms = _ms(slot.get("running_ms")), _ms(slot.get("left_ms"))
    return [
        str(slot.get("id", "")),
        str(slot.get("type", "")),
        str(slot.get("queue", "")),
        str(slot.get("mode", "")) or None,
        None if running_ms is None else duration(running_ms + worker.beat_age_ms),
        None if left_ms is None else _in(left_ms - worker.beat_age_ms),
    ]


def _in(left_ms: float) -> str:
    return f"in {duration(left_ms)}" if left_ms > 0 else "overdue"


def _ms(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
