"""Schedules as operators see and change them.

Mixed into `Admin`. A schedule lives in keys of no queue, what became of its due times lies with its
queue, so reads take a few round trips and may be a moment apart. Firing is the supervisors' work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import groupby, islice

from rediq_core.admin.access import Access
from rediq_core.connection.raw import Reply
from rediq_core.errors import QueueFull, RediqError, ScheduleNotFound, SchemaMismatch, WrongState
from rediq_core.keys import global_key, queue_key
from rediq_core.model.schedule import Firing, Schedule, ScheduleView
from rediq_core.verbs.firing import Fired, FireStatus, run_by_hand, run_id
from rediq_core.verbs.inspect import MAX_PAGE, read_tasks
from rediq_core.verbs.presence import Command
from rediq_core.verbs.schedule import (
    ActCode,
    ActReply,
    Put,
    PutReply,
    Row,
    ScheduleAct,
    act,
    declare,
    first_due_ms,
    parse_row,
    put,
    refusal,
)
from rediq_core.verbs.schedule_views import (
    fired_command,
    forget_command,
    read_history,
    read_roster,
    read_view,
    roster_commands,
    row_command,
)

# Commands of one pipeline: bounds the replies that are in memory at once.
_PIPELINE = 500


class ScheduleAdmin:
    """What `Admin` does with schedules.

    Attributes:
        access: What the methods stand on.
    """

    access: Access

    def schedules(self) -> list[ScheduleView]:
        """Return all schedules by name, with what last became of each.

        Two round trips, and two for each queue that they fire in. One that this version cannot
        read is left out.
        """
        at_ms, due = read_roster(self.access.commands(roster_commands(self.access.namespace)))
        names = sorted(due)
        commands = [row_command(self.access.namespace, name) for name in names]
        views = []
        for name, stored in zip(names, _pipelined(self.access, commands), strict=True):
            view = _readable_view(name, stored, due_ms=due[name], at_ms=at_ms)
            if view is not None:
                views.append(view)
        whole = []
        views.sort(key=lambda view: view.queue)
        for queue, group in groupby(views, key=lambda view: view.queue):
            whole += _with_last(self.access, queue, list(group))
        return sorted(whole, key=lambda view: view.name)

    def schedule(self, name: str) -> ScheduleView:
        """Return one schedule, its payload included: 4 round trips.

        Raises:
            ScheduleNotFound: There is none of this name.
            SchemaMismatch: This version cannot read it.
        """
        row, stored, due_ms, at_ms = self._read(name)
        view = read_view(row, stored, due_ms=due_ms, at_ms=at_ms)
        (whole,) = _with_last(self.access, row.queue, [view])
        return whole

    def schedule_history(self, name: str, limit: int = 50) -> list[Firing]:
        """Return what became of a schedule's due times, last first: 4 round trips.

        The queue keeps about the last hundred.

        Raises:
            ScheduleNotFound, SchemaMismatch: As `schedule`.
        """
        row, *_ = self._read(name)
        key = queue_key(self.access.namespace, row.queue, "fired")
        (reply,) = self.access.commands(
            [fired_command(self.access.namespace, row.queue, name)], key=key
        )
        entries, _ = read_history(name, reply)
        return _with_tasks(self.access, row.queue, entries[:limit])

    def upcoming(self, name: str, count: int = 5) -> list[int]:
        """Return when a schedule is due next, in epoch ms, paused or not: 2 round trips.

        Raises:
            ScheduleNotFound, SchemaMismatch: As `schedule`.
            InvalidCron: This machine does not know its time zone.
        """
        row, _, _, at_ms = self._read(name)
        return list(islice(row.timetable().upcoming(at_ms), count))

    def add_schedule(self, schedule: Schedule, by: str) -> bool:
        """Add a schedule, or change one of this name: 2 round trips.

        Returns:
            False if there was one.

        Raises:
            InvalidOption: A configuration declares it, or there are too many.
            InvalidPayload, PayloadTooLarge: As for enqueueing its task.
        """
        self.access.require_writable(f"add schedule {schedule.name}")
        declaration = declare(schedule, by=by)
        reply: PutReply = self.access.run(put(self.access.space, declaration))
        if reply.code is Put.NEEDS_DUE:
            due_ms = first_due_ms(declaration, reply)
            reply = self.access.run(put(self.access.space, declaration, due_ms=due_ms))
        error = refusal(schedule.name, reply)
        if error is not None:
            raise error
        return reply.code is Put.ADDED

    def pause_schedule(self, name: str, by: str, reason: str = "") -> bool:
        """Stop a schedule from firing; returns whether it was paused. 1 round trip.

        What falls due meanwhile passes by, and is no misfire.

        Raises:
            ScheduleNotFound: There is none of this name.
        """
        self.access.require_writable(f"pause schedule {name}")
        return self._act(ScheduleAct.PAUSE, name, by, reason).code is ActCode.ALREADY

    def resume_schedule(self, name: str, by: str) -> bool:
        """Let a schedule fire again, next at its next time; returns whether it was paused.

        Two round trips.

        Raises:
            ScheduleNotFound: There is none of this name.
            SchemaMismatch: This version cannot read it.
        """
        self.access.require_writable(f"resume schedule {name}")
        reply = self._act(ScheduleAct.RESUME, name, by)
        if reply.code is ActCode.NEEDS_DUE:
            due_ms = parse_row(name, reply.row).timetable().next_after(reply.now_ms)
            reply = self._act(ScheduleAct.RESUME, name, by, due_ms=due_ms)
        return reply.code is ActCode.DONE

    def delete_schedule(self, name: str, by: str, reason: str = "") -> None:
        """Remove a schedule and its history; tasks it enqueued stay. 2 round trips.

        What a configuration declares comes back when a worker with it starts.

        Raises:
            ScheduleNotFound: There is none of this name.
        """
        self.access.require_writable(f"delete schedule {name}")
        reply = self._act(ScheduleAct.DELETE, name, by, reason)
        try:
            queue = parse_row(name, reply.row).queue
        except SchemaMismatch:
            return  # What cannot be read left no history that could be found.
        key = queue_key(self.access.namespace, queue, "fired")
        self.access.commands([forget_command(self.access.namespace, queue, name)], key=key)

    def run_schedule(self, name: str, by: str) -> str:
        """Enqueue an occurrence of a schedule now; returns its id. 3 round trips.

        It does not ask whether the one before has finished, and moves no due time.

        Raises:
            ScheduleNotFound: There is none of this name.
            SchemaMismatch: This version cannot read it.
            QueueFull: Its queue is at its max_len.
            WrongState: The unique key of its task is held by another.
        """
        self.access.require_writable(f"run schedule {name}")
        row, stored, _, at_ms = self._read(name, has_task=True)
        fired = self._run(row, stored, by, at_ms)
        if fired.status is FireStatus.UNREGISTERED:
            queues = global_key(self.access.namespace, "queues")
            self.access.commands([("SADD", queues, row.queue)])
            fired = self._run(row, stored, by, at_ms, is_registering=True)
        error = _why_not_run(row, fired)
        if error is not None:
            raise error
        return run_id(name, at_ms)

    def _run(
        self, row: Row, stored: Reply, by: str, at_ms: int, *, is_registering: bool = False
    ) -> Fired:
        call = run_by_hand(
            self.access.space, row, stored[-1], by=by, now_ms=at_ms, is_registering=is_registering
        )
        return self.access.run(call)

    def _act(
        self, verb: ScheduleAct, name: str, by: str, why: str = "", *, due_ms: int = 0
    ) -> ActReply:
        reply = self.access.run(act(self.access.space, verb, name, by=by, why=why, due_ms=due_ms))
        if reply.code is ActCode.UNKNOWN:
            raise self._unknown(name)
        return reply

    def _read(self, name: str, *, has_task: bool = True) -> tuple[Row, Reply, int, int]:
        namespace = self.access.namespace
        time, due, stored = self.access.commands(
            [
                ("TIME",),
                ("ZSCORE", global_key(namespace, "schedules_due"), name),
                row_command(namespace, name, has_task=has_task),
            ]
        )
        if stored[0] is None:
            raise self._unknown(name)
        at_ms, dues = read_roster([time, [name.encode(), due or b"inf"]])
        return parse_row(name, stored[0]), stored, dues[name], at_ms

    def _unknown(self, name: str) -> ScheduleNotFound:
        _, due = read_roster(self.access.commands(roster_commands(self.access.namespace)))
        near = get_close_matches(name, due, n=1, cutoff=0.6)
        return ScheduleNotFound(
            f"There is no schedule {name}.",
            cause="It was never declared, or somebody deleted it.",
            next_step=f"Did you mean {near[0]}?" if near else "See all: rediq schedule list",
        )


def _pipelined(
    access: Access, commands: Sequence[Command], key: str | None = None
) -> Iterable[Reply]:
    for at in range(0, len(commands), _PIPELINE):
        yield from access.commands(commands[at : at + _PIPELINE], key=key)


def _readable_view(name: str, stored: Reply, *, due_ms: int, at_ms: int) -> ScheduleView | None:
    try:
        row = parse_row(name, stored[0] or b"")
    except SchemaMismatch:
        return None
    return read_view(row, stored, due_ms=due_ms, at_ms=at_ms)


def _with_last(access: Access, queue: str, views: Sequence[ScheduleView]) -> list[ScheduleView]:
    """Return the same schedules of one queue with what last became of each."""
    key = queue_key(access.namespace, queue, "fired")
    commands = [fired_command(access.namespace, queue, view.name) for view in views]
    replies = _pipelined(access, commands, key)
    histories = [read_history(view.name, reply) for view, reply in zip(views, replies, strict=True)]
    last = iter(_with_tasks(access, queue, [entries[0] for entries, _ in histories if entries]))
    return [
        replace(view, missed=missed, last=next(last) if entries else None)
        for view, (entries, missed) in zip(views, histories, strict=True)
    ]


def _with_tasks(access: Access, queue: str, firings: Sequence[Firing]) -> list[Firing]:
    """Return the same firings with the tasks that they enqueued, as they are now."""
    ids = [firing.task_id for firing in firings if firing.task_id]
    calls = [
        read_tasks(access.space, queue, ids[at : at + MAX_PAGE])
        for at in range(0, len(ids), MAX_PAGE)
    ]
    found = iter([task for page in access.run_all(calls) for task in page])
    return [replace(firing, task=next(found)) if firing.task_id else firing for firing in firings]


def _why_not_run(row: Row, fired: Fired) -> RediqError | None:
    if fired.codes == "5":
        return QueueFull(
            f"Queue {row.queue} is full, so schedule {row.name} was not run.",
            cause="It holds as many unfinished tasks as its max_len allows.",
            next_step=f"Let it drain, or raise it: rediq queue limit {row.queue} --max-len N",
        )
    if fired.codes == "4":
        return WrongState(
            f"The unique key of schedule {row.name} is taken, so it was not run.",
            cause="Another task of its queue has the key and has not finished.",
            next_step=f"See them: rediq task list {row.queue} type:{row.type}",
        )
    return None
