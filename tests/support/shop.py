"""A shop's queues at a moment that is always the same: what golden outputs are looked at on.

Every state, every kind of queue and worker, a schedule, a group, an operation that was stopped, and
texts that are wide or secret. It is made by the verbs themselves, once, and put back from a
copy for each use.

    payment        busy: running, pending, retrying, dead of two causes, finished, cancelled
    shipping       paused; its tasks wait for payments
    notifications  collects a group, and is limited
    reports        has tasks and no worker
    video          has a task of a type that no worker knows
    empty          has nothing to do
    drained        has nothing at all
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from rediq_core.admin import Conduct
from rediq_core.client import SyncClient
from rediq_core.keys import global_key, queue_key
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.groups import GroupRule
from rediq_core.model.limits import Limits
from rediq_core.model.operations import BulkOrder
from rediq_core.model.schedule import Schedule
from rediq_core.model.task import Task
from rediq_core.model.where import parse_where
from rediq_core.scripts.call import Space
from rediq_core.verbs.exchange import Settled
from rediq_core.verbs.groups import declare_groups
from rediq_core.verbs.limits import declare_limits
from rediq_core.verbs.presence import announce, mark_lost, note_beside
from tests.support.desk import NAMESPACE, Desk, worker_row
from tests.support.rig import Worker, completed, settled, unknown_type
from tests.support.standing import NOON_MS, Moment, standing

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
QUEUES = ("payment", "shipping", "notifications", "reports", "video", "empty", "drained")
PAYER, MAILER, LOST = "web1-4711-3fa9", "web2-988-07c1", "web3-17-b2d0"
STOPPED = "web4-52-9e01"
DECLINED = ("CardDeclined", "card declined")
BROKEN = ("ValueError", "ungültiger Betrag: 支払い")
SLOW = ("ReadTimeout", "bank.example did not answer")
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/payments.py", line 41, in charge
    raise CardDeclined("card declined")
payments.CardDeclined: card declined"""


