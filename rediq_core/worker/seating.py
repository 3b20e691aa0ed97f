"""What a lease keeper asks and tells of task processes, passed on to the seats they sit in.

Shared by the supervisor and by the thread of a worker inside another program. It reads slot tables
and sends commands; it keeps nothing of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rediq_core.metrics.meter import Meter
from rediq_core.verbs.lease import Reaped
from rediq_core.verbs.moves import is_forced
from rediq_core.worker.obituary import Obituaries
from rediq_core.worker.seat import Seat
from rediq_core.worker.slots import SlotTable

log = logging.getLogger("rediq.supervisor")


class Seating:
    """All seats of one worker, for its lease keeper."""

    def __init__(self, seats: Sequence[Seat], meter: Meter, obituaries: Obituaries) -> None:
        self._seats = seats
        self._meter = meter
        self._obituaries = obituaries

    def held(self) -> dict[str, list[str]]:
        """Return queue to the incarnations that hold something there."""
        held: dict[str, list[str]] = {}
        for seat in self._seats:
            if seat.pid and seat.table is not None:
                for queue, incarnations in held_incarnations(seat.table, seat.worker_id).items():
                    held.setdefault(queue, []).extend(incarnations)
        return held

    def on_lost(self, queue: str, incarnation: str) -> None:
        """Have the process whose lease is gone cancel what it claimed under it."""
        worker_id, _, number = incarnation.rpartition("#")
        for seat in self._seats:
            if seat.worker_id == worker_id:
                seat.tell({"do": "lost", "queue": queue, "incarnation": int(number)})

    def on_cancel(self, queue: str, task_id: str, intent: bytes) -> None:
        """Have whoever runs a task cancel it."""
        has_force = is_forced(intent)
        log.info("cancel %s of %s: %s", task_id, queue, intent.decode("utf-8", "replace"))
        for seat in self._seats:
            seat.tell({"do": "cancel", "task": task_id, "force": has_force})

    def on_reaped(self, queue: str, reaped: Reaped) -> None:
        """Log, count and note what was taken back from the dead, and have own processes look.

        The queue's marker may have gone to the dead: where a machine or a network ended, Redis
        takes their sleeping connections for open until they time out.
        """
        for seat in self._seats:
            seat.tell({"do": "look", "queue": queue})
        for task_id, outcome, incarnation in reaped.outcomes:
            log.warning("took back %s in %s from %s: %s", task_id, queue, incarnation, outcome)
        outcomes = [outcome for _, outcome, _ in reaped.outcomes]
        self._meter.reaped(queue, outcomes, is_charged=reaped.is_charged)
        self._obituaries.note(reaped)


def held_incarnations(table: SlotTable, worker_id: str) -> dict[str, list[str]]:
    """Return queue to the incarnations of this worker that hold something there."""
    return {
        queue: [f"{worker_id}#{incarnation}"]
        for queue, incarnation, held in table.holdings()
        if held
    }
