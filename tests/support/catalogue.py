"""One lively queue and one call of every script that does everything the script can do.

For tests that hold every script to the same rule: declared keys, wrong types, interruption. The
queue has tasks in each state, intents, causes, edges, limits and trash; the calls are fresh
values, to be sent or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rediq_core.model.exported import parse_line
from rediq_core.model.groups import GroupRule
from rediq_core.model.limits import Limits, changes
from rediq_core.model.operations import BulkOrder, Operation, OperationState
from rediq_core.model.task import Task
from rediq_core.model.views import WorkerView
from rediq_core.model.where import Where
from rediq_core.scripts.call import Call, Space
from rediq_core.verbs.audit import read_audit
from rediq_core.verbs.drop import drop
from rediq_core.verbs.editing import edit
from rediq_core.verbs.enqueue import encode_task, enqueue, enqueue_plain
from rediq_core.verbs.examine import PARTS, examine, repair
from rediq_core.verbs.exchange import exchange
from rediq_core.verbs.exporting import import_tasks
from rediq_core.verbs.failures import read_causes, read_failures
from rediq_core.verbs.groups import declare_groups, read_groups, run_group
from rediq_core.verbs.history import read_history, roll
from rediq_core.verbs.inspect import read_page, read_queue, read_tasks
from rediq_core.verbs.lease import reap, renew
from rediq_core.verbs.limits import declare_limits, rescore, reset_limits, set_limits
from rediq_core.verbs.listing import read_ids
from rediq_core.verbs.moves import Act, MoveVerb, move, pause, resume
from rediq_core.verbs.operations import write_progress, write_record
from rediq_core.verbs.presence import Do, Order, announce, give_orders, mark_lost
from rediq_core.verbs.progress import ProgressReport, report_progress
from rediq_core.verbs.sweep import sweep
from tests.support.family import family_calls
from tests.support.rig import (
    LEASE_MS,
    PLACES,
    RETENTION,
    START_MS,
    Rig,
    Worker,
    completed,
    died,
    failed,
    released,
    snoozed,
    unknown_type,
)
from tests.support.schedules import schedule_calls

WORKER = WorkerView(
    *("w-1-a", "w", 1, 2, "running", ("q",), ("mail",), 10, 1, 5, 0, 1_000, 0, 0), supervisor="boss"
)
ORDER = Order(Do.PAUSE, "w-1-a", 1, by="ada@host")
OPERATION = Operation(
    *("op1", BulkOrder("delete", "delete", Where(), "ada@host"), OperationState.RUNNING, 1, 1, 10)
)


class Lively:
    """A seeded queue.

    Attributes:
        rig: The queue.
        worker: A live worker that holds six tasks and one that is to be cancelled.
        dead: An incarnation whose lease expired while it held a task three times over.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.worker: Worker = rig.worker("live#1")
        self._seed_finished()
        self._seed_lost()
        self._seed_held_by_the_living()
        self._seed_groups()
        rig.set_policy(rate=1_000, rate_ms=1_000, burst=100, concurrency=500, max_len=500)

    def _seed_finished(self) -> None:
        rig, worker = self.rig, self.rig.worker("seed#1")
        names = ("completed", "dead", "retry", "held", "gone")
        rig.enqueue(*[Task("mail", id=name, priority=1, unique_key=f"k-{name}") for name in names])
        edges = {f"{name}>other/c1": 0 for name in ("dead", "live0", "cancel-me", "lost2")}
        rig.client.zadd(rig.key("dependents"), edges)
        by_id = {task.id: task for task in worker.claim(5)}
        worker.settle(
            completed(by_id["completed"], keep_ms=1),
            died(by_id["dead"]),
            failed(by_id["retry"], 60_000),
            unknown_type(by_id["held"]),
            died(by_id["gone"]),
            is_last=True,
        )
        rig.move(MoveVerb.DELETE, "gone", operation="op0")

    def _seed_lost(self) -> None:
        """Lost twice and pending as a suspect; lost once; and held by the dead, once to cancel."""
        rig = self.rig
        for number in range(2):
            task: Task[object] = Task("mail", id=f"lost{number + 1}", priority=0, unique_key="k-l")
            rig.enqueue(task.copy(id=task.id, unique_key=f"k-lost{number + 1}"))
            for time in range(number + 1):
                rig.worker(f"gone{number}{time}#1").claim(1)
                rig.reap(f"gone{number}{time}#1")
        rig.worker("dead#1").claim(1, is_solo=True)  # the suspect: its third loss
        rig.worker("dead#2").claim(1)
        rig.enqueue(Task("mail", id="cancel-lost", priority=0))
        rig.worker("dead#3").claim(1)
        rig.move(MoveVerb.CANCEL, "cancel-lost")
        rig.enqueue(Task("mail", id="suspect", priority=0))
        for time in range(2):
            rig.worker(f"gone{time}#2").claim(1)
            rig.reap(f"gone{time}#2")

    def _seed_held_by_the_living(self) -> None:
        rig = self.rig
        live = [f"live{number}" for number in range(7)]
        rig.enqueue(*[Task("mail", id=name, priority=2, unique_key=f"k-{name}") for name in live])
        self.held = self.worker.claim(7)
        assert [task.id for task in self.held] == live
        rig.move(MoveVerb.CANCEL, "live6")
        reports = [ProgressReport(task.id, task.token, 10, "begun") for task in self.held]
        rig.executor.run(report_progress(rig.space, rig.queue, reports))
        rig.enqueue(Task("mail", id="cancelled"), Task("mail", id="trash"))
        rig.move(MoveVerb.CANCEL, "cancelled")
        rig.move(MoveVerb.DELETE, "trash")
        rig.enqueue(
            Task("mail", id="pending", priority=9),
            Task("mail", id="delayed", delay="1h", unique_key="k-delayed"),
            Task("mail", id="due", delay="1ms"),
            Task("mail", id="late", expires_in="1ms", priority=3, unique_key="k-late"),
        )
        rig.enqueue(Task("mail", id="waiting", depends_on="p1"), unmet=["p1"])
        rig.advance(5)
        rig.renew("live#1")

    def _seed_groups(self) -> None:
        """One group that is ripe, one that a claim leaves a member of, and one that collects."""
        rig = self.rig
        rig.executor.run(declare_groups(rig.space, rig.queue, {"batch": GroupRule(2, 900, 5_000)}))
        ripe = [Task("batch", id=f"ripe{number}", group="g", priority=10) for number in range(2)]
        over = [Task("batch", id=f"over{number}", group="h", priority=11) for number in range(3)]
        rig.enqueue(*ripe, *over, Task("batch", id="gathers", group="i"))
        rig.enqueue(Task("batch", id="gathers-later", group="i", delay="1h"))

    def places(self) -> dict[str, list[str]]:
        """Return for each known task every zset it is in."""
        return self.places_of(self.rig)

    @staticmethod
    def places_of(rig: Rig) -> dict[str, list[str]]:
        """Return for each known or placed task every zset it is in."""
        found: dict[str, list[str]] = {task_id: [] for task_id in rig.hash("tasks")}
        for zset in PLACES:
            for member in rig.ids(zset):
                found.setdefault(member.rpartition(">")[2], []).append(zset)
        return found