class Shop:
    """The scene, and the names of what is in it.

    Attributes:
        names: What a word of a golden command line stands for, such as DEAD.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.names: dict[str, str] = {}
        self._workers: dict[tuple[str, str], Worker] = {}
        self._made = 1_000

    @contextmanager
    def at(self, before_ms: int) -> Iterator[SyncClient]:
        """Let it be so long before noon."""
        with standing(Moment(NOON_MS - before_ms, first=self._made)) as moment:
            for name in QUEUES:
                self.desk.queue(name).now_ms = moment.now_ms
            with SyncClient(self.desk.url, namespace=NAMESPACE) as client:
                yield client
            self._made = moment.made

    def claim(self, queue: str, worker: str, count: int = 1) -> list[ClaimedTask]:
        return self.worker(queue, worker).claim(count)

    def settle(self, queue: str, worker: str, *outcomes: Settled) -> None:
        by = self.worker(queue, worker)
        by.settle(*outcomes, is_last=len(by.holds) <= len(outcomes))

    def worker(self, queue: str, name: str) -> Worker:
        key = queue, name
        if key not in self._workers:
            self._workers[key] = self.desk.queue(queue).worker(f"{name}#1")
        return self._workers[key]


def outcome_of(
    task: ClaimedTask,
    kind: str,
    error: tuple[str, str],
    cause: str,
    *,
    run_ms: int,
    traceback: str = "",
) -> Settled:
    """Return a failed run with everything a real one says."""
    kind_of_error, message = error
    spoken: dict[str, Any] = {"e": kind_of_error, "m": message, "p": cause}
    if traceback:
        spoken["b"] = traceback
    spoken |= {"a": task.attempt, "k": task.token, "c": task.claimed_ms, "w": 500, "d": run_ms}
    line = json.dumps({"o": kind, **spoken}, separators=(",", ":")) + "\n"
    target = "d" if kind == "dead" else f"r{20 * MINUTE_MS}"
    failure = f"{cause}|{kind_of_error}: {message}"
    outcome = settled(task, target, kind, tries=f"{task.attempt}|0", failure=failure)
    return outcome._replace(line=line)


def seed_shop(url: str, client: redis.Redis) -> dict[str, str]:
    """Fill an empty server; returns what the words of a golden command line stand for."""
    client.flushall()
    with Desk(url, client) as desk:
        shop = Shop(desk)
        for name in QUEUES:
            desk.queue(name)
        _finish_some(shop)
        _fail_some(shop)
        _wait_for_nobody(shop)
        _collect(shop)
        _act_on_some(shop)
        _schedule(shop)
        _run_some(shop)
        _announce(shop)
        _fix_streams(client)
    return shop.names


def _order(number: int, **more: object) -> dict[str, object]:
    return {"order_id": number, "amount": "19.90", **more}


def _finish_some(shop: Shop) -> None:
    with shop.at(3 * HOUR_MS) as client:
        shop.names["DONE"] = client.enqueue(
            Task("order:payment", _order(1, card_token="tok_1"), queue="payment", priority=0)
        )
        client.enqueue(Task("order:payment", _order(2), queue="payment", priority=0))
        client.enqueue(Task("report:daily", {"day": "2027-01-14"}, queue="empty"))
    with shop.at(3 * HOUR_MS - 800):
        first, second = shop.claim("payment", PAYER, 2)
        (report,) = shop.claim("empty", PAYER)
    with shop.at(3 * HOUR_MS - 1_200):
        receipt = json.dumps({"receipt": "R-1", "password": "hidden"})
        done = [completed(first, result=receipt), completed(second, result='"R-2"')]
        shop.settle("payment", PAYER, *done)
        shop.settle("empty", PAYER, completed(report))
        client_id = shop.names["DONE"]
        assert shop.desk.queue("payment").places(client_id) == ["completed"]


def _fail_some(shop: Shop) -> None:
    with shop.at(2 * HOUR_MS) as client:
        ids = [
            client.enqueue(Task("order:payment", _order(n), queue="payment", max_retry=5))
            for n in range(3, 8)
        ]
        shop.names |= dict(zip(("DEAD", "DEAD2", "DEAD3", "RETRY", "RETRY2"), ids, strict=True))
    with shop.at(2 * HOUR_MS - 500):
        runs = shop.claim("payment", PAYER, 5)
    with shop.at(2 * HOUR_MS - 1_700):
        declined = [
            outcome_of(run, "dead", DECLINED, "4f2a9c01", run_ms=1_200, traceback=TRACEBACK)
            for run in runs[:2]
        ]
        broken = outcome_of(runs[2], "dead", BROKEN, "77e01b52", run_ms=1_200)
        shop.settle("payment", PAYER, *declined, broken)
    with shop.at(6 * MINUTE_MS):
        slow = [
            outcome_of(run, "retry", SLOW, "b01dface", run_ms=2 * HOUR_MS - 500 - 6 * MINUTE_MS)
            for run in runs[3:]
        ]
        shop.settle("payment", PAYER, *slow)


def _wait_for_nobody(shop: Shop) -> None:
    with shop.at(90 * MINUTE_MS) as client:
        ids = [
            client.enqueue(Task("report:daily", {"day": f"2027-01-{n}"}, queue="reports"))
            for n in (12, 13)
        ]
        shop.names["UNSERVED"] = ids[0]
        shop.names["UNROUTABLE"] = client.enqueue(
            Task("video:transcode", {"title": "Übersicht 動画"}, queue="video")
        )
    with shop.at(80 * MINUTE_MS):
        (odd,) = shop.claim("video", MAILER)
        shop.settle("video", MAILER, unknown_type(odd))


def _collect(shop: Shop) -> None:
    with shop.at(2 * MINUTE_MS) as client:
        rig = shop.desk.queue("notifications")
        rules = {"order:sms": GroupRule(10, 5 * MINUTE_MS, 10 * MINUTE_MS)}
        rig.executor.run(declare_groups(rig.space, "notifications", rules))
        limits = Limits(concurrency=5)
        rig.executor.run(declare_limits(rig.space, "notifications", limits, by="web2"))
        for number in (1, 2, 3):
            client.enqueue(
                Task("order:sms", {"order_id": number}, queue="notifications", group="digest")
            )
    with shop.at(2 * MINUTE_MS - 1) as client:
        shop.desk.admin.limit("notifications", by="ada@desk", rate="100/m")
        shop.names["SUSPECT"] = client.enqueue(
            Task("order:email", {"order_id": 9}, queue="notifications", unique_key="mail:9")
        )


def _act_on_some(shop: Shop) -> None:
    admin = shop.desk.admin
    with shop.at(45 * MINUTE_MS) as client:
        shop.names["CANCELLED"] = client.enqueue(Task("order:payment", _order(8), queue="payment"))
        shop.names["TRASHED"] = client.enqueue(Task("order:payment", _order(9), queue="payment"))
        dropped = [
            client.enqueue(Task("order:payment", _order(n), queue="payment")) for n in (10, 11)
        ]
    with shop.at(44 * MINUTE_MS):
        admin.move("cancel", [shop.names["CANCELLED"]], by="ada@desk", reason="customer called")
    with shop.at(43 * MINUTE_MS):
        report = admin.move("delete", [shop.names["TRASHED"]], by="ada@desk", reason="test order")
        shop.names["OP"] = report.operation
    with shop.at(42 * MINUTE_MS):
        order = BulkOrder("flush", "delete", parse_where(["pending:payment"]), "ada@desk", "")
        shop.names["FLUSH"] = admin.operations.carry_out(order, Conduct()).operation
    with shop.at(41 * MINUTE_MS):
        flush = admin.operations.find(shop.names["FLUSH"])
        admin.operations.undo(flush, by="bob@desk", reason="wrong queue")
    with shop.at(40 * MINUTE_MS):
        shop.names["CANCEL"] = admin.move("cancel", dropped, by="bob@desk").operation
        admin.pause("shipping", "ada@desk", "courier is on strike")


def _schedule(shop: Shop) -> None:
    admin = shop.desk.admin
    with shop.at(30 * MINUTE_MS):
        task: Task[object] = Task("report:daily", {"token": "t0ps3cret"}, queue="reports")
        nightly = Schedule.of("nightly", "30 2 * * *", task, timezone="Europe/Vienna")
        admin.add_schedule(nightly, "ada@desk")
        hourly: Task[object] = Task("order:timeout_check", queue="empty")
        admin.add_schedule(Schedule.of("hourly", "@hourly", hourly), "ada@desk")
    with shop.at(29 * MINUTE_MS):
        admin.pause_schedule("hourly", "ada@desk", "shop is closed")
    with shop.at(28 * MINUTE_MS):
        shop.names["FIRED"] = admin.run_schedule("nightly", "ada@desk")
    with shop.at(25 * MINUTE_MS):
        stop = threading.Event()
        stop.set()
        order = BulkOrder("cancel", "cancel", parse_where(["pending:reports"]), "ada@desk", "")
        stopped = admin.operations.carry_out(order, Conduct(stop=stop))
        shop.names["STOPPED"] = stopped.operation


def _run_some(shop: Shop) -> None:
    with shop.at(9 * MINUTE_MS) as client:
        shop.names["PENDING"] = client.enqueue(
            Task("order:payment", _order(20), queue="payment", priority=60, timeout="60s")
        )
        client.enqueue(Task("order:payment", _order(21), queue="payment", priority=60))
        shop.names["LATER"] = client.enqueue(
            Task(
                "order:timeout",
                _order(22),
                queue="payment",
                delay="24h",
                unique_key="timeout:22",
                extra={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-00"},
            )
        )
        shop.names["ACTIVE"] = client.enqueue(
            Task("order:payment", _order(23), queue="payment", priority=0)
        )
    with shop.at(40_000):
        (running,) = shop.claim("payment", PAYER)
        rig = shop.desk.queue("payment")
        row = f"40|{rig.now_ms + 30_000}|contacting bank"
        shop.desk.client.hset(rig.key("progress"), running.id, row)
    with shop.at(35_000) as client:
        ids = [
            client.enqueue(
                Task("order:shipping", _order(n), queue="shipping", depends_on=parent, priority=30)
            )
            for n, parent in ((23, shop.names["ACTIVE"]), (20, shop.names["PENDING"]))
        ]
        shop.names["WAITING"] = ids[0]
    with shop.at(20_000) as client:
        # Something is done in the present minute, so that there are rates and an ETA.
        for number in range(30, 42):
            client.enqueue(Task("order:payment", _order(number), queue="payment", priority=0))
        runs = shop.claim("payment", PAYER, 12)
        shop.settle("payment", PAYER, *(completed(run) for run in runs))


def _announce(shop: Shop) -> None:
    started_ms = NOON_MS - 26 * HOUR_MS
    running = ({"id": shop.names["ACTIVE"], "queue": "payment", "type": "order:payment"},)
    common = {"version": "0.1.0", "rss_bytes": 50_331_648, "loop_lag_ms": 2}
    rows = (
        worker_row(
            PAYER,
            host="web1",
            pid=4711,
            queues=("payment", "shipping", "empty"),
            types=("order:payment", "order:shipping", "order:timeout", "report:daily"),
            running=({**running[0], "running_ms": 40_000, "attempt": 1},),
            started_ms=started_ms,
            processed=1_204,
            failed=31,
            **common,
        ),
        worker_row(
            MAILER,
            host="web2",
            pid=988,
            state="paused",
            queues=("notifications", "video"),
            types=("order:sms", "order:email"),
            busy=0,
            started_ms=started_ms,
            processed=88,
            failed=0,
            **common,
        ),
        worker_row(LOST, host="web3", pid=17, queues=("payment",), started_ms=started_ms, **common),
        worker_row(STOPPED, host="web4", pid=52, state="stopped", queues=(), busy=0, **common),
    )
    for row, age_ms in zip(rows, (400, 900, 14 * MINUTE_MS, 2_000), strict=True):
        shop.desk.send(announce(Space(NAMESPACE, NOON_MS - age_ms), row))
    now = Space(NAMESPACE, NOON_MS)
    shop.desk.send(mark_lost(now, LOST))
    shop.desk.send(note_beside(now, LOST, "2 tasks recovered"))


def _fix_streams(client: redis.Redis) -> None:
    """Give what operators did and what happened its time: Redis had stamped it with its own."""
    streams = [
        queue_key(NAMESPACE, queue, name) for queue in QUEUES for name in ("audit", "events")
    ]
    streams.append(global_key(NAMESPACE, "journal"))
    entries = sorted(
        (tuple(map(int, stamp.split(b"-"))), key, fields)
        for key in streams
        for stamp, fields in client.xrange(key)
    )
    client.delete(*streams)
    first_ms = NOON_MS - len(entries) * MINUTE_MS
    for number, (_, key, fields) in enumerate(entries):
        client.xadd(key, fields, id=f"{first_ms + number * MINUTE_MS}-0")


class Copy:
    """All of a server's keys, to be put back as they were."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        pipe = client.pipeline(transaction=False)
        names = sorted(client.keys())
        for name in names:
            pipe.dump(name)
            pipe.pttl(name)
        replies = pipe.execute()
        self._rows = list(zip(names, replies[::2], replies[1::2], strict=True))

    def put_back(self) -> None:
        pipe = self._client.pipeline(transaction=False)
        pipe.flushall()
        for name, dumped, ttl_ms in self._rows:
            pipe.restore(name, max(ttl_ms, 0), dumped)
        pipe.execute()
