"""moves.lua: each id is moved or left, alone, and what an operator did is written down."""

from __future__ import annotations

import json

import pytest

from rediq_core.model.state import LEGAL_MOVES, TaskState
from rediq_core.model.task import Task
from rediq_core.verbs.moves import TRASH_MS, MoveVerb
from tests.support.rig import (
    START_MS,
    Rig,
    completed,
    died,
    failed,
    ids_of,
    unknown_type,
)

STEP = 10**13
STATES = tuple(state.value for state in TaskState)
TAKES = {
    MoveVerb.RETRY: {"dead", "retry", "cancelled"},
    MoveVerb.RUN: {"delayed", "retry"},
    MoveVerb.CANCEL: {"pending", "delayed", "retry", "waiting"},
    MoveVerb.DELETE: {
        *("pending", "delayed", "retry", "waiting"),
        *("completed", "cancelled", "dead"),
    },
    MoveVerb.RESTORE: {"trash"},
    MoveVerb.RESCHEDULE: {"pending", "delayed", "retry"},
}
TARGETS = {
    MoveVerb.RETRY: "pending",
    MoveVerb.RUN: "pending",
    MoveVerb.CANCEL: "cancelled",
    MoveVerb.DELETE: "trash",
    MoveVerb.RESTORE: "pending",
    MoveVerb.RESCHEDULE: "delayed",
}


def seed(rig: Rig, place: str, task_id: str = "t1") -> None:
    """Bring a task into a zset."""
    delay = "1h" if place == "delayed" else None
    parents = ["p1"] if place == "waiting" else []
    task = Task("mail", id=task_id, priority=5, delay=delay, depends_on=parents)
    rig.enqueue(task, unmet=parents)
    worker = rig.worker(f"seed-{task_id}#1")
    settles = {"completed": completed, "retry": failed, "dead": died, "held": unknown_type}
    if place in settles:
        worker.settle(*[settles[place](task) for task in worker.claim(1)])
    elif place == "active":
        worker.claim(1)
    elif place == "cancelled":
        rig.move(MoveVerb.CANCEL, task_id)
    elif place == "trash":
        rig.move(MoveVerb.DELETE, task_id)
    elif place == "suspects":
        for name in ("s#1", "s#2"):
            rig.worker(name).claim(1)
            rig.reap(name)
    assert rig.places(task_id) == [place]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", list(MoveVerb))
def test_a_verb_moves_from_its_states_and_no_other(rig: Rig, verb: MoveVerb, state: str) -> None:
    seed(rig, state)
    rig.advance(10)
    before = rig.dump()

    (word,) = rig.move(verb, "t1", due_ms=START_MS + 60_000).words

    if state in TAKES[verb]:
        assert word == "moved"
        assert rig.places("t1") == [TARGETS[verb]]
        assert TaskState(TARGETS[verb]) in LEGAL_MOVES[TaskState(state)]
    elif verb is MoveVerb.CANCEL and state == "active":
        assert word == "intent"
        assert rig.places("t1") == ["active"]
    else:
        assert word == state
        assert rig.dump() == before


@pytest.mark.parametrize("place", ["suspects", "held"])
@pytest.mark.parametrize("verb", [MoveVerb.CANCEL, MoveVerb.DELETE, MoveVerb.RESCHEDULE])
def test_suspects_and_held_tasks_are_pending_to_a_verb(
    rig: Rig, verb: MoveVerb, place: str
) -> None:
    seed(rig, place)

    assert rig.move(verb, "t1", due_ms=START_MS + 60_000).words == ("moved",)
    assert rig.places("t1") == [TARGETS[verb]]


@pytest.mark.parametrize("place", [state for state in STATES if state not in ("active", "trash")])
def test_restore_puts_a_task_where_it_was(rig: Rig, place: str) -> None:
    restore_is_exact(rig, place)


@pytest.mark.parametrize("place", ["suspects", "held"])
def test_restore_puts_suspects_and_held_tasks_where_they_were(rig: Rig, place: str) -> None:
    restore_is_exact(rig, place)


def restore_is_exact(rig: Rig, place: str) -> None:
    seed(rig, place)
    keys = [
        rig.key(name).encode() for name in (place, "tasks", "tries", "causes", "errors", "needs")
    ]
    before = [rig.dump().get(key) for key in keys]
    rig.move(MoveVerb.DELETE, "t1")
    rig.advance(10)

    assert rig.move(MoveVerb.RESTORE, "t1").words == ("moved",)

    assert [rig.dump().get(key) for key in keys] == before
    assert rig.hash("trashed") == {}
    assert [entry.kind for entry in rig.task("t1").timeline][-2:] == ["delete", "restore"]


