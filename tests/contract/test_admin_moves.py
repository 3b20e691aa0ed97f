"""What operators do to tasks: exactly those that were meant, each once, and each accounted for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rediq_core.admin import TAKES, MoveVerb
from rediq_core.errors import InvalidOption, QueueNotFound, WrongState
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.where import Where
from tests.support.desk import Desk, where
from tests.support.rig import PLACES

BY = "ada@host"


def traces(desk: Desk, queue: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Return for each key of a queue that tells of tasks which of these ids are in it."""
    rig, wanted = desk.queue(queue), set(ids)
    found: dict[str, list[str]] = {}
    for name in (*PLACES, "kept", "errors", "dependents", "needs", "outbox"):
        found[name] = [m for m in rig.ids(name) if m.rpartition(">")[2] in wanted]
    for name in ("tasks", "runs", "tries", "causes", "claims", "progress", "cancels", "trashed"):
        found[name] = [id_ for id_ in rig.hash(name) if id_ in wanted]
    found["unique"] = [v for v in rig.hash("unique").values() if v.partition("|")[0] in wanted]
    return {name: members for name, members in found.items() if members}


# Flush.


def test_flushing_5000_dead_tasks_takes_exactly_those_and_their_keys(desk: Desk) -> None:
    dead = desk.dead("payment", 5_000, type="pay")
    desk.pending("payment", 3)
    desk.retry("payment", 2)
    others = desk.dead("mail", 4)
    steps: list[tuple[int, int]] = []

    report = desk.admin.flush(
        where("dead:payment"),
        by=BY,
        hard=True,
        on_progress=lambda done, total: steps.append((done, total)),
    )

    assert sorted(report.moved) == sorted(dead)
    assert (report.skipped, report.intents) == ({}, ())
    assert steps == [(done, 5_000) for done in range(500, 5_001, 500)]
    assert desk.admin.counts(where("all:payment")) == {TaskState.PENDING: 3, TaskState.RETRY: 2}
    assert desk.queue("mail").ids("dead") == others
    assert traces(desk, "payment", dead) == {}


def test_a_soft_flush_goes_to_trash_and_comes_back(desk: Desk) -> None:
    dead = desk.dead("payment", 1_100)
    rig = desk.queue("payment")
    before = rig.scores("dead"), rig.hash("causes")

    flushed = desk.admin.flush(where("dead:payment"), by=BY, reason="storm")
    in_trash = desk.admin.counts(where("trash:payment"))
    restored = desk.admin.move("restore", where("trash:payment"), by=BY)

    assert sorted(flushed.moved) == sorted(restored.moved) == sorted(dead)
    assert in_trash == {TaskState.TRASH: 1_100}
    assert (rig.scores("dead"), rig.hash("causes")) == before


def test_flushing_a_queue_alone_takes_its_pending_tasks_of_all_parts(desk: Desk) -> None:
    held, suspects = desk.held("mail", 2), desk.suspects("mail", 2)
    pending = desk.pending("mail", 3)
    dead, delayed = desk.dead("mail", 1), desk.pending("mail", 1, delay="1h")

    report = desk.admin.flush(where("mail"), by=BY, hard=True)

    assert report.moved == (*pending, *suspects, *sorted(held))
    assert desk.admin.counts(where("mail")) == {TaskState.DEAD: 1, TaskState.DELAYED: 1}
    assert desk.queue("mail").places(dead[0]) == ["dead"]
    assert desk.queue("mail").places(delayed[0]) == ["delayed"]


def test_flushing_all_states_leaves_active_tasks_and_trash(desk: Desk) -> None:
    active = desk.active("mail", 1)[0].id
    (thrown,) = desk.pending("mail", 1)
    desk.admin.move("delete", [thrown], by=BY)
    gone = [*desk.dead("mail", 1), *desk.completed("mail", 1), *desk.pending("mail", 1)]

    report = desk.admin.flush(where("all:mail"), by=BY, hard=True)

    assert sorted(report.moved) == sorted(gone)
    assert desk.queue("mail").places(active) == ["active"]
    assert desk.queue("mail").places(thrown) == ["trash"]


def test_a_flush_with_terms_takes_only_what_they_pick(desk: Desk) -> None:
    ids = desk.dead("mail", 1_200)

    report = desk.admin.flush(where("dead:mail payload.n:*00"), by=BY)

    assert report.moved == tuple(ids[100::100])
    assert desk.admin.counts(where("dead:mail")) == {TaskState.DEAD: 1_189}


def test_a_flush_of_a_state_in_all_queues_takes_it_in_each(desk: Desk) -> None:
    ids = [*desk.dead("a", 2), *desk.dead("b", 3)]

    assert desk.admin.flush(where("dead"), by=BY).moved == tuple(ids)


