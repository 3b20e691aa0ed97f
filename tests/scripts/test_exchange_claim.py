"""exchange.lua, claiming: what is due, in strict order, once, and never more than allowed."""

from __future__ import annotations

import random

import pytest

from rediq_core.model.task import Task
from rediq_core.verbs.exchange import MAX_CLAIM, ExchangeStatus
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import (
    START_MS,
    Rig,
    Worker,
    completed,
    failed,
    ids_of,
    released,
    unknown_type,
)


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker()


def test_a_claim_makes_tasks_active_under_a_token(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", {"n": 1}, id="t1", timeout="5s"))
    rig.advance(7)

    reply = worker.exchange(5, is_first=True)

    (task,) = reply.claimed
    assert (task.id, task.type, task.payload_json) == ("t1", "mail", b'{"n":1}')
    assert (task.attempt, task.losses, task.token) == (1, 0, "w#1:1")
    assert (task.ready_ms, task.claimed_ms, task.timeout_ms) == (START_MS, START_MS + 7, 5_000)
    assert rig.scores("active") == {"t1": START_MS + 7}
    assert rig.hash("claims") == {"t1": "w#1:1"}
    assert (reply.status, reply.pending, reply.due_ms) == (ExchangeStatus.DONE, 0, 0)
    assert rig.places("t1") == ["active"]


def test_a_task_is_claimed_once(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))

    assert ids_of(worker.claim(5)) == ["t1"]
    assert ids_of(rig.worker("w#2").claim(5)) == []


def test_the_most_urgent_goes_first(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="a", priority=100), Task("mail", id="b", priority=0))
    rig.advance(10_000)
    rig.enqueue(Task("mail", id="c", priority=1))

    assert ids_of(worker.claim(3)) == ["b", "c", "a"]


def test_ten_thousand_random_priorities_have_no_inversion(rig: Rig, worker: Worker) -> None:
    rng = random.Random(13)
    expected: list[tuple[int, str]] = []
    for _ in range(20):
        batch = [Task("mail", priority=rng.randrange(101)) for _ in range(500)]
        rig.enqueue(*batch)
        expected += [(task.priority, task.id) for task in batch]
        rig.advance(rng.randrange(3))
    expected.sort()

    claimed: list[tuple[int, str]] = []
    while tasks := worker.claim(MAX_CLAIM):
        claimed += [(task.priority, task.id) for task in tasks]
        worker.settle(*[completed(task) for task in tasks])

    assert claimed == expected


def test_places_are_kept_over_retry_release_and_recovery(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", id=name) for name in "abc"])
    rig.advance(1)
    rig.enqueue(Task("mail", id="d"))
    a, b, _c = worker.claim(3)
    worker.settle(failed(a, 0), released(b))
    rig.reap("w#1")

    assert ids_of(rig.worker("w#2").claim(4)) == ["a", "b", "c", "d"]


def test_what_an_operator_moves_goes_to_the_end(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="a", delay="1h"))
    rig.advance(1)
    rig.enqueue(Task("mail", id="b"))
    rig.advance(1)

    rig.move(MoveVerb.RUN, "a")

    assert ids_of(worker.claim(2)) == ["b", "a"]


def test_a_delayed_tasks_place_is_when_it_is_due(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="a", delay="10ms"))
    rig.advance(5)
    rig.enqueue(Task("mail", id="b"))
    rig.advance(10)
    rig.enqueue(Task("mail", id="c"))

    assert ids_of(worker.claim(3)) == ["b", "a", "c"]


