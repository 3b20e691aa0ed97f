"""Operations: what was begun, going on with what was stopped, and taking back what was deleted.

Read from the records that `bulk` keeps. An undo is itself an operation: it restores what another
put into trash and is still there, in the places, with the scores, causes and unique keys it had.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.admin.access import Access
from rediq_core.admin.bulk import Conduct, carry_out
from rediq_core.errors import InvalidOption, OperationNotFound, WrongState
from rediq_core.model.operations import BulkOrder, Operation, OperationState
from rediq_core.model.views import MoveReport
from rediq_core.model.where import Where
from rediq_core.verbs.moves import TRASH_MS, MoveVerb
from rediq_core.verbs.operations import (
    latest_command,
    read_command,
    read_operation,
    write_undone,
)

# Operations that are looked through for one that is meant by its end, or by nothing.
SEARCHED = 200


class Operations:
    """The operations of one namespace.

    Attributes:
        access: Where they are.
    """

    def __init__(self, access: Access) -> None:
        self.access = access

    def carry_out(self, order: BulkOrder, conduct: Conduct | None = None) -> MoveReport:
        """Act on all tasks that an order means; see `bulk.carry_out`."""
        return carry_out(self.access, order, conduct or Conduct())

    def latest(self, limit: int = 20) -> list[Operation]:
        """Return the latest operations, latest first: 2 round trips."""
        (ids,) = self.access.commands([latest_command(self.access.namespace, limit)])
        return self._read([raw.decode("utf-8", "replace") for raw in ids])

    def find(self, id_or_end: str) -> Operation:
        """Return one operation by its id or the end of it: 1 to 3 round trips.

        Raises:
            OperationNotFound: There is none.
            InvalidOption: Several have this end.
        """
        found = self._read([id_or_end])
        if not found:
            ending = id_or_end.upper()
            found = [each for each in self.latest(SEARCHED) if ending and each.id.endswith(ending)]
        if len(found) > 1:
            raise InvalidOption(
                f"{id_or_end} is the end of {len(found)} operations.",
                cause=f"They are {', '.join(each.id for each in found)}.",
                next_step="Give more of the id.",
            )
        if not found:
            raise OperationNotFound(
                f"There is no operation {id_or_end}.",
                cause="It never was, or began more than 30 days ago.",
                next_step="See all: rediq op list",
            )
        return found[0]

    def resume(self, id_or_end: str, conduct: Conduct | None = None) -> MoveReport:
        """Go on with an operation that was stopped; nothing that it did is done again.

        Raises:
            OperationNotFound: There is none.
            WrongState: It is done, or somebody is at it.
            InvalidOption: It named more tasks than a record holds.
            QueueNotFound: Its queue does not exist any more.
            Refused: Read-only.
        """
        operation = self.find(id_or_end)
        now_ms = self.access.now_ms()
        if operation.state is OperationState.DONE:
            raise WrongState(
                f"operation {operation.id} is done, so there is nothing to go on with.",
                state=operation.state.value,
                next_step=f"See it: rediq op show {operation.id}",
            )
        is_running = operation.state is OperationState.RUNNING
        if is_running and not operation.is_broken_off(now_ms):
            raise WrongState(
                f"operation {operation.id} is running, so it was not resumed.",
                state=operation.state.value,
                cause="Its record was written less than a minute ago.",
                next_step="Wait a minute, or stop it where it runs.",
            )
        if operation.order.is_named and not operation.order.where.ids:
            raise InvalidOption(
                f"operation {operation.id} named more tasks than its record holds.",
                next_step="Give the ids again to the command that began it.",
            )
        queues = self.find(operation.order.of).queues if operation.order.of else ()
        return carry_out(
            self.access, operation.order, conduct or Conduct(), resumed=operation, queues=queues
        )

    def undoable(self, by: str, id_or_end: str = "") -> Operation:
        """Return the operation that an undo means: one by its id, else the actor's last one.

        Raises:
            OperationNotFound: There is none.
            WrongState: It cannot be undone.
            InvalidOption: Several have this end.
        """
        if not id_or_end:
            now_ms = self.access.now_ms()
            for operation in self.latest(SEARCHED):
                is_recent = operation.at_ms > now_ms - TRASH_MS
                if operation.is_undoable and operation.order.by == by and is_recent:
                    return operation
            raise OperationNotFound(
                f"{by} deleted nothing in the last 24 h that could be taken back.",
                next_step="Undo another's: rediq undo OP     See all: rediq op list",
            )
        operation = self.find(id_or_end)
        if not operation.is_undoable:
            raise WrongState(
                f"operation {operation.id} cannot be undone.",
                state=operation.state.value,
                cause=_why_not(operation),
                next_step=f"See it: rediq op show {operation.id}",
            )
        return operation

    def undo(
        self, operation: Operation, *, by: str, reason: str = "", conduct: Conduct | None = None
    ) -> MoveReport:
        """Restore what an operation put into trash and is still there.

        Args:
            operation: What `undoable` returned.
            by: Who takes it back, as "user@host".
            reason: Why, or "".
            conduct: How to take part in it.

        Raises:
            Refused: Read-only.
        """
        order = BulkOrder("undo", MoveVerb.RESTORE.value, Where(), by, reason, of=operation.id)
        report = carry_out(self.access, order, conduct or Conduct(), queues=operation.queues)
        if report.moved and not report.left:
            self.access.run(write_undone(self.access.space, operation.id, report.operation))
        return report

    def _read(self, ids: Sequence[str]) -> list[Operation]:
        rows = self.access.commands([read_command(self.access.namespace, id_) for id_ in ids])
        found = [read_operation(id_, row) for id_, row in zip(ids, rows, strict=True)]
        return [operation for operation in found if operation is not None]


def _why_not(operation: Operation) -> str:
    if operation.undone_by:
        return f"It was undone already, by {operation.undone_by}."
    if operation.order.is_hard:
        return "It deleted for good."
    if operation.order.verb != MoveVerb.DELETE:
        return f"It was a {operation.order.label}; only what went to trash can be taken back."
    return "It deleted nothing."