def test_what_arrives_while_a_flush_works_stays(desk: Desk) -> None:
    old = desk.pending("mail", 1_500)
    late: list[str] = []

    def enqueue_more(done: int, total: int) -> None:
        late.extend(desk.pending("mail", 2, priority=0))

    report = desk.admin.flush(where("mail"), by=BY, on_progress=enqueue_more)

    assert report.moved == tuple(old)
    assert desk.queue("mail").ids("pending") == late


def test_what_is_claimed_while_a_flush_works_is_left_and_said(desk: Desk) -> None:
    old = desk.pending("mail", 700)

    def claim(done: int, total: int) -> None:
        if done == 500:
            desk.queue("mail").worker("fast#1").claim(3)

    report = desk.admin.flush(where("mail"), by=BY, on_progress=claim)

    assert report.skipped == dict.fromkeys(old[500:503], "active")
    assert report.moved == (*old[:500], *old[503:])


@pytest.mark.parametrize("state", ["active", "trash"])
def test_states_that_cannot_be_flushed_are_refused(desk: Desk, state: str) -> None:
    desk.pending("mail", 1)

    with pytest.raises(WrongState) as caught:
        desk.admin.flush(where(f"{state}:mail"), by=BY)

    assert caught.value.state == state
    assert caught.value.cause == (
        "delete takes pending, delayed, retry, waiting, completed, dead, cancelled."
    )


def test_an_unknown_queue_is_not_flushed(desk: Desk) -> None:
    with pytest.raises(QueueNotFound):
        desk.admin.flush(where("dead:mail"), by=BY)


def test_a_flush_of_nothing_moves_nothing_and_is_not_audited(desk: Desk) -> None:
    desk.pending("mail", 1)

    report = desk.admin.flush(where("dead:mail"), by=BY)

    assert (report.moved, report.skipped) == ((), {})
    assert desk.client.xlen(desk.queue("mail").key("audit")) == 0


# Verbs on selections.


def test_retry_brings_dead_tasks_back_in_their_order_with_fresh_attempts(desk: Desk) -> None:
    dead = desk.dead("mail", 1_200)
    assert desk.admin.task(dead[0]).attempts == 1

    report = desk.admin.move("retry", where("dead:mail"), by=BY)

    assert report.moved == tuple(dead)
    assert desk.queue("mail").ids("pending") == dead
    assert desk.queue("mail").hash("tries") == {}


def test_retry_of_all_takes_dead_retry_and_cancelled(desk: Desk) -> None:
    cancelled, pending = desk.pending("mail", 2)
    desk.admin.move("cancel", [cancelled], by=BY)
    dead, retry = desk.dead("mail", 1), desk.retry("mail", 1)

    report = desk.admin.move("retry", where("all:mail"), by=BY)

    assert sorted(report.moved) == sorted([*dead, *retry, cancelled])
    assert desk.admin.counts(where("mail")) == {TaskState.PENDING: 4}
    assert desk.queue("mail").places(pending) == ["pending"]


def test_run_brings_delayed_and_retry_tasks_forward(desk: Desk) -> None:
    delayed, retry = desk.pending("mail", 1, delay="1h"), desk.retry("mail", 1)

    report = desk.admin.move("run", where("all:mail"), by=BY)

    assert sorted(report.moved) == sorted([*delayed, *retry])
    assert desk.admin.counts(where("mail")) == {TaskState.PENDING: 2}


def test_reschedule_gives_each_task_one_new_time_once(desk: Desk) -> None:
    ids = [*desk.pending("mail", 3), *desk.pending("mail", 600, delay="1h"), *desk.retry("mail", 2)]
    due_ms = desk.server_ms() + 7_200_000

    report = desk.admin.move("reschedule", where("all:mail"), by=BY, due_ms=due_ms)

    assert sorted(report.moved) == sorted(ids)
    assert desk.queue("mail").scores("delayed") == dict.fromkeys(ids, float(due_ms))


def test_reschedule_without_a_time_is_refused(desk: Desk) -> None:
    ids = desk.pending("mail", 1)

    with pytest.raises(InvalidOption, match="reschedule needs a time"):
        desk.admin.move("reschedule", ids, by=BY)


def test_a_bulk_write_on_a_queue_alone_is_refused_with_its_counts(desk: Desk) -> None:
    desk.dead("mail", 2)
    desk.pending("mail", 1)

    with pytest.raises(InvalidOption) as caught:
        desk.admin.move("retry", where("mail type:x"), by=BY)

    assert str(caught.value) == (
        "E005 retry needs a state, and mail is a whole queue.\n"
        "     It has 1 pending, 2 dead.\n"
        "     Name one, such as dead:mail"
    )


def test_a_state_that_the_verb_does_not_take_is_refused(desk: Desk) -> None:
    desk.pending("mail", 1)

    with pytest.raises(WrongState) as caught:
        desk.admin.move("retry", where("pending:mail"), by=BY)

    assert caught.value.cause == "retry takes retry, dead, cancelled."


