"""The twelve incidents, one after another in one shop, and the one command that answers each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rediq_core import Task
from rediq_core.model.state import TaskState
from tests.runbook.world import World, kill_machine, world
from tests.support.waiting import wait_until
from tests.support.workers import Worker

PAYMENTS = 60
# At 50 a second: three minutes' work.
MESSAGES = 8_000
# A lease of 10 s runs out, a reaper looks once a second, and this machine may be busy.
RECOVERY_S = 60
BUSY_SCRIPT = "local from = os.clock(); repeat until os.clock() - from > 0.35"


@dataclass(frozen=True)
class Shown:
    """What one command showed.

    Attributes:
        name: The incident, as docs/runbook.md marks it.
        line: What was typed behind `rediq`.
        out: What the screen showed.
    """

    name: str
    line: str
    out: str


def play() -> Iterator[Shown]:
    """Let every incident happen and answer it; about half a minute."""
    with world() as shop, contextlib.ExitStack() as stack:
        _orders(shop)
        stack.enter_context(shop.worker("payment", "reports", "exports"))
        stack.enter_context(shop.worker("notifications"))
        victim = stack.enter_context(shop.worker("exports", concurrency=2))
        _nightly(shop)
        yield _grows(shop)
        yield from _fails(shop)
        yield from _flushed(shop)
        yield from _running(shop)
        yield _slow_redis(shop)
        yield _scheduled(shop)
        yield _lost(shop, victim)
        yield _backlog(shop)


def _show(shop: World, name: str, line: str) -> Shown:
    return Shown(name, line, shop.type(line))


def _orders(shop: World) -> None:
    shop.client.enqueue_many(
        [
            Task("order:payment", {"order_id": n, "cents": 1_990}, queue="payment")
            for n in range(1, PAYMENTS + 1)
        ]
    )
    shop.client.enqueue_many(
        [Task("order:sms", {"order_id": n}, queue="notifications") for n in range(MESSAGES)]
    )
    shop.client.enqueue_many(
        [Task("order:shipping", {"order_id": n}, queue="shipping") for n in range(240)]
    )


def _nightly(shop: World) -> None:
    at = datetime.fromtimestamp(shop.admin.access.now_ms() // 1_000 + 10, UTC)
    shop.type(f"schedule add nightly '{at:%S %M %H} * * *' report:daily --queue reports")


def _grows(shop: World) -> Shown:
    return _show(shop, "grows", "why shipping")


def _fails(shop: World) -> Iterator[Shown]:
    wait_until(lambda: not shop.admin.queue("payment").pending, "payments ran", 30)
    wait_until(lambda: not shop.admin.queue("payment").counts[TaskState.ACTIVE], "and ended")
    yield _show(shop, "fails", "failures payment")
    yield _show(shop, "order", "task list payload.order_id:7")
    shop.bring_back_the_bank()
    yield _show(shop, "slowly", "task retry dead:payment error:TimeoutError --rate 5/s --yes")


def _flushed(shop: World) -> Iterator[Shown]:
    shop.type("queue flush dead:payment")
    yield _show(shop, "undo", "undo")
    shop.type("queue flush dead:payment --reason 'stuck since Friday'", by="grace")
    since, until = (
        datetime.fromtimestamp(shop.admin.access.now_ms() / 1_000 + s).astimezone()
        for s in (-600, 600)
    )
    yield _show(shop, "colleague", f"audit --since {since:%H:%M} --until {until:%H:%M} --by grace")


def _running(shop: World) -> Iterator[Shown]:
    (export,) = _exports(shop, 1)
    waits = Task("order:mail", {"order_id": 7}, queue="notifications", depends_on=export)
    shop.client.enqueue(waits)
    yield _show(shop, "waits", f"why {waits.id}")
    yield _show(shop, "stop", f"task cancel {export} --wait")


def _exports(shop: World, count: int) -> list[str]:
    ids = [
        shop.client.enqueue(Task("order:export", {"month": n}, queue="exports"))
        for n in range(count)
    ]
    wait_until(
        lambda: all((shop.admin.task(id_).progress or 0) for id_ in ids), "the exports run", 30
    )
    return ids


def _slow_redis(shop: World) -> Shown:
    reader = shop.server.client(client_name="nightly-report.py")
    for _ in range(3):
        reader.eval(BUSY_SCRIPT, 0)
    reader.close()
    return _show(shop, "redis", "redis status")


def _scheduled(shop: World) -> Shown:
    def has_run() -> bool:
        return "completed" in shop.type("schedule history nightly")

    wait_until(has_run, "the nightly report has run", 30)
    return _show(shop, "nightly", "schedule history nightly")


def _backlog(shop: World) -> Shown:
    # Half a minute after the last burst of new tasks the rates are those of the work alone.
    wait_until(lambda: 0 < (shop.admin.queue("notifications").eta_s or 0) < 300, "a forecast", 180)
    return _show(shop, "backlog", "queue list")


def _lost(shop: World, victim: Worker) -> Shown:
    _exports(shop, 6)
    kill_machine(victim)

    def is_recovered() -> bool:
        return all(word in shop.type("worker list --json") for word in ('"lost"', "recovered"))

    wait_until(is_recovered, "the dead worker's tasks are back", RECOVERY_S)
    return _show(shop, "died", "worker list")
