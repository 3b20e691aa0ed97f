"""How queues look in the table of all. The page of one is in `queue_page`."""

from __future__ import annotations

from rediq_cli.output.humanise import count, duration, rate
from rediq_cli.output.records import queue_record
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Column, Styled
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView

_COLUMNS = (
    Column("QUEUE", is_flexible=True),
    Column("STATE"),
    Column("PENDING", is_right=True),
    Column("ACTIVE", is_right=True),
    Column("DELAYED", is_right=True, spare=1),
    Column("RETRY", is_right=True),
    Column("DEAD", is_right=True),
    Column("DONE/s", is_right=True, spare=2),
    Column("OLDEST", is_right=True),
    Column("ETA", is_right=True),
    Column("WAITING", is_right=True, is_wide=True),
    Column("COMPLETED", is_right=True, is_wide=True),
    Column("CANCELLED", is_right=True, is_wide=True),
    Column("IN/s", is_right=True, is_wide=True),
    Column("FAIL/s", is_right=True, is_wide=True),
    Column("WORKERS", is_right=True, is_wide=True),
    Column("PAUSED BY", is_wide=True, is_flexible=True),
)


def queue_state(queue: QueueView) -> tuple[str, str]:
    """Return what to say of a queue first, and its detail.

    The reason that nothing runs goes before how busy it is: PAUSED, no worker, unroutable, then
    behind, run or idle.
    """
    if queue.pause is not None:
        return "PAUSED", ""
    if queue.pending and not queue.workers:
        return "no worker", ""
    if queue.held:
        return "unroutable", str(queue.held)
    if queue.pending and queue.eta_s is None and queue.enqueued_per_s > 0:
        return "behind", ""
    is_busy = queue.pending or queue.counts.get(TaskState.ACTIVE, 0)
    return ("run" if is_busy else "idle"), ""


def queue_listing(terminal: Terminal) -> Listing[QueueView]:
    """Return how `queue list` shows queues."""

    def row(queue: QueueView) -> list[Cell]:
        count_of = queue.counts.get
        word, detail = queue_state(queue)
        dead = count_of(TaskState.DEAD, 0)
        return [
            Styled(queue.name, "bold"),
            state_cell(word, terminal, detail),
            queue.pending,
            count_of(TaskState.ACTIVE, 0),
            count_of(TaskState.DELAYED, 0),
            count_of(TaskState.RETRY, 0),
            dead,
            rate(queue.done_per_s),
            oldest_text(queue),
            eta_text(queue),
            count_of(TaskState.WAITING, 0),
            count_of(TaskState.COMPLETED, 0),
            count_of(TaskState.CANCELLED, 0),
            rate(queue.enqueued_per_s),
            rate(queue.failed_per_s),
            queue.workers,
            queue.pause.by if queue.pause else None,
        ]

    return Listing(_COLUMNS, row, queue_record, lambda queue: queue.name)


def oldest_text(queue: QueueView) -> str | None:
    """Return for how long the first in line has waited; None if none is in line."""
    is_anyone_in_line = queue.pending > queue.held + queue.suspects
    return duration(queue.oldest_ms) if is_anyone_in_line else None


def eta_text(queue: QueueView) -> str | None:
    """Return when the backlog is gone; None without one, or if it does not shrink."""
    if not queue.pending:
        return None
    return None if queue.eta_s is None else duration(queue.eta_s * 1000)


def kept_text(queue: QueueView) -> str:
    """Return what a paused queue still holds, for the line that pausing prints."""
    return f"{count(queue.pending, 'pending task')} kept"
