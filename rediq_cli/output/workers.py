"""How workers look in `worker list`."""

from __future__ import annotations

from rediq_cli.output.humanise import duration, size
from rediq_cli.output.records import worker_record
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Column
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.model.views import WorkerView

_COLUMNS = (
    Column("ID"),
    Column("HOST:PID"),
    Column("STATE"),
    Column("QUEUES", is_flexible=True),
    Column("BUSY", is_right=True),
    Column("DONE", is_right=True),
    Column("FAILED", is_right=True),
    Column("BEAT", is_right=True),
    Column("UPTIME", is_right=True, is_wide=True),
    Column("RSS", is_right=True, is_wide=True),
    Column("LAG", is_right=True, is_wide=True),
    Column("VERSION", is_wide=True),
    Column("NOTE", is_wide=True, is_flexible=True),
)


def worker_listing(terminal: Terminal) -> Listing[WorkerView]:
    """Return how `worker list` shows workers."""

    def row(worker: WorkerView) -> list[Cell]:
        return [
            worker.id,
            f"{worker.host}:{worker.pid}",
            state_cell(worker.state, terminal),
            ", ".join(worker.queues) or None,
            f"{worker.busy}/{worker.concurrency}",
            worker.processed,
            worker.failed,
            f"{duration(worker.beat_age_ms)} ago",
            duration(worker.beat_ms - worker.started_ms) if worker.started_ms else None,
            size(worker.rss_bytes) if worker.rss_bytes else None,
            duration(worker.loop_lag_ms),
            worker.version,
            worker.note or None,
        ]

    return Listing(_COLUMNS, row, worker_record, lambda worker: worker.id)