def test_retry_gives_fresh_attempts_at_the_end(rig: Rig) -> None:
    seed(rig, "dead")
    rig.advance(10)

    rig.move(MoveVerb.RETRY, "t1")

    assert rig.scores("pending") == {"t1": START_MS + 10 + 5 * STEP}
    assert (rig.hash("tries"), rig.hash("causes"), rig.ids("errors")) == ({}, {}, [])
    assert [task.attempt for task in rig.worker().claim(1)] == [1]


def test_run_keeps_attempts(rig: Rig) -> None:
    seed(rig, "retry")

    rig.move(MoveVerb.RUN, "t1")

    assert [task.attempt for task in rig.worker().claim(1)] == [2]


def test_deleted_tasks_lie_in_trash_until_their_time(rig: Rig) -> None:
    seed(rig, "dead")

    rig.move(MoveVerb.DELETE, "t1", operation="op1")

    assert rig.scores("trash") == {"t1": START_MS + TRASH_MS}
    assert rig.hash("trashed") == {"t1": f"dead|{START_MS}|op1|f1"}
    assert rig.hash("causes") == {}
    view = rig.task("t1")
    assert (view.state, view.former_state) == ("trash", "dead")


@pytest.mark.parametrize("place", ["pending", "delayed", "retry", "dead", "completed", "held"])
def test_deleted_for_good_leaves_no_trace_but_the_books(rig: Rig, place: str) -> None:
    seed(rig, place)

    assert rig.move(MoveVerb.DELETE, "t1", purge_ms=0).words == ("moved",)

    left = {key.decode().rsplit("}:")[1] for key in rig.dump()}
    books = {"policy", "requests", "audit", "events", "counters", "wake", "prints", "leases"}
    assert {name for name in left if not name.startswith("minute")} <= books
    assert rig.move(MoveVerb.RESTORE, "t1").words == ("unknown",)


def test_what_lay_in_trash_is_deleted_for_good_like_the_rest(rig: Rig) -> None:
    seed(rig, "trash")
    assert list(rig.hash("trashed")) == ["t1"]

    # Another operation deletes it than the one that put it there.
    assert rig.move(MoveVerb.DELETE, "t1", purge_ms=0, operation="op-2").words == ("moved",)

    assert (rig.places("t1"), rig.hash("trashed"), rig.hash("tasks")) == ([], {}, {})


def test_each_id_has_its_own_answer(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "pending", "t2")

    words = rig.move(MoveVerb.RETRY, "t1", "t2", "nope", "t1").words

    assert words == ("moved", "pending", "unknown", "pending")


def test_only_tasks_in_the_expected_state_are_moved(rig: Rig) -> None:
    seed(rig, "retry", "t1")
    seed(rig, "dead", "t2")

    words = rig.move(MoveVerb.DELETE, "t1", "t2", expect="dead").words

    assert words == ("retry", "moved")
    assert rig.places("t1") == ["retry"]


def test_reschedule_keeps_the_task_and_gives_it_a_new_time(rig: Rig) -> None:
    rig.enqueue(Task("mail", {"n": 1}, id="t1", delay="1h", expires_in="5s"))

    rig.move(MoveVerb.RESCHEDULE, "t1", due_ms=START_MS + 9_000)

    view = rig.task("t1")
    assert (view.state, view.due_ms, view.expires_ms) == (
        "delayed",
        START_MS + 9_000,
        START_MS + 14_000,
    )
    assert view.payload_json == b'{"n":1}'
    rig.advance(9_000)
    assert ids_of(rig.worker().claim(1)) == ["t1"]


