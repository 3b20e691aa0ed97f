"""The slot table: what a task process runs right now, in memory that its parent can read.

The child writes, the parent reads; there is no lock and no system call per task. A record is
published by writing its busy byte last and withdrawn by clearing it first. The parent may still see
a torn record, so whatever it does with one is checked by the record's fencing token in Redis: a
wrong guess changes nothing. This is neither a queue nor a way to send results.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# beat, lag_ms, processed, failed, state
_HEAD = struct.Struct("<dIQQB")
_HEAD_SIZE = 64
# incarnation number, tasks held
_QUEUE = struct.Struct("<II")
# busy, queue, mode, incarnation, seq, start, deadline, id length, id, type length, type
_SLOT = struct.Struct("<BHBIQddB128sB64s")
_BUSY_OFFSET = 0
MAX_ID_BYTES = 128
MAX_TYPE_BYTES = 64
RUNNING, DRAINING, PAUSED = 0, 1, 2
MODES = ("async", "thread", "process")


@dataclass(frozen=True, slots=True)
class RunningTask:
    """One busy slot as the parent sees it.

    Attributes:
        id: The task; cut at 128 bytes.
        type: Its type; cut at 64 bytes.
        queue: Its queue.
        mode: async, thread or process.
        incarnation: Number of the incarnation that claimed it.
        seq: The request that claimed it; with the incarnation it is the token.
        started_s: Monotonic time at which the run began.
        deadline_s: Monotonic time at which it times out; 0 for never.
    """

    id: str
    type: str
    queue: str
    mode: str
    incarnation: int
    seq: int
    started_s: float
    deadline_s: float

    def token(self, worker_id: str) -> str:
        """Return the claim's fencing token."""
        return f"{worker_id}#{self.incarnation}:{self.seq}"


@dataclass(frozen=True, slots=True)
class Health:
    """A task process's own figures.

    Attributes:
        beat_s: Monotonic time of its consumer's last turn.
        lag_ms: How late its event loop last was.
        processed: Finished runs.
        failed: Failed runs among them.
        state: RUNNING, DRAINING or PAUSED.
    """

    beat_s: float
    lag_ms: int
    processed: int
    failed: int
    state: int


class SlotTable:
    """Shared memory between one task process and its parent.

    Made by the parent before the fork; both keep it, neither closes it for the other.

    Attributes:
        queues: Names of the queues, fixed for the table's life.
        slots: How many tasks may run at once.
    """

    def __init__(self, queues: Sequence[str], slots: int) -> None:
        self.queues = tuple(queues)
        self.slots = slots
        self._slots_at = _HEAD_SIZE + _QUEUE.size * len(self.queues)
        self._memory = mmap.mmap(-1, self._slots_at + _SLOT.size * slots)

    def beat(self, beat_s: float, lag_ms: int, processed: int, failed: int, state: int) -> None:
        """Child: write its own figures, once a consumer turn."""
        _HEAD.pack_into(self._memory, 0, beat_s, lag_ms, processed, failed, state)

    def health(self) -> Health:
        """Parent: read the child's figures."""
        return Health(*_HEAD.unpack_from(self._memory, 0))

    def hold(self, queue: int, incarnation: int, held: int) -> None:
        """Child: say what it holds in a queue, so that the parent keeps that lease."""
        _QUEUE.pack_into(self._memory, _HEAD_SIZE + _QUEUE.size * queue, incarnation, held)

    def holdings(self) -> list[tuple[str, int, int]]:
        """Parent: return (queue, incarnation, held) of each queue that the child ever held."""
        rows = []
        for i, queue in enumerate(self.queues):
            incarnation, held = _QUEUE.unpack_from(self._memory, _HEAD_SIZE + _QUEUE.size * i)
            if incarnation:
                rows.append((queue, incarnation, held))
        return rows

    def enter(
        self,
        slot: int,
        place: tuple[int, int, int, int],
        times: tuple[float, float],
        names: tuple[bytes, bytes],
    ) -> None:
        """Child: publish what a slot runs, one pack on the hot path.

        Args:
            slot: The slot's number.
            place: Queue number, mode number, incarnation, seq.
            times: Start and deadline, monotonic seconds.
            names: Id and type as bytes, cut at their limits.
        """
        task_id, kind = names
        at = self._slots_at + _SLOT.size * slot
        _SLOT.pack_into(self._memory, at, 1, *place, *times, len(task_id), task_id, len(kind), kind)

    def leave(self, slot: int) -> None:
        """Child: withdraw what a slot ran."""
        self._memory[self._slots_at + _SLOT.size * slot + _BUSY_OFFSET] = 0

    def running(self) -> Iterator[RunningTask]:
        """Parent: go through the busy slots."""
        for slot in range(self.slots):
            at = self._slots_at + _SLOT.size * slot
            if not self._memory[at]:
                continue
            _, queue, mode, incarnation, seq, start, deadline, id_size, raw_id, type_size, kind = (
                _SLOT.unpack_from(self._memory, at)
            )
            if queue >= len(self.queues) or mode >= len(MODES):
                continue
            yield RunningTask(
                raw_id[:id_size].decode("utf-8", "replace"),
                kind[:type_size].decode("utf-8", "replace"),
                self.queues[queue],
                MODES[mode],
                incarnation,
                seq,
                start,
                deadline,
            )
