"""The books of the operator: why tasks fail, what operators did, and closing a queue's own.

One mixin of `Admin`. Failures and audit are read over all queues at once and merged; both are
bounded, and say so where the bound was met.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.snapshot import read_one_queue
from rediq_core.errors import WrongState
from rediq_core.model.audit import Audit, AuditEntry
from rediq_core.model.failures import Failure, merge
from rediq_core.model.state import TaskState
from rediq_core.verbs.audit import (
    MAX_ENTRIES,
    journal_command,
    note_command,
    read_audit,
    read_journal,
)
from rediq_core.verbs.drop import drop
from rediq_core.verbs.failures import read_failures
from rediq_core.verbs.operations import read_command, read_operation


class BookAdmin:
    """What `Admin` knows of failures and of operators.

    Attributes:
        access: What the methods stand on.
    """

    access: Access

    def failures(self, queues: Sequence[str] = ()) -> list[Failure]:
        """Return why tasks are in retry and dead, those of most tasks first.

        Two round trips for each 200 queues, one more for each 200 causes of one of them; no task
        is looked at.

        Args:
            queues: Only in these; none for all.

        Raises:
            QueueNotFound: One of them does not exist.
        """
        access = self.access
        for queue in queues:
            access.require_queue(queue)
        names = list(dict.fromkeys(queues)) or access.queue_names()
        found: list[Failure] = []
        asked = dict.fromkeys(names, "")
        while asked:
            calls = [
                read_failures(access.space, queue, after=after) for queue, after in asked.items()
            ]
            pages = dict(zip(asked, access.run_all(calls), strict=True))
            found += [failure for failures, _ in pages.values() for failure in failures]
            asked = {queue: after for queue, (_, after) in pages.items() if after}
        return merge(found)

    def audit(
        self, *, since_ms: int = 0, until_ms: int = 0, by: str = "", limit: int = 100
    ) -> Audit:
        """Return what operators did, over all queues, latest first; the batches of one act as one.

        Four round trips for each 200 queues.

        Args:
            since_ms: Leave out what was before, in epoch ms; 0 for none.
            until_ms: Leave out what was after; 0 for none.
            by: Only by those whose name holds this; "" for all.
            limit: Entries at most.
        """
        access = self.access
        names = access.queue_names()
        calls = [
            read_audit(access.space, queue, since_ms=since_ms, until_ms=until_ms) for queue in names
        ]
        journal = journal_command(access.namespace, since_ms=since_ms, until_ms=until_ms)
        time, entries_of_none = access.commands([("TIME",), journal])
        streams = [*access.run_all(calls), read_journal(entries_of_none)]
        # Behind the oldest of a stream that was cut, others would be missing between the rest.
        cut_ms = max(
            (entries[-1].at_ms for entries in streams if len(entries) == MAX_ENTRIES), default=0
        )
        rows = [
            entry
            for entries in streams
            for entry in entries
            if entry.at_ms >= cut_ms and by in entry.by
        ]
        merged = _merge(rows)
        at_ms = int(time[0]) * 1000 + int(time[1]) // 1000
        shown = self._with_orders(merged[:limit])
        return Audit(tuple(shown), not cut_ms and len(merged) <= limit, at_ms)

    def _with_orders(self, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
        access = self.access
        ids = list(dict.fromkeys(entry.operation for entry in entries if entry.operation))
        rows = access.commands([read_command(access.namespace, id_) for id_ in ids])
        known = {id_: read_operation(id_, row) for id_, row in zip(ids, rows, strict=True)}
        told = []
        for entry in entries:
            operation = known.get(entry.operation)
            if operation is None:
                told.append(entry)
                continue
            order = operation.order
            where = order.of or str(order.where) if order.of or not order.is_named else ""
            told.append(replace(entry, verb=order.label, where=where))
        return told

    def note(self, queue: str, verb: str, *, by: str, details: Mapping[str, str | int]) -> None:
        """Write down what an operator did with a client: 1 round trip.

        Args:
            queue: The queue it was done to, "" for none.
            verb: What was done.
            by: Who did it, as "user@host".
            details: What else is worth keeping, such as a count.
        """
        namespace = self.access.namespace
        key = (
            keys.queue_key(namespace, queue, "audit")
            if queue
            else keys.global_key(namespace, "journal")
        )
        self.access.commands([note_command(key, verb, by, details)], key=key)

    def delete_queue(self, queue: str, *, by: str) -> None:
        """Forget a queue that has no tasks, with its limits, counters and history: 4 round trips.

        A task that is enqueued meanwhile is not lost: then the queue stays, or begins anew.

        Args:
            queue: The queue.
            by: Who does it, as "user@host".

        Raises:
            QueueNotFound: It does not exist.
            WrongState: It has tasks, or children elsewhere wait to hear from it.
            Refused: Read-only.
        """
        access = self.access
        access.require_writable(f"delete queue {queue}")
        access.require_queue(queue)
        names = keys.global_key(access.namespace, "queues")
        access.commands([("SREM", names, queue)])
        try:
            dropped = access.run(drop(access.space, queue))
        except BaseException:
            # Whether it is gone is not known: a name too many is harmless, one too few is not.
            access.commands([("SADD", names, queue)])
            raise
        if dropped.is_gone:
            self.note("", "delete queue", by=by, details={"queue": queue})
            return
        access.commands([("SADD", names, queue)])
        raise self._not_empty(queue, dropped.untold)

    def _not_empty(self, queue: str, untold: int) -> WrongState:
        if untold:
            return WrongState(
                f"queue {queue} was not deleted: children elsewhere wait to hear from it.",
                cause="Its parents ended, and their children are told within a minute.",
                next_step="Ask again in a minute.",
            )
        counts = read_one_queue(self.access, queue).counts
        left = [state for state, number in counts.items() if number]
        what = "trash" if left == [TaskState.TRASH] else "all"
        said = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
        return WrongState(
            f"queue {queue} is not empty, so it was not deleted.",
            cause=f"It has {said or 'a new task'}.",
            next_step=f"Delete its tasks first: rediq task delete {what}:{queue} --hard",
        )


def _merge(rows: Iterable[AuditEntry]) -> list[AuditEntry]:
    """Return one entry for all batches of an operation's verb, latest first."""
    merged: dict[tuple[str, ...], AuditEntry] = {}
    for number, entry in enumerate(rows):
        same = (entry.operation, entry.verb, entry.by) if entry.operation else (str(number),)
        before = merged.get(same)
        merged[same] = entry if before is None else _both(before, entry)
    return sorted(merged.values(), key=lambda entry: -entry.at_ms)


def _both(one: AuditEntry, two: AuditEntry) -> AuditEntry:
    details: Mapping[str, str] = {**two.details, **one.details}
    return replace(
        one,
        at_ms=max(one.at_ms, two.at_ms),
        began_ms=min(one.began_ms, two.began_ms),
        queues=tuple(dict.fromkeys([*one.queues, *two.queues])),
        count=one.count + two.count,
        first=min(one, two, key=lambda entry: entry.began_ms).first,
        details=details,
    )
