"""A supervisor's place for one task process, and what it announces of it.

Plain state; the supervisor forks, reads and kills. A seat outlives the processes that sit in it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
from collections.abc import Mapping

from rediq_core import __version__
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.model.views import WorkerView
from rediq_core.worker.memory import rss_of
from rediq_core.worker.slots import PAUSED, SlotTable

log = logging.getLogger("rediq.supervisor")


class Seat:
    """A place for one task process, over all its lives.

    Attributes:
        worker_id: Of the present life.
        pid: Its process, or 0.
        table: Its slot table.
        pipe: Our end of its socket.
        types: Types it announced.
        is_ready: It imported its handlers.
        started_ms: When it was forked.
        deaths: Deaths in a row before it was ready.
        is_retired: It ends when all is done, and nobody sits here after it.
        note: Why it ends, for people; or "".
        is_bystander: We killed it for one task's sake; the others are not charged.
    """

    def __init__(self) -> None:
        self.worker_id = ""
        self.pid = 0
        self.table: SlotTable | None = None
        self.pipe: socket.socket | None = None
        self.types: tuple[str, ...] = ()
        self.is_ready = False
        self.started_ms = 0
        self.deaths = 0
        self.is_retired = False
        self.note = ""
        self.is_bystander = False
        self.buffer = b""

    def tell(self, command: Mapping[str, object]) -> None:
        """Send a command to the process, if it lives."""
        if self.pipe is not None and self.pid:
            try:
                self.pipe.sendall(json.dumps(command).encode() + b"\n")
            except OSError:
                log.debug("task process %d does not listen", self.pid)


def new_worker_id(pid: int, suffix: str = "") -> str:
    """Return an id that no other worker ever has: host-pid-random."""
    host = "".join(c if c.isalnum() or c in "._-" else "-" for c in socket.gethostname())
    return f"{host}-{pid}-{suffix or secrets.token_hex(2)}"


def worker_row(seat: Seat, supervisor_id: str, *, is_stopping: bool) -> WorkerView:
    """Return what is announced of a seat's process.

    Args:
        seat: The seat; its process lives.
        supervisor_id: Who takes orders for it.
        is_stopping: The supervisor was told to stop.
    """
    table = seat.table
    health = table.health() if table is not None else None
    running = list(table.running()) if table is not None else []
    now_s = SYSTEM_CLOCK.monotonic()
    return WorkerView(
        id=seat.worker_id,
        host=socket.gethostname(),
        pid=seat.pid,
        supervisor_pid=os.getpid(),
        state=_state(seat, is_stopping=is_stopping),
        queues=table.queues if table is not None else (),
        types=seat.types,
        concurrency=table.slots if table is not None else 0,
        busy=len(running),
        processed=health.processed if health else 0,
        failed=health.failed if health else 0,
        started_ms=seat.started_ms,
        beat_ms=0,  # the server's now, when it is written
        beat_age_ms=0,
        version=__version__,
        supervisor=supervisor_id,
        rss_bytes=rss_of(seat.pid),
        loop_lag_ms=health.lag_ms if health else 0,
        note=seat.note,
        running=tuple(
            {
                "id": task.id,
                "queue": task.queue,
                "type": task.type,
                "mode": task.mode,
                "running_ms": round((now_s - task.started_s) * 1000),
                "left_ms": round((task.deadline_s - now_s) * 1000) if task.deadline_s else None,
                "token": task.token(seat.worker_id),
            }
            for task in running
        ),
    )


def _state(seat: Seat, *, is_stopping: bool) -> str:
    if is_stopping or seat.is_retired:
        return "draining"
    is_paused = seat.table is not None and seat.table.health().state == PAUSED
    return "paused" if is_paused else "running"
