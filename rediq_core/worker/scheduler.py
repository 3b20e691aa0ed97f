"""The duty of schedules: what is due is enqueued, by whichever supervisor comes first.

Every supervisor does all of it, and there is no leader. It reads what is due, lets the schedule's
queue decide each due time once (fire.lua), then notes the next one. It may die or stand still
between any two of these: the schedule stays due until somebody notes the next time, and who repeats
the decision is told that it was made. It runs no task and decides no time by its own clock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rediq_core.errors import InvalidCron, RediqError, SchemaMismatch
from rediq_core.keys import global_key
from rediq_core.model.schedule import Timetable, decide
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.firing import Fired, FireStatus, Firings, fire, first_firings
from rediq_core.verbs.schedule import (
    Declaration,
    DueReply,
    DueSchedule,
    Put,
    PutReply,
    Row,
    advance,
    first_due_ms,
    parse_row,
    put,
    read_due,
)
from rediq_core.worker.desk import Desk

log = logging.getLogger("rediq.schedules")
# Longest seconds between looks: a new or changed schedule is seen within it, for one small read.
LOOK_S: Final = 1.0
# The same while there is no schedule at all: the first one may begin so much later.
NONE_LOOK_S: Final = 5.0
# Seconds after which what Redis refused is tried again.
RETRY_S: Final = 0.5
# Pages of due schedules in one turn; with more of them the next turn comes at once.
MOST_PAGES: Final = 20
# Timetables kept parsed; a thousand take a few megabytes.
_MOST_TIMETABLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Ripe:
    """A schedule that is due, and what is to be done about it."""

    due: DueSchedule
    row: Row
    timetable: Timetable
    firings: Firings


class Scheduler:
    """Register what the configuration declares, and fire what is due. Owned by one task."""

    def __init__(
        self, executor: AsyncExecutor, space: Space, declared: Sequence[Declaration] = ()
    ) -> None:
        """Take what to send with.

        Args:
            executor: Sends calls; closed by whoever opened it.
            space: Where keys are, and the clock of tests.
            declared: Schedules of the configuration.
        """
        self._executor = executor
        self._space = space
        self._unregistered = list(declared)
        self._timetables: dict[tuple[str, str], Timetable] = {}
        self._complaints: dict[str, str] = {}

    async def run(self) -> None:
        """Go on until cancelled; a Redis that is away is waited for."""
        while True:
            try:
                if self._unregistered:
                    await self.register()
                wait_s = await self.turn()
            except RediqError as error:
                log.debug("cannot look at schedules: %s", error.message)
                wait_s = RETRY_S
            await asyncio.sleep(wait_s)

    async def register(self) -> None:
        """Declare the configuration's schedules: two round trips for all.

        Raises:
            RediqError: Redis could not be reached; the rest is declared by the next call.
        """
        replies = await self._run_many([put(self._space, one) for one in self._unregistered])
        anew = [
            (one, first_due_ms(one, reply))
            for one, reply in zip(self._unregistered, replies, strict=True)
            if reply.code is Put.NEEDS_DUE
        ]
        replies += await self._run_many(
            [put(self._space, one, due_ms=due_ms) for one, due_ms in anew]
        )
        declared = [*self._unregistered, *(one for one, _ in anew)]
        self._unregistered.clear()
        for one, reply in zip(declared, replies, strict=True):
            _say_registered(one, reply)

    async def _run_many(self, calls: Sequence[Call[PutReply]]) -> list[PutReply]:
        replies = []
        for reply in await self._executor.run_many(calls):
            if isinstance(reply, RediqError):
                raise reply
            replies.append(reply)
        return replies

    async def turn(self) -> float:
        """Fire all that is due; return how many seconds to wait before the next turn.

        One round trip if nothing is due, else three for each 50 schedules, and one.

        Raises:
            RediqError: What is due cannot be read.
        """
        start = 0
        for _ in range(MOST_PAGES):
            page = await self._executor.run(read_due(self._space, start=start))
            if not page.schedules:
                if not page.next_ms:
                    return NONE_LOOK_S
                return max(min((page.next_ms - page.now_ms) / 1000, LOOK_S), 0.001)
            done = await self._deal_with(page)
            start += len(page.schedules) - done
        return 0.0

    async def _deal_with(self, page: DueReply) -> int:
        """Decide all of a page; return how many are due no longer."""
        ripe = []
        for due in page.schedules:
            found = self._ripe(due, page.now_ms)
            if found is not None:
                ripe.append(found)
            await asyncio.sleep(0)  # Walking a calendar takes milliseconds; leases come first.
        fired = await self._fire(ripe, page.now_ms)
        calls = [
            advance(self._space, one.due, one.row, _next_ms(one, page.now_ms)) for one in fired
        ]
        done = 0
        for one, reply in zip(fired, await self._executor.run_many(calls), strict=True):
            if isinstance(reply, RediqError):
                self._complain(one.due.name, f"cannot be moved on: {reply.message}")
            else:
                done += 1
        return done

    def _ripe(self, due: DueSchedule, now_ms: int) -> _Ripe | None:
        try:
            row = parse_row(due.name, due.row)
            timetable = self._timetable(row)
        except (SchemaMismatch, InvalidCron) as error:
            self._complain(due.name, f"does not fire here: {error.message} {error.cause}")
            return None
        decision = decide(timetable, row.misfire, due.due_ms, now_ms)
        return _Ripe(due, row, timetable, first_firings(decision, timetable, len(due.tail)))

    def _timetable(self, row: Row) -> Timetable:
        key = (row.name, row.timing)
        timetable = self._timetables.get(key)
        if timetable is None:
            if len(self._timetables) >= _MOST_TIMETABLES:
                self._timetables.clear()
            timetable = self._timetables[key] = row.timetable()
        return timetable

    async def _fire(self, ripe: Sequence[_Ripe], seen_ms: int) -> list[_Ripe]:
        """Let the queues decide; return the schedules whose due times are decided now."""
        replies = await self._send(ripe, seen_ms)
        unknown = [
            one
            for one, reply in zip(ripe, replies, strict=True)
            if isinstance(reply, Fired) and reply.status is FireStatus.UNREGISTERED
        ]
        if unknown:
            names = sorted({one.row.queue for one in unknown})
            queues = global_key(self._space.namespace, "queues")
            await self._executor.link.command("SADD", queues, *names, key=queues)
            again = iter(await self._send(unknown, seen_ms, is_registering=True))
            replies = [
                next(again)
                if isinstance(reply, Fired) and reply.status is FireStatus.UNREGISTERED
                else reply
                for reply in replies
            ]
        return [
            one
            for one, reply in zip(ripe, replies, strict=True)
            if self._is_decided(one, reply, seen_ms)
        ]

    async def _send(
        self, ripe: Sequence[_Ripe], seen_ms: int, *, is_registering: bool = False
    ) -> list[Fired | RediqError]:
        return await self._executor.run_many(
            [
                fire(
                    self._space,
                    one.due,
                    one.row,
                    one.timetable,
                    one.firings,
                    seen_ms=seen_ms,
                    is_registering=is_registering,
                )
                for one in ripe
            ]
        )

    def _is_decided(self, one: _Ripe, reply: Fired | RediqError, seen_ms: int) -> bool:
        name = one.due.name
        if isinstance(reply, RediqError):
            self._complain(name, f"cannot fire: {reply.message}")
            return False
        if reply.status is not FireStatus.DONE:
            return False
        self._complaints.pop(name, None)
        if one.firings.decision.is_late and set(reply.codes) != {"0"}:
            late_s = (seen_ms - one.due.due_ms) / 1000
            log.warning(
                "schedule %s was due %.0f s ago and nobody was there: %s, %d enqueued",
                *(name, late_s, one.row.misfire.value, reply.codes.count("1")),
            )
        return True

    def _complain(self, name: str, why: str) -> None:
        # It is tried each second: said once, and again when the reason is another.
        if self._complaints.get(name) != why:
            self._complaints[name] = why
            log.warning("schedule %s %s", name, why)


def _next_ms(one: _Ripe, now_ms: int) -> int:
    if one.firings.rest_ms:
        return one.firings.rest_ms
    return one.timetable.next_after(max(now_ms, one.due.due_ms))


def _say_registered(declaration: Declaration, reply: PutReply) -> None:
    name = declaration.schedule.name
    if reply.code is Put.ADDED:
        log.info("schedule %s added", name)
    elif reply.code is Put.CHANGED:
        log.info("schedule %s changed", name)
    elif reply.code is Put.OUTDATED:
        log.warning(
            "schedule %s follows a later configuration than this one; revision %d, there %d",
            *(name, declaration.rev, reply.rev),
        )
    elif reply.code is Put.TOO_MANY:
        log.error("schedule %s was not added: there are too many", name)


async def keep_schedules(desk: Desk) -> None:
    """Keep all schedules going until cancelled."""
    await Scheduler(desk.executor, desk.space, desk.plan.schedules).run()
