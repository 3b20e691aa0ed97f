"""Export and import of tasks: a selection as lines of JSON, and lines back into their queues.

A copy is read 50 tasks a call. Import puts back what is not there: an id that is known in any
state is reported and left as it is, so importing a file twice does nothing twice. Tasks that wait
for others or for a group are not put back here: a client enqueues them, which knows about both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.bulk import new_operation
from rediq_core.admin.gather import gather
from rediq_core.admin.lookup import LOOK_UP, find_tasks
from rediq_core.admin.search import states_of
from rediq_core.admin.walk import places_of
from rediq_core.model.exported import ImportRow
from rediq_core.model.where import Where
from rediq_core.verbs.enqueue import MAX_BYTES, MAX_TASKS
from rediq_core.verbs.exporting import ImportReply, import_tasks, read_lines


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        operation: Names it in the audit.
        imported: Ids that were put back.
        existing: Ids that are known already, and were left as they are.
        refused: Ids whose unique key another task holds.
    """

    operation: str
    imported: list[str] = field(default_factory=list)
    existing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Transfers:
    """Tasks on their way out of queues and back into them.

    Attributes:
        access: Where the queues are.
    """

    def __init__(self, access: Access) -> None:
        self.access = access

    def export_ids(self, queue: str, ids: Sequence[str]) -> Iterator[bytes]:
        """Yield tasks of one queue as lines: a round trip for each 50. Unknown ids are left out."""
        for at in range(0, len(ids), LOOK_UP):
            yield from self.access.run(read_lines(self.access.space, queue, ids[at : at + LOOK_UP]))

    def export(self, where: Where) -> Iterator[bytes]:
        """Yield all tasks that a WHERE picks as lines of JSON, a round trip for each 50.

        Nothing in them is hidden: they are to come back as they were.

        Raises:
            QueueNotFound: The selector's queue does not exist.
            InvalidOption: An id is not unique.
        """
        access = self.access
        if where.ids:
            at_ms = access.now_ms()
            for task in find_tasks(access, where.ids).values():
                if task is not None and all(term.matches(task, at_ms) for term in where.terms):
                    yield from self.export_ids(task.queue, [task.id])
            return
        places = places_of(access, where, states_of(where))
        for pile in gather(access, where, places, cutoff_ms=access.now_ms()):
            yield from self.export_ids(pile.queue, pile.ids)

    def import_rows(
        self,
        rows: Sequence[ImportRow],
        *,
        by: str,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """Put tasks back into their queues: a round trip for each 500 or 4 MiB of a queue.

        Args:
            rows: What to put back; none of them waits.
            by: Who does it, as "user@host".
            on_progress: Told after each batch: rows handled so far, rows altogether.

        Raises:
            Refused: Read-only.
        """
        self.access.require_writable("import tasks")
        report = ImportReport(new_operation())
        by_queue: dict[str, list[ImportRow]] = {}
        for row in rows:
            by_queue.setdefault(row.task.queue, []).append(row)
        handled = 0
        for queue, theirs in by_queue.items():
            for batch in _batches(theirs):
                reply = _send(self.access, queue, batch, by, report.operation)
                for row, code in zip(batch, reply.codes, strict=True):
                    told = {"1": report.imported, "3": report.existing, "4": report.refused}[code]
                    told.append(row.task.id)
                handled += len(batch)
                if on_progress is not None:
                    on_progress(handled, len(rows))
        return report


def _send(
    access: Access, queue: str, rows: Sequence[ImportRow], by: str, operation: str
) -> ImportReply:
    minute = keys.minute_of(access.now_ms())
    call = import_tasks(access.space, queue, rows, by=by, operation=operation, minute=minute)
    reply = access.run(call)
    if reply.is_registered:
        return reply
    access.commands([("SADD", keys.global_key(access.namespace, "queues"), queue)])
    return access.run(
        import_tasks(
            access.space,
            queue,
            rows,
            by=by,
            operation=operation,
            minute=minute,
            is_registering=True,
        )
    )


def _batches(rows: Sequence[ImportRow]) -> Iterator[Sequence[ImportRow]]:
    start, size = 0, 0
    for i, row in enumerate(rows):
        bytes_of_row = len(row.tail) + len(row.runs)
        if i > start and (i - start == MAX_TASKS or size + bytes_of_row > MAX_BYTES):
            yield rows[start:i]
            start, size = i, 0
        size += bytes_of_row
    if start < len(rows):
        yield rows[start:]
