"""Failures by cause, the audit, and the end of a queue."""

from __future__ import annotations

import json

import pytest

from rediq_core.admin import Conduct
from rediq_core.errors import QueueNotFound, Refused, WrongState
from rediq_core.keys import queue_key
from rediq_core.model.operations import BulkOrder
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.verbs.enqueue import EnqueueStatus
from tests.support.desk import NAMESPACE, Desk, where
from tests.support.rig import START_MS, Rig, failed, settled
from tests.support.seeding import seed

BY = "ada@host"


def seed_dead(desk: Desk, queue: str, count: int, causes: tuple[str, ...]) -> list[str]:
    at_ms = desk.server_ms() - 1_000
    return seed(desk.client, NAMESPACE, queue, "dead", count, at_ms=at_ms, causes=causes)


# Failures.


def test_failures_of_several_queues_are_one_row_a_cause(desk: Desk) -> None:
    mail = seed_dead(desk, "mail", 6, ("4f2a0000", "77777777"))
    seed_dead(desk, "sms", 5, ("4f2a0000",))

    first, second = desk.admin.failures()

    assert (first.fingerprint, first.tasks, first.queues) == ("4f2a0000", 8, ("mail", "sms"))
    assert (second.fingerprint, second.tasks, second.types) == ("77777777", 3, ("mail",))
    assert (second.summary, second.seen, second.sample) == ("ValueError: 77777777", 3, mail[5])
    assert second.last_ms - second.first_ms == 1
    assert [each.tasks for each in desk.admin.failures(["sms"])] == [5]
    with pytest.raises(QueueNotFound):
        desk.admin.failures(["smss"])


def test_failures_are_those_that_workers_noted_and_shrink_with_a_retry(desk: Desk) -> None:
    desk.dead("mail", 2)
    desk.retry("mail", 1)
    (before,) = desk.admin.failures()

    desk.admin.move("retry", where("dead:mail"), by=BY)

    (after,) = desk.admin.failures()
    assert (before.fingerprint, before.tasks, before.summary) == ("f1", 3, "ValueError: no")
    assert (after.tasks, after.seen) == (1, 3)
    desk.admin.move("run", where("retry:mail"), by=BY)
    assert desk.admin.failures() == []


def test_more_causes_than_one_call_reads_are_all_there(desk: Desk) -> None:
    causes = tuple(f"{number:08x}" for number in range(450))
    seed_dead(desk, "mail", 450, causes)

    assert {each.fingerprint for each in desk.admin.failures()} == set(causes)


# Acting on one cause.


@pytest.mark.parametrize("verb", ["retry", "delete"])
def test_a_verb_on_a_cause_touches_exactly_its_tasks(desk: Desk, verb: str) -> None:
    ids = seed_dead(desk, "mail", 9, ("4f2a0000", "4f2b0000", "77777777"))

    report = desk.admin.move(verb, where("dead cause:4f2a"), by=BY)

    assert report.moved == tuple(ids[::3])
    assert desk.admin.counts(where("dead:mail")) == {TaskState.DEAD: 6}


def test_a_cause_is_counted_listed_and_exported_alike(desk: Desk) -> None:
    ids = seed_dead(desk, "mail", 9, ("4f2a0000", "77777777", "88888888"))
    desk.retry("mail", 2)
    picked = where("all:mail cause:4f2a")

    lines = [json.loads(line)["id"] for line in desk.admin.transfers.export(picked)]

    assert desk.admin.counts(picked) == {TaskState.DEAD: 3}
    assert [task.id for task in desk.admin.select(picked).tasks] == ids[::3]
    assert lines == ids[::3]
    assert desk.admin.counts(where("all:mail cause:f1")) == {TaskState.RETRY: 2}
    assert desk.admin.counts(where("all:mail cause:zzz")) == {}


