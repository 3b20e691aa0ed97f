"""What happened in queues: the newest events, then whatever comes, merged by time.

Each queue keeps the last 2,000 or so in a stream of its own: failures, deaths and what operators
did. While somebody follows a queue, every transition of a task is there too (lib/trace.lua). This
is a window for people, not a log: a burst may push events out before they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.lookup import find_tasks, task_not_found
from rediq_core.admin.why.words import who_of_note
from rediq_core.connection.raw import Reply
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where
from rediq_core.verbs.inspect import pairs, read_tasks
from rediq_core.verbs.presence import Command

# Events of one queue in one reading.
MAX_EVENTS = 500
# How long a queue goes on noting everything after its last follower was heard of, in ms.
TRACE_MS = 30_000
# Tasks of one look-up; their payloads come along.
LOOK_UP = 50
_BEGINNING = "0-0"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        at_ms: When, server time.
        queue: Where.
        kind: enqueued, due, started, completed, retried, dead, snoozed, released, held, lost,
            expired, or the verb of an operator.
        task_id: The task, or the first of many, or "".
        task_type: Its type, as far as it is still known.
        worker: Who held it, or "".
        by: Which operator did it, or "".
        count: How many tasks an operator's verb met, else 0.
        detail: The failure, or the operator's reason, or "".
    """

    at_ms: int
    queue: str
    kind: str
    task_id: str = ""
    task_type: str = ""
    worker: str = ""
    by: str = ""
    count: int = 0
    detail: str = ""


class EventReader:
    """Read events of the queues that a WHERE names; not shared between threads.

    Terms are held against the task as it is when the event is read, so an event of a task that is
    not known any more does not match any term.

    Attributes:
        access: Where.
        where: What is picked.
    """

    def __init__(self, access: Access, where: Where) -> None:
        self.access = access
        self.where = where
        self._seen: dict[str, str] = {}
        self._ids: frozenset[str] | None = None
        self._names: list[str] = []
        self._traced_ms: dict[str, int] = {}

    def latest(self, limit: int) -> list[Event]:
        """Return the newest events, oldest of them first: 2 round trips a queue.

        Raises:
            QueueNotFound: The selector's queue does not exist.
            TaskNotFound: An id means no task.
        """
        queues = self._queues()
        size = min(MAX_EVENTS, limit if not self.where.terms else MAX_EVENTS)
        rows = self._ask(queues, [("XREVRANGE", key, "+", "-", "COUNT", size) for key in queues])
        for key in queues:
            self._seen.setdefault(key, _BEGINNING)
        return self._events(queues, [list(reversed(reply)) for reply in rows])[-limit:]

    def more(self) -> list[Event]:
        """Return what came since the last reading, at most MAX_EVENTS a queue."""
        queues = self._queues()
        commands: list[Command] = [
            ("XRANGE", key, _after(self._seen.get(key, _BEGINNING)), "+", "COUNT", MAX_EVENTS)
            for key in queues
        ]
        return self._events(queues, self._ask(queues, commands))

    def keep_tracing(self) -> bool:
        """Let the queues note every transition for the next half minute, if that is due.

        Returns:
            False if nothing may be written here; then failures, deaths and operators' acts are
            all that there is.
        """
        if self.access.is_read_only:
            return False
        now_ms = self.access.now_ms()
        for queue in self._queues().values():
            if now_ms - self._traced_ms.get(queue, 0) < TRACE_MS // 2:
                continue
            key = keys.queue_key(self.access.namespace, queue, "policy")
            (is_there,) = self.access.commands([("EXISTS", key)], key=key)
            if is_there:
                until = str(now_ms + TRACE_MS)
                self.access.commands([("HSET", key, "trace_until", until)], key=key)
            self._traced_ms[queue] = now_ms
        return True

    def _queues(self) -> dict[str, str]:
        """Return the streams to read, each with its queue."""
        if self.where.ids:
            names = self._queues_of_ids()
        elif self.where.queue is not None:
            self.access.require_queue(self.where.queue)
            names = [self.where.queue]
        else:
            names = self.access.queue_names()
        return {keys.queue_key(self.access.namespace, name, "events"): name for name in names}

    def _queues_of_ids(self) -> list[str]:
        """Find the tasks once: their ids may have been given by their ends."""
        if self._ids is None:
            found = find_tasks(self.access, self.where.ids)
            missing = [word for word, task in found.items() if task is None]
            if missing:
                raise task_not_found(missing[0])
            tasks = [task for task in found.values() if task is not None]
            self._ids = frozenset(task.id for task in tasks)
            self._names = sorted({task.queue for task in tasks})
        return self._names

    def _ask(self, queues: Iterable[str], commands: Sequence[Command]) -> list[Reply]:
        """Send a command a queue, each to where the queue lies."""
        return [
            self.access.commands([command], key=key)[0]
            for key, command in zip(queues, commands, strict=True)
        ]

    def _events(self, queues: dict[str, str], replies: Sequence[Reply]) -> list[Event]:
        found: list[Event] = []
        for (key, queue), rows in zip(queues.items(), replies, strict=True):
            if rows:
                self._seen[key] = bytes(rows[-1][0]).decode()
            events = [event_of(queue, row) for row in rows]
            found += self._picked(queue, events)
        return sorted(found, key=lambda event: event.at_ms)

    def _picked(self, queue: str, events: list[Event]) -> list[Event]:
        """Give events their tasks' types, and leave out what the WHERE does not pick."""
        if self._ids is not None:
            events = [event for event in events if event.task_id in self._ids]
        known = self._tasks(queue, [event.task_id for event in events if event.task_id])
        picked = []
        for event in events:
            task = known.get(event.task_id)
            if self._matches(event, task):
                picked.append(replace(event, task_type=task.type) if task else event)
        return picked

    def _matches(self, event: Event, task: TaskView | None) -> bool:
        if self.where.state is not None and (task is None or task.state != self.where.state):
            return False
        terms = self.where.terms
        return not terms or (
            task is not None and all(term.matches(task, event.at_ms) for term in terms)
        )

    def _tasks(self, queue: str, ids: Sequence[str]) -> dict[str, TaskView]:
        wanted = list(dict.fromkeys(ids))
        calls = [
            read_tasks(self.access.space, queue, wanted[at : at + LOOK_UP])
            for at in range(0, len(wanted), LOOK_UP)
        ]
        views = [view for reply in self.access.run_all(calls) for view in reply]
        return {view.id: view for view in views if view is not None}


def event_of(queue: str, row: Reply) -> Event:
    """Read one entry of a queue's stream, whoever wrote it."""
    entry_id, flat = row
    fields = pairs(flat)
    by, why = _who(fields.get("by", ""))
    return Event(
        at_ms=int(bytes(entry_id).partition(b"-")[0]),
        queue=queue,
        kind=fields.get("kind", "?"),
        task_id=fields.get("id", ""),
        worker=fields.get("worker", ""),
        by=by,
        count=_whole(fields.get("count", "")),
        detail=fields.get("failure", "").partition("|")[2] or why or fields.get("why", ""),
    )


def _who(by: str) -> tuple[str, str]:
    """Return who acted and why; acts on tasks write both as JSON, acts on queues a plain name."""
    if not by.startswith("{"):
        return by, ""
    return who_of_note(by)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _after(entry_id: str) -> str:
    """Return the first possible id behind one: Redis before 6.2 knows no exclusive ranges."""
    ms, _, seq = entry_id.partition("-")
    return f"{ms}-{int(seq or 0) + 1}"
