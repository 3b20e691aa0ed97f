"""What acts on tasks owes to others: unique keys, running handlers, children, and the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rediq_core.admin import connect
from rediq_core.admin.access import leave_to_sweep
from rediq_core.errors import Refused
from rediq_core.model.task import Task
from rediq_core.verbs.presence import Do, Order, orders_key, parse_order
from tests.support.desk import NAMESPACE, Desk, where, worker_row
from tests.support.rig import died

BY = "ada@host"


# Unique keys.


def test_retry_takes_the_unique_key_again_or_is_refused(desk: Desk) -> None:
    rig = desk.queue("mail")
    for name in ("first", "second"):
        rig.put(Task("mail", id=name, queue="mail", unique_key="k"))
        worker = rig.worker(f"{name}#1")
        worker.settle(*map(died, worker.claim(1)))

    report = desk.admin.move("retry", where("dead:mail"), by=BY)

    assert (report.moved, report.skipped) == (("first",), {"second": "unique"})
    assert rig.hash("unique") == {"k": "first|0"}
    assert rig.places("second") == ["dead"]


def test_restore_takes_the_unique_key_again_or_is_refused(desk: Desk) -> None:
    rig = desk.queue("mail")
    rig.put(Task("mail", id="first", queue="mail", unique_key="k"))
    desk.admin.flush(where("mail"), by=BY)
    rig.put(Task("mail", id="second", queue="mail", unique_key="k"))

    refused = desk.admin.move("restore", ["first"], by=BY)
    desk.admin.move("cancel", ["second"], by=BY)
    restored = desk.admin.move("restore", ["first"], by=BY)

    assert refused.skipped == {"first": "unique"}
    assert restored.moved == ("first",)
    assert rig.hash("unique") == {"k": "first|0"}


# Cancelling what runs.


def orders_of(desk: Desk, supervisor: str) -> list[Order]:
    lines = desk.client.lrange(orders_key(NAMESPACE, supervisor), 0, -1)
    orders = [parse_order(line) for line in lines]
    return [replace(order, at_ms=0) for order in orders if order is not None]


def test_cancelling_running_tasks_leaves_intents_and_tells_their_supervisors(desk: Desk) -> None:
    first = desk.active("mail", 2, by="w-1-a#1")
    second = desk.active("mail", 1, by="w-2-b#7")
    desk.announce(worker_row("w-1-a", supervisor="boss-1"))
    desk.announce(worker_row("w-2-b", supervisor="boss-2"))
    (pending,) = desk.pending("mail", 1)

    report = desk.admin.move("cancel", where("all:mail"), by=BY, reason="storm", force=True)

    ids = [task.id for task in (*first, *second)]
    assert report.moved == (pending,)
    assert sorted(report.intents) == sorted(ids)
    assert sorted(desk.queue("mail").hash("cancels")) == sorted(ids)
    assert sorted(orders_of(desk, "boss-1"), key=lambda order: order.task) == [
        Order(Do.CANCEL, "w-1-a", 0, "mail", task.id, is_forced=True, by=BY) for task in first
    ]
    assert orders_of(desk, "boss-2") == [
        Order(Do.CANCEL, "w-2-b", 0, "mail", second[0].id, is_forced=True, by=BY)
    ]


def test_cancelling_a_task_of_a_worker_nobody_knows_still_leaves_its_intent(desk: Desk) -> None:
    (task,) = desk.active("mail", 1, by="ghost#1")

    report = desk.admin.move("cancel", [task.id], by=BY)

    assert report.intents == (task.id,)
    assert "ada@host" in desk.admin.task(task.id).cancel_note


def test_a_broken_command_list_does_not_undo_a_cancel(desk: Desk) -> None:
    (task,) = desk.active("mail", 1, by="w-1-a#1")
    desk.announce(worker_row("w-1-a", supervisor="boss"))
    desk.client.set(orders_key(NAMESPACE, "boss"), "no list")

    report = desk.admin.move("cancel", [task.id], by=BY)

    assert report.intents == (task.id,)
    assert list(desk.queue("mail").hash("cancels")) == [task.id]


# What is left behind for others.


def test_every_act_is_in_the_audit_under_its_operation(desk: Desk) -> None:
    desk.dead("mail", 600)

    report = desk.admin.move("retry", where("dead:mail"), by=BY, reason="fixed")

    entries = [fields for _, fields in desk.client.xrange(desk.queue("mail").key("audit"))]
    # Two batches of one operation are one entry.
    assert [(entry[b"verb"], entry[b"count"]) for entry in entries] == [(b"retry", b"600")]
    assert {entry[b"operation"].decode() for entry in entries} == {report.operation}
    assert {entry[b"by"] for entry in entries} == {b'{"by":"ada@host","why":"fixed"}'}


def test_operations_sort_by_time_and_are_never_the_same(desk: Desk) -> None:
    desk.pending("mail", 1)

    operations = [desk.admin.flush(where("dead:mail"), by=BY).operation for _ in range(5)]

    assert operations == sorted(set(operations))
    assert all(operation.startswith("op-") for operation in operations)


def test_parents_whose_children_wait_are_handed_on(desk: Desk) -> None:
    told: list[tuple[str, tuple[str, ...]]] = []
    parent, other = desk.pending("mail", 2)
    desk.client.zadd(desk.queue("mail").key("dependents"), {f"{parent}>sms/child": 0})

    def deliver(queue: str, parents: Sequence[str]) -> None:
        told.append((queue, tuple(parents)))

    with connect(desk.url, namespace=NAMESPACE) as opened:
        admin = type(opened)(opened.access.executor, NAMESPACE, deliver=deliver)
        report = admin.move("cancel", [parent, other], by=BY)

    assert sorted(report.moved) == sorted([parent, other])
    assert told == [("mail", (parent,))]


def test_parents_that_nobody_delivers_stay_in_the_outbox(desk: Desk) -> None:
    (parent,) = desk.pending("mail", 1)
    desk.client.zadd(desk.queue("mail").key("dependents"), {f"{parent}>sms/child": 0})

    with connect(desk.url, namespace=NAMESPACE) as opened:
        admin = type(opened)(opened.access.executor, NAMESPACE, deliver=leave_to_sweep)
        admin.flush(where("mail"), by=BY)

    assert desk.queue("mail").ids("outbox") == [parent]


def test_parents_are_told_at_once_unless_somebody_else_does_it(desk: Desk) -> None:
    (parent,) = desk.pending("mail", 1)
    desk.client.zadd(desk.queue("mail").key("dependents"), {f"{parent}>sms/child": 0})

    desk.admin.flush(where("mail"), by=BY)

    assert desk.queue("mail").ids("outbox") == []


@pytest.mark.parametrize(
    "act",
    [
        lambda admin: admin.move("retry", where("dead:mail"), by=BY),
        lambda admin: admin.flush(where("dead:mail"), by=BY),
    ],
    ids=["move", "flush"],
)
def test_a_read_only_admin_moves_nothing(desk: Desk, act: Any) -> None:
    desk.dead("mail", 1)
    before = desk.everything()

    with (
        connect(desk.url, namespace=NAMESPACE, is_read_only=True) as admin,
        pytest.raises(Refused),
    ):
        act(admin)

    assert desk.everything() == before