def test_a_cause_with_other_terms_takes_what_both_pick(desk: Desk) -> None:
    ids = seed_dead(desk, "mail", 9, ("4f2a0000", "77777777", "88888888"))
    picked = where("dead:mail cause:4f2a payload.n:3")

    assert desk.admin.counts(picked) == {TaskState.DEAD: 1}
    assert desk.admin.move("retry", picked, by=BY).moved == (ids[3],)


def test_a_cause_is_listed_piece_by_piece_in_both_directions(desk: Desk) -> None:
    ids = seed_dead(desk, "mail", 20, ("4f2a0000", "77777777"))[::2]
    picked = where("dead:mail cause:4f2a")

    for is_reversed in (False, True):
        found, cursor, is_complete = [], "", False
        while not is_complete:
            piece = desk.admin.select(picked, limit=3, cursor=cursor, is_reversed=is_reversed)
            found += [task.id for task in piece.tasks]
            assert piece.total == 10
            cursor, is_complete = piece.cursor, piece.is_complete
        assert found == (ids[::-1] if is_reversed else ids)


def test_a_cause_that_was_one_too_many_is_found_by_looking_at_all(desk: Desk) -> None:
    rig = desk.queue("mail")
    (task_id,) = desk.pending("mail", 1)
    desk.client.hset(rig.key("prints"), mapping={f"p{number}": "x" for number in range(4_000)})
    worker = rig.worker("w#1")
    worker.settle(*[failed(task) for task in worker.claim(1)], is_last=True)
    assert rig.ids("errors") == [f"other>{task_id}"]

    assert desk.admin.move("delete", where("retry:mail cause:f1"), by=BY).moved == (task_id,)
    assert [each.fingerprint for each in desk.admin.failures()] == []


def test_a_failure_in_a_state_without_causes_is_found_as_before(desk: Desk) -> None:
    rig = desk.queue("mail")
    (task_id,) = desk.pending("mail", 1)
    worker = rig.worker("w#1")
    worker.settle(*[failed(task, 0) for task in worker.claim(1)])
    worker.settle(*[settled(task, "c", "completed") for task in worker.claim(1)], is_last=True)

    found = desk.admin.select(where("completed:mail cause:f1"))

    assert [task.id for task in found.tasks] == [task_id]


# The audit.


def test_the_audit_has_every_write_latest_first(desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)
    desk.admin.pause("mail", BY, "bank is down")
    desk.admin.resume("mail", BY)
    desk.admin.limit("mail", by=BY, concurrency=3)
    desk.admin.edit(desk.admin.task(task_id), {}, by=BY, reason="typing error")
    desk.admin.move("retry", where("dead:mail"), by="bob@host", reason="fixed")
    desk.admin.move("cancel", [task_id], by=BY)
    desk.admin.flush(where("cancelled:mail"), by=BY)
    desk.admin.note("mail", "enqueue", by=BY, details={"count": 1, "first": task_id})

    audit = desk.admin.audit()

    verbs = [entry.verb for entry in reversed(audit.entries)]
    assert verbs == ["pause", "resume", "limit", "edit", "retry", "cancel", "flush", "enqueue"]
    assert audit.is_complete
    by_verb = {entry.verb: entry for entry in audit.entries}
    assert by_verb["pause"].reason == "bank is down"
    assert (by_verb["retry"].by, by_verb["retry"].reason) == ("bob@host", "fixed")
    assert (by_verb["retry"].where, by_verb["retry"].count) == ("dead:mail", 1)
    assert (by_verb["flush"].where, by_verb["flush"].queues) == ("cancelled:mail", ("mail",))
    assert [entry.verb for entry in desk.admin.audit(by="bob").entries] == ["retry"]