def test_a_task_an_operator_runs_does_not_expire(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", delay="1h", expires_in="5s"))
    rig.move(MoveVerb.RUN, "t1")
    rig.advance(24 * 3_600_000)

    assert ids_of(rig.worker().claim(1)) == ["t1"]


def test_the_audit_says_who_did_what_to_how_many(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "dead", "t2")

    rig.move(MoveVerb.RETRY, "t1", "t2", "nope", by="ada@host", reason="fixed", operation="op1")

    ((_, row),) = rig.client.xrange(rig.key("audit"))
    assert json.loads(row.pop(b"by")) == {"by": "ada@host", "why": "fixed"}
    assert row == {b"verb": b"retry", b"operation": b"op1", b"count": b"2", b"first": b"t1"}
    assert rig.task("t1").timeline[-1].note == "by=ada@host why=fixed"


def test_an_intent_to_cancel_is_in_the_audit(rig: Rig) -> None:
    seed(rig, "active")

    rig.move(MoveVerb.CANCEL, "t1", is_forced=True)

    ((_, row),) = rig.client.xrange(rig.key("audit"))
    assert (row[b"verb"], row[b"count"]) == (b"cancel", b"1")
    assert json.loads(rig.hash("cancels")["t1"]) == {"by": "ada@host", "force": True}
    assert "cancelled" not in rig.hash("counters")


def test_what_changed_nothing_is_not_in_the_audit(rig: Rig) -> None:
    seed(rig, "pending")

    rig.move(MoveVerb.RETRY, "t1", "nope")

    assert rig.client.xlen(rig.key("audit")) == 0


def test_cancelled_tasks_are_counted(rig: Rig) -> None:
    seed(rig, "pending", "t1")
    seed(rig, "delayed", "t2")

    rig.move(MoveVerb.CANCEL, "t1", "t2")

    assert rig.hash("counters") == {"enqueued": "2", "cancelled": "2"}


@pytest.mark.parametrize("verb", [MoveVerb.CANCEL, MoveVerb.DELETE])
def test_parents_are_named_for_delivery(rig: Rig, verb: MoveVerb) -> None:
    seed(rig, "pending")
    rig.client.zadd(rig.key("dependents"), {"t1>other/c1": 0})

    assert rig.move(verb, "t1").deliver == ("t1",)


def test_a_repeat_of_an_operation_answers_the_same_and_does_nothing(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "pending", "t2")
    first = rig.move(MoveVerb.RETRY, "t1", "t2", operation="op1")
    before = rig.dump()

    again = rig.move(MoveVerb.RETRY, "t1", "t2", operation="op1")

    assert (again.words, again.deliver) == (first.words, first.deliver)
    assert rig.dump() == before


def test_another_batch_of_an_operation_is_no_repeat(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "dead", "t2")

    assert rig.move(MoveVerb.RETRY, "t1", operation="op1").words == ("moved",)
    assert rig.move(MoveVerb.RETRY, "t2", operation="op1").words == ("moved",)


def test_a_damaged_task_can_be_moved(rig: Rig) -> None:
    seed(rig, "dead")
    rig.client.hset(rig.key("tasks"), "t1", b"\xff nothing that is a header")

    assert rig.move(MoveVerb.RETRY, "t1").words == ("moved",)
    assert rig.places("t1") == ["pending"]
    assert rig.move(MoveVerb.DELETE, "t1", purge_ms=0).words == ("moved",)


def test_five_hundred_ids_fit_one_call(rig: Rig) -> None:
    tasks = [Task("mail") for _ in range(500)]
    rig.enqueue(*tasks)

    assert rig.move(MoveVerb.DELETE, *[task.id for task in tasks]).words == ("moved",) * 500
    assert len(rig.ids("trash")) == 500


def test_an_operation_acts_on_each_task_once(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "dead", "t2")
    rig.move(MoveVerb.RETRY, "t1", operation="op1")
    worker = rig.worker()
    worker.settle(*[died(task)._replace(line='{"o":"dead","a":1}\n') for task in worker.claim(1)])
    assert rig.places("t1") == ["dead"]

    words = rig.move(MoveVerb.RETRY, "t1", "t2", operation="op1").words

    assert words == ("already", "moved")
    assert rig.move(MoveVerb.RETRY, "t1", operation="op2").words == ("moved",)


def test_a_batch_that_begins_alike_is_no_repeat(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "dead", "t2")
    rig.move(MoveVerb.RETRY, "t1", operation="op1")

    assert rig.move(MoveVerb.RETRY, "t1", "t2", operation="op1").words == ("already", "moved")


def test_a_restored_task_has_its_key_for_as_long_as_before(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", unique_key="k", unique_for="1h"))
    before = rig.hash("unique")
    rig.move(MoveVerb.DELETE, "t1")
    assert rig.hash("unique") == {}
    rig.advance(60_000)

    rig.move(MoveVerb.RESTORE, "t1")

    assert rig.hash("unique") == before == {"k": f"t1|{START_MS + 3_600_000}"}


def test_only_what_an_operation_deleted_is_restored_of_it(rig: Rig) -> None:
    seed(rig, "dead", "t1")
    seed(rig, "dead", "t2")
    rig.move(MoveVerb.DELETE, "t1", operation="op1")
    rig.move(MoveVerb.DELETE, "t2", operation="op2")

    assert rig.move(MoveVerb.RESTORE, "t1", "t2", of="op1").words == ("moved", "trash")
    assert (rig.places("t1"), rig.places("t2")) == (["dead"], ["trash"])


@pytest.mark.parametrize("verb", [MoveVerb.RETRY, MoveVerb.DELETE])
def test_a_task_in_two_places_is_in_one_after_a_verb(rig: Rig, verb: MoveVerb) -> None:
    seed(rig, "dead")
    rig.client.zadd(rig.key("pending"), {"t1": 1})

    assert rig.move(verb, "t1").words == ("moved",)

    assert rig.places("t1") == [TARGETS[verb]]
