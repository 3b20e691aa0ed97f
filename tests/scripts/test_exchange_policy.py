"""exchange.lua under policy: pause, concurrency over all workers, rate."""

from __future__ import annotations

import pytest

from rediq_core.model.task import Task
from tests.support.rig import START_MS, Rig, Worker, completed, ids_of


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker()


def fill(rig: Rig, count: int) -> None:
    rig.enqueue(*[Task("mail") for _ in range(count)])


def test_a_paused_queue_hands_out_nothing_but_goes_on(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2", delay="1s"))
    (running,) = worker.claim(1)
    fill(rig, 1)
    rig.pause(reason="deploy")
    rig.advance(1_000)

    reply = worker.exchange(5, [completed(running)])

    assert (reply.codes, reply.claimed, reply.pending, reply.due_ms) == (b"1", [], 2, 0)


def test_a_pause_ends_by_itself_to_the_millisecond(rig: Rig, worker: Worker) -> None:
    fill(rig, 1)
    rig.pause(until_ms=START_MS + 5_000)
    rig.advance(4_999)
    reply = worker.exchange(1)
    assert (reply.claimed, reply.due_ms) == ([], START_MS + 5_000)

    rig.advance(1)

    assert len(worker.claim(1)) == 1
    assert rig.view().pause is None
    assert {"paused", "until", "by", "why"}.isdisjoint(rig.hash("policy"))


def test_an_earlier_due_time_comes_before_the_end_of_a_pause(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", delay="2s"))
    rig.pause(until_ms=START_MS + 5_000)

    assert worker.exchange(1).due_ms == START_MS + 2_000


def test_concurrency_is_counted_over_all_workers(rig: Rig, worker: Worker) -> None:
    fill(rig, 10)
    rig.set_policy(concurrency=3)
    other = rig.worker("w#2")

    held = worker.claim(2)
    assert len(other.claim(5)) == 1
    assert other.claim(5) == []

    worker.settle(completed(held[0]))
    assert len(other.claim(5)) == 1


def test_a_slot_under_the_limit_is_free_again_in_the_same_call(rig: Rig, worker: Worker) -> None:
    fill(rig, 2)
    rig.set_policy(concurrency=1)
    (task,) = worker.claim(5)

    assert len(worker.exchange(5, [completed(task)]).claimed) == 1


def test_what_a_dead_worker_held_frees_the_limit(rig: Rig, worker: Worker) -> None:
    fill(rig, 2)
    rig.set_policy(concurrency=1)
    worker.claim(1)
    rig.reap("w#1")

    assert len(rig.worker("w#2").claim(5)) == 1


def set_rate(rig: Rig, rate: int, per_ms: int, burst: int = 1) -> None:
    rig.set_policy(rate=rate, rate_ms=per_ms, burst=burst)


def test_a_rate_says_exactly_when_to_ask_again(rig: Rig, worker: Worker) -> None:
    fill(rig, 5)
    set_rate(rig, 100, 60_000)

    first = worker.exchange(5)
    assert (len(first.claimed), first.due_ms) == (1, START_MS + 600)

    rig.advance(599)
    early = worker.exchange(5)
    assert (early.claimed, early.due_ms) == ([], START_MS + 600)

    rig.advance(1)
    assert len(worker.claim(5)) == 1


def test_a_burst_is_saved_up_and_no_more(rig: Rig, worker: Worker) -> None:
    fill(rig, 50)
    set_rate(rig, 10, 1_000, burst=3)
    assert len(worker.claim(50)) == 3

    rig.advance(3_600_000)

    assert len(worker.claim(50)) == 3


@pytest.mark.parametrize(
    ("rate", "per_ms", "burst"), [(7, 1_000, 1), (100, 60_000, 1), (333, 1_000, 33)]
)
def test_a_rate_is_never_overshot_and_hardly_undershot(
    rig: Rig, worker: Worker, rate: int, per_ms: int, burst: int
) -> None:
    fill(rig, 500)
    set_rate(rig, rate, per_ms, burst=burst)
    end_ms = START_MS + per_ms

    claimed = 0
    while rig.now_ms < end_ms:
        reply = worker.exchange(100)
        claimed += len(reply.claimed)
        assert reply.due_ms > rig.now_ms
        rig.now_ms = reply.due_ms

    assert rate <= claimed <= rate + burst


def test_workers_that_wait_for_a_rate_ask_seldom_and_lose_nothing(rig: Rig) -> None:
    fill(rig, 500)
    set_rate(rig, 100, 1_000, burst=10)
    workers = [rig.worker(f"w{number}#1") for number in range(4)]
    asks_at = dict.fromkeys(range(4), START_MS)
    calls = claimed = 0

    while min(asks_at.values()) < START_MS + 3_000:
        number = min(asks_at, key=lambda worker: asks_at[worker])
        rig.now_ms = asks_at[number]
        reply = workers[number].exchange(5)
        calls, claimed = calls + 1, claimed + len(reply.claimed)
        asks_at[number] = max(reply.due_ms, rig.now_ms + 1)

    assert 300 - 5 <= claimed <= 300 + 10
    assert calls <= 4 * 3 * 30


def test_an_expired_task_takes_nothing_from_the_rate(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", expires_in="1s"), Task("mail", id="t2", priority=60))
    set_rate(rig, 1, 60_000)
    rig.advance(1_000)

    assert worker.claim(5) == []
    assert ids_of(worker.claim(5)) == ["t2"]


def test_limits_also_hold_for_held_tasks(rig: Rig, worker: Worker) -> None:
    fill(rig, 1)
    rig.client.zadd(rig.key("held"), {"mail>ghost": 0})
    rig.set_policy(concurrency=1)
    worker.claim(1)

    assert worker.exchange(5, types="mail").held == 1