def test_nothing_is_claimed_before_it_is_due(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1", delay="1s"))
    rig.advance(999)

    reply = worker.exchange(5)
    assert (reply.claimed, reply.due_ms) == ([], START_MS + 1_000)

    rig.advance(1)
    assert ids_of(worker.claim(5)) == ["t1"]


def test_the_nearest_of_delayed_and_retry_is_due_next(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"), Task("mail", delay="3s"))
    (task,) = worker.claim(1)

    assert worker.settle(failed(task, 2_000)).due_ms == START_MS + 2_000


def test_due_tasks_are_promoted_in_bounded_steps(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", delay="1s") for _ in range(500)])
    rig.advance(1_000)

    first = worker.exchange(0)

    assert (first.pending, first.due_ms) == (200, rig.now_ms)
    assert worker.exchange(0).pending == 400
    assert worker.exchange(0).pending == 500


def test_a_reply_is_bounded_by_the_largest_task(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", "x" * 500_000) for _ in range(4)])
    rig.enqueue(*[Task("mail", "x" * 500_000) for _ in range(4)])
    rig.enqueue(*[Task("mail", "x" * 500_000) for _ in range(4)])

    reply = worker.exchange(50)

    size = sum(len(task.payload_json) for task in reply.claimed)
    assert (len(reply.claimed), reply.pending) == (8, 4)
    assert size <= 4 * 1024 * 1024


def test_promotion_is_bounded_by_the_largest_task(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", "x" * 400_000, delay="1s") for _ in range(10)])
    rig.enqueue(*[Task("mail", "x" * 400_000, delay="1s") for _ in range(10)])
    rig.advance(1_000)

    assert worker.exchange(0).pending == 10


def test_one_task_is_claimed_however_large_it_is(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", "x" * 500_000), Task("mail"))
    rig.set_policy(max_blob=9_000_000)

    assert len(worker.claim(50)) == 1


def test_a_task_not_started_in_time_is_cancelled(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1", expires_in="1s"), Task("mail", id="t2"))
    rig.advance(1_000)

    assert ids_of(worker.claim(2)) == ["t2"]
    assert rig.places("t1") == ["cancelled"]
    assert [entry.kind for entry in rig.task("t1").timeline] == ["expired"]
    assert rig.hash("counters") == {"enqueued": "2", "cancelled": "1"}


def test_a_task_that_was_started_in_time_does_not_expire(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1", expires_in="1s"))
    (task,) = worker.claim(1)
    worker.settle(failed(task, 5_000))
    rig.advance(5_000)

    assert ids_of(worker.claim(1)) == ["t1"]


def test_a_released_task_that_never_ran_expires(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1", expires_in="1s"))
    (task,) = worker.claim(1)
    worker.settle(released(task)._replace(tries="0|0"))
    rig.advance(1_000)

    assert worker.claim(1) == []
    assert rig.places("t1") == ["cancelled"]


def test_held_tasks_go_to_a_worker_that_knows_the_type(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task(kind, id=f"t-{kind}") for kind in ("mail", "mailer", "post")])
    worker.settle(*[unknown_type(task) for task in worker.claim(3)])

    other = rig.worker("w#2")
    assert ids_of(other.claim(5, types="mail post")) == ["t-mail", "t-post"]
    assert rig.ids("held") == ["mailer>t-mailer"]


def test_held_tasks_are_not_claimed_without_their_type(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    worker.settle(unknown_type(*worker.claim(1)))

    reply = worker.exchange(5, types="post")

    assert (reply.claimed, reply.held, reply.pending) == ([], 1, 0)


def test_held_tasks_count_towards_what_is_wanted(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", id=f"t{n}") for n in range(3)])
    worker.settle(*[unknown_type(task) for task in worker.claim(3)])
    rig.enqueue(Task("mail", id="t9"))

    assert ids_of(worker.claim(2, types="mail")) == ["t0", "t1"]
    assert ids_of(worker.claim(2, types="mail")) == ["t2", "t9"]


def make_suspect(rig: Rig, task_id: str = "s1") -> None:
    """Have a task lose its lease twice."""
    rig.enqueue(Task("mail", id=task_id, priority=0))
    for name in ("lost#1", "lost#2"):
        assert ids_of(rig.worker(name).claim(1)) == [task_id]
        rig.reap(name)
    assert rig.places(task_id) == ["suspects"]


def test_a_suspect_is_claimed_only_by_who_runs_nothing_else(rig: Rig, worker: Worker) -> None:
    make_suspect(rig)

    reply = worker.exchange(5)

    assert (reply.claimed, reply.suspects) == ([], 1)
    (suspect,) = worker.claim(5, is_solo=True)
    assert (suspect.id, suspect.losses, suspect.attempt) == ("s1", 2, 1)


def test_a_suspect_is_claimed_alone(rig: Rig, worker: Worker) -> None:
    make_suspect(rig)
    rig.enqueue(Task("mail"), Task("mail"))

    assert ids_of(worker.claim(5, is_solo=True)) == ["s1"]


def test_a_suspect_counts_as_pending(rig: Rig) -> None:
    make_suspect(rig)

    assert (rig.view().pending, rig.view().suspects) == (1, 1)


def test_a_place_without_its_task_is_passed_over(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    for zset in ("pending", "delayed", "retry", "suspects"):
        rig.client.zadd(rig.key(zset), {f"ghost-{zset}": 1})

    assert ids_of(worker.claim(5, is_solo=True)) == []
    assert ids_of(worker.claim(5)) == ["t1"]
    assert [rig.ids(zset) for zset in ("pending", "delayed", "retry", "suspects")] == [[]] * 4


def test_wanting_nothing_claims_nothing(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"))

    reply = worker.exchange(0)

    assert (reply.claimed, reply.pending) == ([], 1)


def test_parents_with_children_are_named_for_delivery(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="p1"), Task("mail", id="p2"))
    rig.client.zadd(rig.key("dependents"), {"p1>other/c1": 0, "p1>other/c2": 0})
    tasks = worker.claim(2)

    reply = worker.settle(*[completed(task) for task in tasks])

    assert reply.deliver == ["p1"]
    assert rig.scores("outbox") == {"p1": START_MS}
