"""exchange.lua, settling: a token is good once, and what a run became is applied whole."""

from __future__ import annotations

import pytest

from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.task import Task
from rediq_core.verbs.exchange import ExchangeStatus, Settled
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.progress import ProgressReport, report_progress
from tests.support.rig import (
    START_MS,
    Rig,
    Worker,
    completed,
    died,
    failed,
    released,
    settled,
    snoozed,
    unknown_type,
)

STEP = 10**13


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker()


def claim_one(rig: Rig, worker: Worker, task_id: str = "t1", **options: object) -> ClaimedTask:
    rig.enqueue(Task("mail", id=task_id, **options))  # type: ignore[arg-type]  # a test's options
    (task,) = worker.claim(1)
    return task


def test_completed_ends_where_finished_tasks_are(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    rig.advance(40)

    reply = worker.settle(completed(task, result='{"ok":1}'))

    assert (reply.status, reply.codes) == (ExchangeStatus.DONE, b"1")
    assert rig.places("t1") == ["completed"]
    assert rig.scores("completed") == {"t1": START_MS + 40}
    assert rig.task("t1").result_json == b'{"ok":1}'
    assert rig.hash("claims") == {}


def test_retry_waits_for_its_delay_and_keeps_its_failure(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)

    worker.settle(failed(task, 2_000, failure="f1|ValueError: no"))

    assert rig.scores("retry") == {"t1": START_MS + 2_000}
    assert rig.hash("tries") == {"t1": f"1|0|{START_MS + 2_000}"}
    assert rig.hash("causes") == {"t1": "f1"}
    assert rig.ids("errors") == ["f1>t1"]
    assert rig.hash("prints") == {
        "f1": "ValueError: no",
        "f1>first": str(START_MS),
        "f1>last": str(START_MS),
        "f1>count": "1",
    }


def test_a_retried_task_runs_again_at_its_old_place(rig: Rig, worker: Worker) -> None:
    first = claim_one(rig, worker, "t1")
    rig.advance(1)
    rig.enqueue(Task("mail", id="t2"))
    worker.settle(failed(first, 2_000))
    rig.advance(2_000)

    (again, _) = worker.claim(2)

    assert (again.id, again.attempt) == ("t1", 2)
    assert again.ready_ms == START_MS + 1 + 2_000


def test_dead_keeps_attempts_and_failure(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)

    assert worker.settle(died(task)).codes == b"1"

    assert rig.places("t1") == ["dead"]
    assert rig.hash("tries") == {"t1": "1|0|0"}
    assert rig.hash("causes") == {"t1": "f1"}


def test_success_clears_the_failure_before_it(rig: Rig, worker: Worker) -> None:
    worker.settle(failed(claim_one(rig, worker), 0))
    (again,) = worker.claim(1)

    worker.settle(completed(again))

    assert rig.hash("causes") == {}
    assert rig.ids("errors") == []
    assert rig.task("t1").attempts == 2


def test_another_failure_moves_the_task_to_its_own_cause(rig: Rig, worker: Worker) -> None:
    worker.settle(failed(claim_one(rig, worker), 0, failure="f1|ValueError: no"))
    (again,) = worker.claim(1)

    worker.settle(failed(again, 0, failure="f2|KeyError: x"))

    assert rig.hash("causes") == {"t1": "f2"}
    assert rig.ids("errors") == ["f2>t1"]


def test_snooze_is_delayed_and_uses_no_attempt(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)

    worker.settle(snoozed(task, 500))

    assert rig.scores("delayed") == {"t1": START_MS + 500}
    rig.advance(500)
    assert [again.attempt for again in worker.claim(1)] == [1]


def test_release_goes_back_to_its_place_without_an_attempt(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker, priority=3)
    rig.advance(1_000)

    worker.settle(released(task))

    assert rig.scores("pending") == {"t1": START_MS + 3 * STEP}
    assert [again.attempt for again in worker.claim(1)] == [1]


def test_a_released_suspect_is_still_a_suspect(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    for name in ("w#1", "w#2"):
        rig.worker(name).claim(1)
        rig.reap(name)
    worker = rig.worker("w#3")
    (suspect,) = worker.claim(1, is_solo=True)

    worker.settle(released(suspect))

    assert rig.places("t1") == ["suspects"]


def test_an_unknown_type_is_held(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)

    worker.settle(unknown_type(task))

    assert rig.ids("held") == ["mail>t1"]
    assert rig.view().pending == 1
    assert rig.hash("tries") == {}


def test_a_wrong_token_changes_nothing(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    forged = completed(task)._replace(token="w#9:1")
    before = rig.dump()

    reply = worker.settle(forged)

    assert reply.codes == b"0"
    assert without(rig, rig.dump()) == without(rig, before)


def without(rig: Rig, dump: dict[bytes, object], *names: str) -> dict[bytes, object]:
    """Leave out what every exchange writes: its request row, its beat and its lease."""
    left_out = {rig.key(name).encode() for name in ("requests", "policy", "leases", *names)}
    return {key: value for key, value in dump.items() if key not in left_out}


def test_a_token_is_good_once(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    worker.settle(completed(task))
    before = rig.dump()

    reply = worker.settle(completed(task))

    assert reply.codes == b"2"
    assert without(rig, rig.dump()) == without(rig, before)


def test_a_token_twice_in_one_call_is_good_once(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)

    reply = worker.settle(completed(task), failed(task), died(task))

    assert reply.codes == b"122"
    assert rig.places("t1") == ["completed"]
    assert rig.hash("counters") == {"enqueued": "1", "completed": "1"}


def test_already_is_told_for_every_outcome(rig: Rig, worker: Worker) -> None:
    for settle in (completed, failed, died, snoozed, released, unknown_type):
        rig.client.flushall()
        task = claim_one(rig, worker)
        worker.settle(settle(task))

        assert worker.settle(settle(task)).codes == b"2", settle.__name__


def test_a_settle_after_the_task_was_reaped_is_lost(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    rig.reap("w#1")
    before = rig.dump()

    reply = worker.settle(completed(task))

    assert reply.codes == b"0"
    assert without(rig, rig.dump()) == without(rig, before)


def test_a_settle_while_another_runs_the_task_is_lost(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    rig.reap("w#1")
    other = rig.worker("w#2")
    (taken,) = other.claim(1)

    assert worker.settle(completed(task)).codes == b"0"
    assert rig.places("t1") == ["active"]
    assert other.settle(completed(taken)).codes == b"1"


def test_a_settle_of_an_unknown_task_is_lost(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"))
    ghost = Settled("ghost", "w#1:1", "c", "{}\n", "", "", "")

    assert worker.settle(ghost).codes == b"0"
    assert "ghost" not in rig.hash("runs")


def test_good_and_bad_settles_of_one_call_stand_alone(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", id=f"t{n}") for n in range(3)])
    first, second, third = worker.claim(3)
    worker.settle(completed(second))

    reply = worker.settle(completed(first), failed(second), died(third)._replace(token="x#1:1"))

    assert reply.codes == b"120"
    assert [rig.places(f"t{n}") for n in range(3)] == [["completed"], ["completed"], ["active"]]


@pytest.mark.parametrize("settle", [failed, died, snoozed, released, unknown_type])
def test_an_intent_to_cancel_wins_over_all_but_completion(
    rig: Rig, worker: Worker, settle: object
) -> None:
    task = claim_one(rig, worker)
    rig.move(MoveVerb.CANCEL, "t1")

    reply = worker.settle(settle(task))  # type: ignore[operator]  # one of the rig's outcomes

    assert reply.codes == b"3"
    assert rig.places("t1") == ["cancelled"]
    assert rig.hash("cancels") == {}
    assert rig.hash("causes") == {}
    assert rig.task("t1").timeline[-1].kind == "cancelled"
    assert rig.hash("counters") == {"enqueued": "1", "cancelled": "1"}


def test_completion_wins_over_an_intent_to_cancel(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    rig.move(MoveVerb.CANCEL, "t1")

    assert worker.settle(completed(task)).codes == b"1"
    assert rig.places("t1") == ["completed"]
    assert rig.hash("cancels") == {}


def test_progress_ends_with_the_run(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    report = ProgressReport("t1", task.token, 40, "half")
    rig.executor.run(report_progress(rig.space, rig.queue, [report]))
    assert rig.hash("progress") != {}

    worker.settle(failed(task))

    assert rig.hash("progress") == {}


def test_a_timeline_keeps_its_latest_sixteen_kib(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    for number in range(40):
        (task,) = worker.claim(1)
        worker.settle(settled(task, "p", "released", more=f',"n":"{number} {"x" * 1_000}"'))

    runs = rig.hash("runs")["t1"]
    assert 15_000 < len(runs) <= 16_384
    assert [entry.note.split()[0] for entry in rig.task("t1").timeline] == [
        str(number) for number in range(25, 40)
    ]


def test_one_long_line_is_kept_whole_and_alone(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    worker.settle(failed(task, 0))
    (again,) = worker.claim(1)
    result = '"' + "x" * 60_000 + '"'

    worker.settle(completed(again, result=result))

    assert rig.task("t1").result_json == result.encode()
    assert [entry.kind for entry in rig.task("t1").timeline] == ["completed"]


def test_a_long_result_outlives_deletion_and_return(rig: Rig, worker: Worker) -> None:
    result = '"' + "x" * 60_000 + '"'
    worker.settle(completed(claim_one(rig, worker), result=result))

    rig.move(MoveVerb.DELETE, "t1")
    rig.move(MoveVerb.RESTORE, "t1")

    assert rig.task("t1").result_json == result.encode()


def test_failures_beyond_a_thousand_kinds_are_counted_together(rig: Rig, worker: Worker) -> None:
    for number in range(11):
        rig.enqueue(*[Task("mail", id=f"t{number}-{n}") for n in range(100)])
        tasks = worker.claim(100)
        failures = [died(task, failure=f"f{number}-{n}|E: {n}") for n, task in enumerate(tasks)]
        worker.settle(*failures)

    prints = rig.hash("prints")
    assert len([field for field in prints if ">" not in field]) == 1_001
    assert prints["other"] == "other failures"
    assert prints["other>count"] == "100"
    assert rig.hash("causes")["t10-5"] == "other"


def test_every_outcome_is_counted_once(rig: Rig, worker: Worker) -> None:
    outcomes = (completed, failed, died, snoozed, released, unknown_type)
    rig.enqueue(*[Task("mail", id=f"t{n}") for n in range(len(outcomes))])
    settles = [settle(task) for settle, task in zip(outcomes, worker.claim(6), strict=True)]
    worker.settle(*settles, histogram="r3 4 w1 2")

    worker.again(0, settles, histogram="r3 4 w1 2")
    worker.settle(*settles)

    assert rig.hash("counters") == {
        "enqueued": "6",
        "completed": "1",
        "retried": "1",
        "dead": "1",
        "snoozed": "1",
        "released": "1",
        "held": "1",
        "failed": "2",
        "r3": "4",
        "w1": "2",
    }
    assert rig.hash("minute") == rig.hash("counters")


def test_failures_are_events(rig: Rig, worker: Worker) -> None:
    worker.settle(failed(claim_one(rig, worker)))

    ((_, event),) = rig.client.xrange(rig.key("events"))
    assert event == {b"kind": b"retried", b"id": b"t1", b"failure": b"f1|ValueError: no"}


def test_a_lost_lease_settles_what_its_tokens_allow(rig: Rig, worker: Worker) -> None:
    task = claim_one(rig, worker)
    rig.enqueue(Task("mail", id="t2"))
    keep_alive(rig)

    reply = worker.exchange(1, [completed(task)])

    assert (reply.status, reply.codes, reply.claimed) == (ExchangeStatus.LOST, b"1", [])
    assert rig.places("t1") == ["completed"]
    assert rig.places("t2") == ["pending"]


def keep_alive(rig: Rig) -> None:
    """Let a lease run out while others show that Redis was not away."""
    for _ in range(4):
        rig.advance(3_000)
        rig.renew()


def test_a_damaged_task_does_not_stop_the_others(rig: Rig, worker: Worker) -> None:
    rig.enqueue(
        *[Task("mail", id=f"bad-{state}", delay="1s") for state in ("delayed", "retry")],
        *[Task("mail", id="good")],
    )
    for state in ("delayed", "retry"):
        rig.client.hset(rig.key("tasks"), f"bad-{state}", b"\xff\x00 nothing that is a header")
    rig.client.zrem(rig.key("delayed"), "bad-retry")
    rig.client.zadd(rig.key("retry"), {"bad-retry": rig.now_ms})
    rig.advance(1_000)

    reply = worker.exchange(10)

    assert [task.id for task in reply.claimed] == ["good"]
    assert sorted(row[0] for row in reply.unreadable) == ["bad-delayed", "bad-retry"]


@pytest.mark.parametrize("target", ["p", "h"])
def test_a_settle_of_a_task_that_is_gone_harms_no_other(
    rig: Rig, worker: Worker, target: str
) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    gone, other = worker.claim(2)
    rig.client.hdel(rig.key("tasks"), "t1")

    reply = worker.settle(settled(gone, target, "released"), completed(other))

    assert reply.codes[1:] == b"1"
    assert rig.places("t2") == ["completed"]
    assert rig.hash("claims") == {}
