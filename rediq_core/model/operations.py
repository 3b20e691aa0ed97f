"""Operations: what an operator ordered done to tasks, and how far it came.

An order says which tasks and how; an operation is an order that was begun. Its record lets another
process go on with it, undo it, or say what became of it. Values only: `verbs/operations.py` writes
and reads them, `admin/bulk.py` carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from rediq_core.model.where import Where

# A record that nobody wrote for so long has lost its carrier, in ms.
SILENT_MS = 60_000


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """What is asked for.

    Attributes:
        label: What was typed, such as "flush"; shown to people.
        verb: What is done to each task: retry, run, cancel, delete, restore, reschedule.
        where: Which tasks; if `is_named`, its ids and nothing else, also if there are none.
        by: Who asks, as "user@host".
        reason: Why, or "".
        is_named: The tasks were named by their ids, and not selected.
        expect: For ids: act only on tasks in this state; "" for any that the verb takes.
        is_hard: For delete: for good, not to trash.
        is_forced: For cancel: kill what does not stop by itself.
        due_ms: For reschedule: when, in epoch ms.
        rate: Most tasks, such as "5/s"; "" for no limit.
        of: For restore: only what this operation put into trash; "" for all.
    """

    label: str
    verb: str
    where: Where
    by: str
    reason: str = ""
    is_named: bool = False
    expect: str = ""
    is_hard: bool = False
    is_forced: bool = False
    due_ms: int = 0
    rate: str = ""
    of: str = ""


class OperationState(StrEnum):
    """How an operation stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Operation:
    """An order that was begun.

    Attributes:
        id: Its name.
        order: What was asked for.
        state: How it stands, as its last carrier said.
        at_ms: When it began; what came into its states later is not touched.
        updated_ms: When its record was last written.
        total: Tasks it was meant for when it last began.
        moved: Tasks that were acted on.
        intents: Running tasks that were told to stop.
        skipped: Tasks that were left as they were.
        queues: The queues it was meant for.
        undone_by: The operation that took it back, or "".
    """

    id: str
    order: BulkOrder
    state: OperationState
    at_ms: int
    updated_ms: int
    total: int = 0
    moved: int = 0
    intents: int = 0
    skipped: int = 0
    queues: tuple[str, ...] = field(default=())
    undone_by: str = ""

    @property
    def left(self) -> int:
        """Tasks that it has not come to."""
        return max(self.total - self.moved - self.intents - self.skipped, 0)

    @property
    def is_undoable(self) -> bool:
        """True if it put tasks into trash that nobody took back, or was killed while it did."""
        # Its record lags a batch behind what was done.
        has_moved = self.moved > 0 or self.state is OperationState.RUNNING
        return (
            self.order.verb == "delete"
            and not self.order.is_hard
            and has_moved
            and not self.undone_by
        )

    def is_broken_off(self, now_ms: int) -> bool:
        """True if it says that it runs, and its carrier was not heard of for a minute."""
        is_silent = now_ms - self.updated_ms >= SILENT_MS
        return self.state is OperationState.RUNNING and is_silent