def test_the_batches_of_an_operation_are_one_entry(desk: Desk) -> None:
    seed_dead(desk, "mail", 1_200, ("4f2a0000",))
    seed_dead(desk, "sms", 300, ("4f2a0000",))
    order = BulkOrder("retry", "retry", where("dead"), BY)

    desk.admin.operations.carry_out(order, Conduct())

    (entry,) = desk.admin.audit().entries
    assert (entry.count, entry.queues, entry.where) == (1_500, ("mail", "sms"), "dead:*")
    rig = desk.queue("mail")
    ((_, event),) = desk.client.xrange(rig.key("events"))
    assert (desk.client.xlen(rig.key("audit")), event[b"count"]) == (1, b"1200")


def test_the_audit_of_a_time_has_what_was_done_in_it(desk: Desk) -> None:
    desk.pending("mail", 1)
    audit = queue_key(NAMESPACE, "mail", "audit")
    for minute in range(5):
        fields = {"verb": "pause", "by": BY, "why": f"minute {minute}"}
        desk.client.xadd(audit, fields, id=f"{START_MS - 10**9 + minute * 60_000}-0")

    found = desk.admin.audit(
        since_ms=START_MS - 10**9 + 60_000, until_ms=START_MS - 10**9 + 180_000
    )
    bounded = desk.admin.audit(limit=2)

    assert [entry.reason for entry in found.entries] == ["minute 3", "minute 2", "minute 1"]
    assert [entry.reason for entry in bounded.entries] == ["minute 4", "minute 3"]
    assert (found.is_complete, bounded.is_complete) == (True, False)


# The end of a queue.


def test_an_empty_queue_is_forgotten_with_all_its_keys(desk: Desk) -> None:
    desk.admin.move("delete", desk.pending("mail", 3), by=BY, hard=True)
    desk.admin.pause("mail", BY)

    desk.admin.delete_queue("mail", by=BY)

    prefix = queue_key(NAMESPACE, "mail", "").encode()
    left = [key for key in desk.client.scan_iter(prefix + b"*") if b"minute" not in key]
    assert (left, desk.admin.queue_names()) == ([], [])
    (entry,) = desk.admin.audit().entries
    assert (entry.verb, entry.by, entry.queues) == ("delete queue", BY, ("mail",))
    with pytest.raises(QueueNotFound):
        desk.admin.delete_queue("mail", by=BY)


@pytest.mark.parametrize(("verb", "said"), [("", "2 pending"), ("delete", "2 trash")])
def test_a_queue_with_tasks_stays(desk: Desk, verb: str, said: str) -> None:
    ids = desk.pending("mail", 2)
    if verb:
        desk.admin.move(verb, ids, by=BY)
    before = desk.everything()

    with pytest.raises(WrongState, match="is not empty") as error:
        desk.admin.delete_queue("mail", by=BY)

    assert error.value.cause == f"It has {said}."
    assert desk.everything() == before


def test_the_trash_can_be_emptied_for_good(desk: Desk) -> None:
    desk.admin.move("delete", desk.pending("mail", 2), by=BY)

    with pytest.raises(WrongState):
        desk.admin.move("delete", where("trash:mail"), by=BY)
    report = desk.admin.move("delete", where("trash:mail"), by=BY, hard=True)

    assert len(report.moved) == 2
    desk.admin.delete_queue("mail", by=BY)
    assert desk.admin.queue_names() == []


def test_a_task_enqueued_after_a_deletion_makes_the_queue_anew(desk: Desk) -> None:
    desk.admin.move("delete", desk.pending("mail", 1), by=BY, hard=True)
    desk.admin.delete_queue("mail", by=BY)
    rig = Rig(desk.url, desk.client, queue="mail", namespace=NAMESPACE)

    reply = rig.enqueue(Task("mail"))
    rig.close()

    assert reply.status is EnqueueStatus.DONE


def test_read_only_deletes_no_queue(desk: Desk, redis_url: str) -> None:
    desk.pending("mail", 1)
    with Desk(redis_url, desk.client, is_read_only=True) as reader, pytest.raises(Refused):
        reader.admin.delete_queue("mail", by=BY)
