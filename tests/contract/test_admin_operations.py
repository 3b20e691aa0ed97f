"""Operations: each acts once on each task, can be gone on with, and trash can be taken back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rediq_core.admin import Conduct
from rediq_core.errors import OperationNotFound, RedisUnavailable, WrongState
from rediq_core.keys import global_key, queue_key
from rediq_core.model.operations import BulkOrder, OperationState
from rediq_core.model.state import TaskState
from rediq_core.model.views import MoveReport
from tests.support.desk import NAMESPACE, Desk, where
from tests.support.rig import died

BY = "ada@host"
# What an undo leaves behind on purpose: who did what, and when.
BOOKS = ("runs", "audit", "events", "requests", "wake")


def order_of(verb: str, selector: str, **options: object) -> BulkOrder:
    return BulkOrder(verb, verb, where(selector), BY, **options)  # type: ignore[arg-type]  # names are checked by the call


def carry_out(desk: Desk, order: BulkOrder, conduct: Conduct | None = None) -> MoveReport:
    return desk.admin.operations.carry_out(order, conduct)


def content(desk: Desk, queue: str) -> dict[bytes, object]:
    """Return all that a queue holds, without the books."""
    books = {queue_key(NAMESPACE, queue, name).encode() for name in BOOKS}
    prefix = queue_key(NAMESPACE, queue, "").encode()
    return {
        key: value
        for key, value in desk.everything().items()
        if key.startswith(prefix) and key not in books
    }


def mixed(desk: Desk) -> dict[str, list[str]]:
    """Fill a queue with tasks whose place, cause, tries and key an undo has to bring back."""
    return {
        "dead": desk.dead("mail", 3),
        "retry": desk.retry("mail", 2),
        "completed": desk.completed("mail", 2),
        "pending": desk.pending("mail", 4, priority=7),
        "keyed": [
            *desk.pending("mail", 1, unique_key="k1"),
            *desk.pending("mail", 1, unique_key="k2", unique_for="1h"),
        ],
    }


def test_undo_brings_back_ids_states_scores_keys_and_counters(desk: Desk) -> None:
    mixed(desk)
    before = content(desk, "mail")
    deleted = carry_out(desk, order_of("delete", "all:mail"))
    assert len(deleted.moved) == 13

    operation = desk.admin.operations.undoable(BY)
    report = desk.admin.operations.undo(operation, by=BY)

    assert set(report.moved) == set(deleted.moved)
    assert content(desk, "mail") == before


def test_undo_of_a_flush_of_ten_thousand_tasks_is_exact(desk: Desk) -> None:
    desk.pending("mail", 9_990, priority=3)
    desk.retry("other", 1)
    for number in range(10):
        desk.pending("mail", 1, unique_key=f"k{number}", unique_for="1h")
    before = content(desk, "mail")
    flushed = desk.admin.flush(where("mail"), by=BY)
    assert len(flushed.moved) == 10_000

    desk.admin.operations.undo(desk.admin.operations.undoable(BY), by=BY)

    assert content(desk, "mail") == before


def test_undo_takes_back_one_operation_and_no_other(desk: Desk) -> None:
    first, second = desk.dead("mail", 2)
    mine = desk.admin.move("delete", [first], by=BY)
    desk.admin.move("delete", [second], by="bob@host")

    desk.admin.operations.undo(desk.admin.operations.undoable(BY), by=BY)

    assert desk.admin.task(first).state is TaskState.DEAD
    assert desk.admin.task(second).state is TaskState.TRASH
    with pytest.raises(WrongState, match="cannot be undone"):
        desk.admin.operations.undoable(BY, mine.operation)
    with pytest.raises(OperationNotFound):
        desk.admin.operations.undoable(BY)


@pytest.mark.parametrize(("verb", "is_hard"), [("retry", False), ("delete", True)])
def test_what_did_not_go_to_trash_cannot_be_undone(desk: Desk, verb: str, is_hard: bool) -> None:
    desk.dead("mail", 1)
    report = carry_out(desk, order_of(verb, "dead:mail", is_hard=is_hard))

    with pytest.raises(WrongState, match="cannot be undone"):
        desk.admin.operations.undoable(BY, report.operation)


def test_a_record_says_what_was_asked_and_how_far_it_came(desk: Desk) -> None:
    desk.dead("mail", 3)
    report = carry_out(desk, order_of("retry", "dead:mail type:mail", reason="fixed"))

    operation = desk.admin.operations.find(report.operation)

    assert operation.order == order_of("retry", "dead:mail type:mail", reason="fixed")
    assert (operation.state, operation.total, operation.moved) == (OperationState.DONE, 3, 3)
    assert (operation.queues, operation.left) == (("mail",), 0)
    assert desk.admin.operations.find(report.operation[-8:]) == operation
    assert desk.admin.operations.latest() == [operation]


def test_nothing_to_do_leaves_no_record(desk: Desk) -> None:
    desk.pending("mail", 1)

    carry_out(desk, order_of("retry", "dead:mail"))
    desk.admin.move("retry", [], by=BY)

    assert desk.admin.operations.latest() == []


def stopped(desk: Desk, order: BulkOrder, after: int = 1) -> MoveReport:
    """Carry out an order that somebody stops after some batches."""
    batches: list[str] = []

    def stop(queue: str, ids: Sequence[str]) -> None:
        batches.extend(ids[:1])
        if len(batches) >= after:
            conduct.stop.set()

    conduct = Conduct(before_batch=stop)
    return carry_out(desk, order, conduct)


def test_a_stopped_operation_is_gone_on_with_and_touches_each_task_once(desk: Desk) -> None:
    ids = desk.dead("mail", 12)
    first = stopped(desk, order_of("retry", "dead:mail", rate="25/s"), after=1)
    assert (len(first.moved), first.left) == (5, 7)
    worker = desk.queue("mail").worker("again#1")
    again = [task for task in worker.claim(2) if task.id in first.moved]
    worker.settle(*[died(task) for task in again], is_last=True)

    second = desk.admin.operations.resume(first.operation)

    assert set(first.moved).isdisjoint(second.moved)
    assert set(first.moved) | set(second.moved) == set(ids)
    assert [desk.admin.task(task.id).state for task in again] == [TaskState.DEAD] * 2
    assert desk.admin.operations.find(first.operation).moved == 12
    with pytest.raises(WrongState, match="is done"):
        desk.admin.operations.resume(first.operation)


def test_what_came_after_an_operation_began_is_not_touched_when_it_goes_on(desk: Desk) -> None:
    *_, late = desk.dead("mail", 10)
    first = stopped(desk, order_of("retry", "dead:mail", rate="25/s"))
    desk.client.zadd(desk.queue("mail").key("dead"), {late: desk.server_ms() + 60_000})

    second = desk.admin.operations.resume(first.operation)

    assert (len(first.moved), len(second.moved)) == (5, 4)
    assert desk.admin.task(late).state is TaskState.DEAD


def test_an_operation_whose_connection_broke_says_stopped(desk: Desk) -> None:
    desk.dead("mail", 2)

    def fail(queue: str, ids: Sequence[str]) -> None:
        raise RedisUnavailable("gone")

    with pytest.raises(RedisUnavailable):
        carry_out(desk, order_of("retry", "dead:mail"), Conduct(before_batch=fail))

    (operation,) = desk.admin.operations.latest()
    assert (operation.state, operation.moved, operation.left) == (OperationState.STOPPED, 0, 2)
    assert len(desk.admin.operations.resume(operation.id).moved) == 2


def test_a_deletion_killed_before_it_wrote_its_record_can_be_undone(desk: Desk) -> None:
    desk.dead("mail", 10)
    before = content(desk, "mail")
    operation = carry_out(desk, order_of("delete", "dead:mail")).operation
    as_it_began = {"state": "running", "moved": 0, "total": 10}
    desk.client.hset(global_key(NAMESPACE, "op", operation), mapping=as_it_began)

    found = desk.admin.operations.undoable(BY)
    desk.admin.operations.undo(found, by=BY)

    assert found.id == operation
    assert content(desk, "mail") == before


def test_a_stopped_undo_is_gone_on_with(desk: Desk) -> None:
    desk.dead("mail", 10)
    before = content(desk, "mail")
    carry_out(desk, order_of("delete", "dead:mail"))
    conduct = Conduct()
    conduct.stop.set()
    first = desk.admin.operations.undo(desk.admin.operations.undoable(BY), by=BY, conduct=conduct)
    assert (first.moved, first.left) == ((), 10)

    desk.admin.operations.resume(first.operation)

    assert content(desk, "mail") == before
