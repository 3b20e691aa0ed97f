"""Schedules on a real server, driven verb by verb with a rig's clock.

It declares, fires and moves on as a scheduler does, one step at a time, so that a test can stop
between any two. It knows nothing of what should come out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rediq_core.keys import global_key
from rediq_core.model.schedule import (
    Decision,
    Misfire,
    Overlap,
    Schedule,
    Source,
    decide,
)
from rediq_core.model.task import Task
from rediq_core.scripts.call import Call
from rediq_core.verbs.firing import Fired, fire, first_firings, run_by_hand
from rediq_core.verbs.schedule import (
    ActReply,
    DueReply,
    DueSchedule,
    Put,
    PutReply,
    Row,
    ScheduleAct,
    act,
    advance,
    declare,
    parse_row,
    put,
    read_due,
)
from tests.support.rig import Rig


class Seeded(Protocol):
    """A queue with tasks in every state, as the catalogue makes it."""

    @property
    def rig(self) -> Rig: ...


SECOND_MS = 1_000
MINUTE_MS = 60_000


def schedule(name: str = "tick", cron: str = "* * * * *", **options: Any) -> Schedule:
    """Return a schedule of the rig's queue."""
    task = options.pop("task", None) or Task("tick", {"n": 1}, queue=options.pop("queue", "q"))
    return Schedule(name, cron, task, **options)


class Planner:
    """What a scheduler does, step by step, on a rig's server and clock."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def put(
        self, planned: Schedule, *, source: Source = Source.API, rev: int = 0, by: str = ""
    ) -> PutReply:
        declaration = declare(planned, source=source, rev=rev, by=by)
        reply = self.rig.executor.run(put(self.rig.space, declaration))
        if reply.code is not Put.NEEDS_DUE:
            return reply
        due_ms = planned.timetable().next_after(reply.now_ms)
        return self.rig.executor.run(put(self.rig.space, declaration, due_ms=due_ms))

    def act(self, verb: ScheduleAct, name: str, **options: Any) -> ActReply:
        return self.rig.executor.run(act(self.rig.space, verb, name, by="ada@host", **options))

    def due(self, **options: Any) -> DueReply:
        return self.rig.executor.run(read_due(self.rig.space, **options))

    def row(self, name: str) -> Row:
        stored = self.rig.client.hget(self.key("schedules"), name)
        return parse_row(name, stored)

    def key(self, name: str) -> str:
        return global_key(self.rig.namespace, name)

    def due_at(self, name: str) -> float | None:
        score: float | None = self.rig.client.zscore(self.key("schedules_due"), name)
        return score

    def decide(self, due: DueSchedule, now_ms: int) -> tuple[Row, Decision]:
        row = parse_row(due.name, due.row)
        return row, decide(row.timetable(), row.misfire, due.due_ms, now_ms)

    def fire_call(self, due: DueSchedule, seen_ms: int, **options: Any) -> Call[Fired]:
        row, decision = self.decide(due, seen_ms)
        timetable = row.timetable()
        firings = first_firings(decision, timetable, len(due.tail))
        options.setdefault("is_registering", True)
        return fire(self.rig.space, due, row, timetable, firings, seen_ms=seen_ms, **options)

    def fire(self, due: DueSchedule, seen_ms: int, **options: Any) -> Fired:
        return self.rig.executor.run(self.fire_call(due, seen_ms, **options))

    def advance(self, due: DueSchedule, next_ms: int) -> bool:
        row = parse_row(due.name, due.row)
        return self.rig.executor.run(advance(self.rig.space, due, row, next_ms))

    def run(self, name: str, **options: Any) -> Fired:
        task = self.rig.client.hget(self.key("schedules"), f"{name}|task")
        now_ms = options.pop("now_ms", self.rig.now_ms)
        options.setdefault("is_registering", True)
        call = run_by_hand(
            self.rig.space, self.row(name), task, by="ada@host", now_ms=now_ms, **options
        )
        return self.rig.executor.run(call)

    def fired(self) -> list[str]:
        """Return the ids of all occurrences the queue knows, in order."""
        return sorted(task_id for task_id in self.rig.hash("tasks") if task_id.startswith("cron:"))


def schedule_calls() -> dict[str, Callable[[Seeded], Call[Any]]]:
    """Return calls of the scripts of schedules, for tests that hold every script to one rule."""
    return {
        "schedule_put": _put,
        "schedule_act": _act(ScheduleAct.PAUSE),
        "schedule_act resume": _act(ScheduleAct.RESUME),
        "schedule_act delete": _act(ScheduleAct.DELETE),
        "schedule_advance": _advance,
        "schedule_due": lambda q: read_due(_planner(q).rig.space),
        "fire": _fire,
        "fire run": _run,
    }


def _planner(q: Seeded) -> Planner:
    planner = Planner(q.rig)
    planner.put(schedule())
    planner.put(schedule("other", "@hourly"))
    q.rig.advance(MINUTE_MS)
    return planner


def _put(q: Seeded) -> Call[Any]:
    planner = _planner(q)
    declaration = declare(schedule("tick", "@daily"), by="ada@host")
    return put(planner.rig.space, declaration, due_ms=q.rig.now_ms + 1)


def _act(verb: ScheduleAct) -> Callable[[Seeded], Call[Any]]:
    def build(q: Seeded) -> Call[Any]:
        planner = _planner(q)
        if verb is ScheduleAct.RESUME:
            planner.act(ScheduleAct.PAUSE, "tick")
        return act(planner.rig.space, verb, "tick", by="ada@host", due_ms=q.rig.now_ms + 1)

    return build


def _advance(q: Seeded) -> Call[Any]:
    planner = _planner(q)
    (due,) = planner.due().schedules
    return advance(q.rig.space, due, planner.row("tick"), q.rig.now_ms + 1)


def _fire(q: Seeded) -> Call[Any]:
    """One missed, one enqueued, and one whose unique key the one before holds by then."""
    planner = Planner(q.rig)
    task: Task[object] = Task("tick", queue="q", unique_key="k-tick", expires_in="1h")
    planner.put(schedule(task=task, misfire=Misfire.CATCH_UP, overlap=Overlap.ALLOW))
    q.rig.advance(3 * MINUTE_MS)
    (due,) = planner.due().schedules
    row, decision = planner.decide(due, q.rig.now_ms)
    few = Decision(decision.fires[-2:], len(decision.fires) - 2, decision.upto, is_late=True)
    firings = first_firings(few, row.timetable(), 1)
    return fire(
        q.rig.space,
        due,
        row,
        row.timetable(),
        firings,
        seen_ms=q.rig.now_ms,
        is_registering=True,
    )


def _run(q: Seeded) -> Call[Any]:
    planner = _planner(q)
    task = q.rig.client.hget(planner.key("schedules"), "tick|task")
    return run_by_hand(q.rig.space, planner.row("tick"), task, by="ada@host", now_ms=q.rig.now_ms)