@pytest.mark.parametrize("verb", list(MoveVerb))
@pytest.mark.parametrize("state", list(TaskState))
def test_the_table_of_states_says_what_the_script_does(
    desk: Desk, verb: MoveVerb, state: TaskState
) -> None:
    task_id = seed(desk, state)

    report = desk.admin.move(verb, [task_id], by=BY, due_ms=desk.server_ms() + 1_000)

    is_taken = state in TAKES[verb]
    assert (report.moved + report.intents == (task_id,)) == is_taken
    assert report.skipped == ({} if is_taken else {task_id: state.value})


def seed(desk: Desk, state: TaskState) -> str:
    """Return the id of a task in this state."""
    if state is TaskState.ACTIVE:
        return desk.active("mail", 1)[0].id
    if state is TaskState.WAITING:
        child: Task[object] = Task("mail", id="child", queue="mail", depends_on="parent")
        desk.queue("mail").enqueue(child, unmet=["parent"])
        return "child"
    if state in (TaskState.CANCELLED, TaskState.TRASH):
        (task_id,) = desk.pending("mail", 1)
        verb = "cancel" if state is TaskState.CANCELLED else "delete"
        desk.admin.move(verb, [task_id], by=BY)
        return task_id
    delay = {"delay": "1h"} if state is TaskState.DELAYED else {}
    kind = "pending" if state is TaskState.DELAYED else state.value
    (task_id,) = getattr(desk, kind)("mail", 1, **delay)
    return str(task_id)


# Ids.


def test_ids_are_moved_where_they_lie_and_unknown_ones_said(desk: Desk) -> None:
    (mail,), (sms,) = desk.dead("mail", 1), desk.dead("sms", 1)
    (pending,) = desk.pending("sms", 1)

    report = desk.admin.move("retry", [mail, "NOSUCHTASK", sms[-8:], pending], by=BY)

    assert sorted(report.moved) == sorted([mail, sms])
    assert report.skipped == {"NOSUCHTASK": "unknown", pending: "pending"}


def test_an_id_that_is_named_twice_is_moved_once(desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)

    report = desk.admin.move("retry", [task_id, task_id[-9:], task_id], by=BY)

    assert (report.moved, report.skipped) == ((task_id,), {})


def test_an_end_of_an_id_that_is_not_unique_moves_nothing(desk: Desk) -> None:
    desk.queue("mail").put(
        Task("mail", id="aSAMEEND", queue="mail"), Task("mail", id="bSAMEEND", queue="mail")
    )
    (task_id,) = desk.pending("mail", 1)
    before = desk.everything()

    with pytest.raises(InvalidOption):
        desk.admin.move("delete", [task_id, "SAMEEND"], by=BY)

    assert desk.everything() == before


def test_no_ids_at_all_move_nothing(desk: Desk) -> None:
    desk.dead("mail", 1)
    before = desk.everything()

    report = desk.admin.move("delete", [], by=BY)

    assert (report.moved, report.skipped) == ((), {})
    assert desk.everything() == before


def test_terms_narrow_ids(desk: Desk) -> None:
    ids = desk.dead("mail", 3)
    chosen = where("dead:mail payload.n:1")

    report = desk.admin.move("retry", Where(ids=tuple(ids), terms=chosen.terms), by=BY)

    assert report.moved == (ids[1],)


def test_an_expected_state_protects_a_task_that_has_moved_on(desk: Desk) -> None:
    dead, retry = desk.dead("mail", 1), desk.retry("mail", 1)

    report = desk.admin.move("retry", [*dead, *retry], by=BY, expect="dead")

    assert report.moved == tuple(dead)
    assert report.skipped == {retry[0]: "retry"}


def test_deleting_an_active_task_leaves_it_and_says_so(desk: Desk) -> None:
    task_id = desk.active("mail", 1)[0].id

    report = desk.admin.move("delete", [task_id], by=BY)

    assert (report.moved, report.skipped) == ((), {task_id: "active"})


def test_counting_for_a_verb_counts_what_it_would_act_on(desk: Desk) -> None:
    dead, retry = desk.dead("mail", 2), desk.retry("mail", 3)
    pending = desk.pending("mail", 4)
    ids = Where(ids=(*dead, *pending))

    assert desk.admin.counts(where("all:mail"), verb="retry") == {
        TaskState.RETRY: len(retry),
        TaskState.DEAD: len(dead),
    }
    assert desk.admin.counts(where("all:mail payload.n:1"), verb="retry") == {
        TaskState.RETRY: 1,
        TaskState.DEAD: 1,
    }
    assert desk.admin.counts(ids, verb="retry") == {TaskState.DEAD: 2}


def test_counting_for_a_verb_refuses_what_the_verb_refuses(desk: Desk) -> None:
    desk.pending("mail", 4)

    with pytest.raises(InvalidOption):
        desk.admin.counts(where("mail"), verb="retry")
    with pytest.raises(WrongState):
        desk.admin.counts(where("pending:mail"), verb="retry")