def calls() -> dict[str, Callable[[Lively], Call[Any]]]:
    """Return by name what builds each call; the name's first word is the script."""
    return {
        "enqueue": _enqueue,
        "enqueue_plain": _enqueue_plain,
        "exchange": _exchange,
        "exchange solo": _exchange_solo,
        "renew": lambda q: renew(q.rig.space, q.rig.queue, ["live#1", "no#1"], lease_ms=LEASE_MS),
        "reap": lambda q: reap(
            q.rig.space,
            q.rig.queue,
            lease_ms=LEASE_MS,
            minute=q.rig.minute,
            dead=["dead#1", "dead#2", "dead#3"],
        ),
        "declare_groups": lambda q: declare_groups(
            q.rig.space, q.rig.queue, {"batch": GroupRule(1, 1, 1)}
        ),
        "run_group": lambda q: run_group(q.rig.space, q.rig.queue, "batch/i", by="ada@host"),
        "read_groups": lambda q: read_groups(q.rig.space, q.rig.queue),
        "limit": lambda q: set_limits(
            q.rig.space, q.rig.queue, changes(concurrency=3, rate="7/s", aging="1s"), by="ada@host"
        ),
        "limit declare": lambda q: declare_limits(
            q.rig.space, q.rig.queue, Limits(max_len=9), by="w"
        ),
        "limit reset": lambda q: reset_limits(q.rig.space, q.rig.queue, by="ada@host"),
        "rescore": _rescore,
        "moves group": _moving(MoveVerb.CANCEL, "ripe0", "over1", "gathers"),
        "moves retry": _moving(MoveVerb.RETRY, "dead", "retry", "cancelled"),
        "moves run": _moving(MoveVerb.RUN, "delayed", "retry"),
        "moves cancel": _moving(MoveVerb.CANCEL, "pending", "retry", "held", "waiting", "live0"),
        "moves delete": _moving(MoveVerb.DELETE, "pending", "dead", "held", "retry"),
        "moves purge": _moving(MoveVerb.DELETE, "pending", "dead", "held", purge_ms=0),
        "moves restore": _moving(MoveVerb.RESTORE, "trash", "gone"),
        "moves reschedule": _moving(MoveVerb.RESCHEDULE, "pending", "delayed", "held", due_ms=1),
        "import": _import,
        "drop": lambda q: drop(q.rig.space, q.rig.queue),
        "read_audit": lambda q: read_audit(q.rig.space, q.rig.queue, since_ms=1, until_ms=START_MS),
        "read_failures": lambda q: read_failures(q.rig.space, q.rig.queue),
        "read_causes": lambda q: read_causes(q.rig.space, q.rig.queue, "f", is_reversed=True),
        "edit": _edit,
        "pause": lambda q: pause(q.rig.space, q.rig.queue, by="ada", reason="deploy"),
        "pause resume": lambda q: resume(q.rig.space, q.rig.queue, by="ada"),
        "progress": _progress,
        "sweep": _sweep,
        "read_queue": lambda q: read_queue(q.rig.space, q.rig.queue, minute=q.rig.minute),
        "roll": lambda q: roll(_a_minute_later(q), q.rig.queue, q.rig.minute),
        "read_history": lambda q: read_history(
            q.rig.space, q.rig.queue, q.rig.minute, buckets=[q.rig.minute // 60]
        ),
        "read_tasks": lambda q: read_tasks(q.rig.space, q.rig.queue, [*q.places(), "nope"]),
        **{f"examine {part}": _examining(part) for part in PARTS},
        "repair": _repair,
        "announce": lambda q: announce(q.rig.space, WORKER),
        "announce lost": lambda q: mark_lost(q.rig.space, WORKER.id),
        "order": lambda q: give_orders(q.rig.space, "boss", [ORDER], is_journalled=True),
        "record": lambda q: write_record(q.rig.space, OPERATION),
        "record progress": lambda q: write_progress(q.rig.space, OPERATION),
        **schedule_calls(),
        **family_calls(),
        **{f"read_page {zset}": _page(zset) for zset in PLACES},
        **{f"read_ids {zset}": _ids(zset) for zset in PLACES},
    }


def _a_minute_later(q: Lively) -> Space:
    return Space(q.rig.namespace, q.rig.now_ms + 60_000)


def _rescore(q: Lively) -> Call[Any]:
    q.rig.set_policy(rescore="start", step=1_000)
    return rescore(q.rig.space, q.rig.queue)


def _page(zset: str) -> Callable[[Lively], Call[Any]]:
    return lambda q: read_page(q.rig.space, q.rig.queue, zset)


def _ids(zset: str) -> Callable[[Lively], Call[Any]]:
    return lambda q: read_ids(q.rig.space, q.rig.queue, zset)


def _examining(part: str) -> Callable[[Lively], Call[Any]]:
    return lambda q: examine(q.rig.space, q.rig.queue, part)


def _repair(q: Lively) -> Call[Any]:
    """A task in no place and one in two, so that the script has something to do."""
    q.rig.client.zrem(q.rig.key("pending"), "pending")
    q.rig.client.zadd(q.rig.key("dead"), {"delayed": 1})
    return repair(q.rig.space, q.rig.queue, "tasks", ["pending", "delayed"], by="ada@host")


def _moving(verb: MoveVerb, *ids: str, **options: Any) -> Callable[[Lively], Call[Any]]:
    act = Act(verb, "ada@host", operation="op1", **options)
    return lambda q: move(q.rig.space, q.rig.queue, act, ids, minute=q.rig.minute)


def _import(q: Lively) -> Call[Any]:
    lines = [
        {"id": "in1", "type": "mail", "unique_key": "k-in"},
        {"id": "in2", "type": "mail", "state": "dead", "attempts": 2, "keep_ms": 60_000},
        {"id": "in3", "type": "mail", "state": "delayed", "unique_key": "k-retry"},
        {"id": "pending", "type": "mail"},
    ]
    lines[1]["timeline"] = [{"kind": "dead", "attempt": 2, "error_type": "E", "cause": "f9"}]
    rows = [parse_line(json.dumps(line)) for line in lines]
    space, minute = q.rig.space, q.rig.minute
    return import_tasks(
        space, q.rig.queue, rows, by="ada", operation="op1", minute=minute, is_registering=True
    )


def _edit(q: Lively) -> Call[Any]:
    stored = q.rig.hash("tasks")["dead"].encode()
    before = stored.split(b"|", 4)[-1]
    after = before.partition(b"\n")[0] + b'\n{"edited":true}'
    words = {"by": "ada", "reason": "typing error", "operation": "op1"}
    return edit(q.rig.space, q.rig.queue, "dead", before=before, after=after, **words)


def _enqueue(q: Lively) -> Call[Any]:
    tasks: list[Task[object]] = [
        Task("mail", id="new1"),
        Task("mail", id="new2", delay="5ms"),
        Task("mail", id="new3", unique_key="k-retry", on_duplicate="replace"),
        Task("mail", id="new4", unique_key="k-held", on_duplicate="replace"),
        Task("mail", id="new5", unique_key="k-delayed", on_duplicate="return"),
        Task("mail", id="new6", unique_key="k-new"),
        Task("batch", id="new8", group="i", priority=1),
        Task("batch", id="new9", group="j"),
    ]
    encoded = [encode_task(task) for task in tasks]
    child: Task[object] = Task("mail", id="new7", depends_on=["p1", "p2"])
    encoded.append(encode_task(child))
    return enqueue(q.rig.space, q.rig.queue, encoded, minute=q.rig.minute, is_registering=True)


def _enqueue_plain(q: Lively) -> Call[Any]:
    q.rig.client.hdel(q.rig.key("policy"), "max_len")
    encoded = [encode_task(Task("mail", id=f"new{number}", priority=number)) for number in range(3)]
    return enqueue_plain(q.rig.space, q.rig.queue, encoded, minute=q.rig.minute)


def _exchange(q: Lively) -> Call[Any]:
    outcomes = (completed, failed, died, snoozed, released, unknown_type, failed)
    settles = [settle(task) for settle, task in zip(outcomes, q.held, strict=True)]
    settles[0] = completed(q.held[0], keep_ms=60_000)
    settles.append(completed(q.held[1])._replace(token="forged#1:1"))
    # A multiple of 16: the turn that trims every finished state.
    return exchange(
        q.worker.asker, 32, 20, settles, minute=q.rig.minute, types="mail", histogram="r3 1 w2 1"
    )


def _exchange_solo(q: Lively) -> Call[Any]:
    asker = q.rig.worker("solo#1").asker
    return exchange(asker, 1, 1, minute=q.rig.minute, is_first=True, is_solo=True)


def _sweep(q: Lively) -> Call[Any]:
    """Every part of it has something to do: ages of nothing, trash over its time, old rows."""
    q.rig.client.zadd(q.rig.key("trash"), {"trash": 1, "gone": 1, "pending": 1})
    q.rig.client.hset(q.rig.key("requests"), "long-ago#1", "1|1|0||")
    retention = RETENTION._replace(completed_age_ms=1, dead_age_ms=1)
    return sweep(q.rig.space, q.rig.queue, retention, is_served=True)


def _progress(q: Lively) -> Call[Any]:
    reports = [ProgressReport(task.id, task.token, 55, "half") for task in q.held]
    return report_progress(q.rig.space, q.rig.queue, reports)
