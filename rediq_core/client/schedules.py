"""What both clients do with schedules: declare one, and take it back.

Mixed into the clients, which own the connections. A schedule fires whether or not its client is
still there; that is the work of the supervisors (`worker/scheduler`).
"""

from __future__ import annotations

from typing import TypeVar

from rediq_core.client import plan
from rediq_core.errors import SchemaMismatch
from rediq_core.model.durations import Duration
from rediq_core.model.schedule import Misfire, Overlap, Schedule
from rediq_core.model.task import Task
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor, SyncExecutor
from rediq_core.verbs.schedule import (
    ActCode,
    ActReply,
    Declaration,
    Put,
    PutReply,
    ScheduleAct,
    act,
    declare,
    first_due_ms,
    parse_row,
    put,
    refusal,
)
from rediq_core.verbs.schedule_views import forget_command

R = TypeVar("R")


class AsyncSchedules:
    """Schedules of `Client`."""

    namespace: str
    _executor: AsyncExecutor
    _space: Space
    _deadline_s: float

    async def schedule(
        self,
        name: str,
        cron: str,
        task: Task[R],
        *,
        timezone: str = "UTC",
        misfire: str = Misfire.RUN_ONCE,
        overlap: str = Overlap.SKIP,
        jitter: Duration = 0,
    ) -> str:
        """Enqueue a task again and again; a name that is known is changed. Two round trips.

        While any worker runs, each due time is enqueued once, however many workers there are.
        Registering again keeps a pause; a new time, zone or queue begins anew from now.

        Args:
            name: Name of the schedule.
            cron: 5 fields, 6 with seconds first, or @hourly and its kin.
            task: What is enqueued each time, under an id of its own: `cron:<name>:<second>`.
            timezone: Zone of the expression. A time that clocks skip runs once, at the next valid
                time; one that they repeat runs once.
            misfire: For due times that passed while no worker ran: run_once, skip or catch_up (all
                of them, at most the last 100).
            overlap: While the occurrence before is not finished: skip or allow.
            jitter: Run later by a fixed part of this, so that schedules of one time spread.

        Returns:
            The name.

        Raises:
            InvalidCron: The expression or the zone cannot be read, or never fires.
            InvalidOption: A name or option is not allowed, or a configuration declares this name.
            InvalidPayload, PayloadTooLarge: As `enqueue`.
        """
        schedule = Schedule.of(
            name, cron, task, timezone=timezone, misfire=misfire, overlap=overlap, jitter=jitter
        )
        declaration = declare(schedule, by=plan.actor())
        reply = await self._put(declaration)
        if reply.code is Put.NEEDS_DUE:
            reply = await self._put(declaration, first_due_ms(declaration, reply))
        return _taken(name, reply)

    async def _put(self, declaration: Declaration, due_ms: int = 0) -> PutReply:
        call = put(self._space, declaration, due_ms=due_ms)
        return await self._executor.run(call, deadline_s=self._deadline_s)

    async def unschedule(self, name: str) -> bool:
        """Remove a schedule and its history; tasks it enqueued stay. Two round trips.

        Returns:
            False if there was none. What a configuration declares comes back with its next worker.
        """
        call = act(self._space, ScheduleAct.DELETE, name, by=plan.actor())
        reply = await self._executor.run(call, deadline_s=self._deadline_s)
        queue = _queue_of(name, reply)
        if queue:
            _, key, *fields = forget_command(self.namespace, queue, name)
            await self._executor.link.command(
                "HDEL", key, *fields, key=str(key), deadline_s=self._deadline_s
            )
        return reply.code is ActCode.DONE


class SyncSchedules:
    """Schedules of `SyncClient`."""

    namespace: str
    _executor: SyncExecutor
    _space: Space
    _deadline_s: float

    def schedule(
        self,
        name: str,
        cron: str,
        task: Task[R],
        *,
        timezone: str = "UTC",
        misfire: str = Misfire.RUN_ONCE,
        overlap: str = Overlap.SKIP,
        jitter: Duration = 0,
    ) -> str:
        """Enqueue a task again and again. Arguments, result and errors as `Client.schedule`."""
        schedule = Schedule.of(
            name, cron, task, timezone=timezone, misfire=misfire, overlap=overlap, jitter=jitter
        )
        declaration = declare(schedule, by=plan.actor())
        reply = self._put(declaration)
        if reply.code is Put.NEEDS_DUE:
            reply = self._put(declaration, first_due_ms(declaration, reply))
        return _taken(name, reply)

    def _put(self, declaration: Declaration, due_ms: int = 0) -> PutReply:
        call = put(self._space, declaration, due_ms=due_ms)
        return self._executor.run(call, deadline_s=self._deadline_s)

    def unschedule(self, name: str) -> bool:
        """Remove a schedule and its history. As `Client.unschedule`."""
        call = act(self._space, ScheduleAct.DELETE, name, by=plan.actor())
        reply = self._executor.run(call, deadline_s=self._deadline_s)
        queue = _queue_of(name, reply)
        if queue:
            _, key, *fields = forget_command(self.namespace, queue, name)
            self._executor.link.command(
                "HDEL", key, *fields, key=str(key), deadline_s=self._deadline_s
            )
        return reply.code is ActCode.DONE


def _taken(name: str, reply: PutReply) -> str:
    error = refusal(name, reply)
    if error is not None:
        raise error
    return name


def _queue_of(name: str, reply: ActReply) -> str:
    """Return where a deleted schedule fired, "" if there was none or it cannot be read."""
    if reply.code is not ActCode.DONE:
        return ""
    try:
        return parse_row(name, reply.row).queue
    except SchemaMismatch:
        return ""
