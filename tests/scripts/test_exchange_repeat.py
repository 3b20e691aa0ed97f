"""exchange.lua, sent twice, late, or after its lease: what a repeat may and may not do."""

from __future__ import annotations

import pytest

from rediq_core.model.task import Task
from rediq_core.verbs.exchange import ExchangeReply, ExchangeStatus
from tests.support.rig import START_MS, Rig, Worker, completed, failed, ids_of


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker()


def facts(reply: ExchangeReply) -> dict[str, object]:
    return {
        "codes": reply.codes,
        "due_ms": reply.due_ms,
        "pending": reply.pending,
        "deliver": reply.deliver,
        "claimed": [(task.id, task.token, task.attempt) for task in reply.claimed],
    }


def test_a_repeat_returns_the_same_and_changes_nothing(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail", id=f"t{n}") for n in range(5)], Task("mail", delay="9s"))
    rig.client.zadd(rig.key("dependents"), {"t0>other/c1": 0})
    settles = [completed(task) for task in worker.claim(2)]
    first = worker.exchange(2, settles, histogram="r3 2")
    before = rig.dump()

    again = worker.again(2, settles, histogram="r3 2")

    assert again.status is ExchangeStatus.REPEAT
    assert facts(again) == facts(first)
    assert rig.dump() == before


def test_a_repeat_of_an_empty_request_changes_nothing(rig: Rig, worker: Worker) -> None:
    worker.exchange(1, histogram="r3 2")
    rig.enqueue(Task("mail", id="t1"))
    before = rig.dump()

    again = worker.again(1, is_first=True, histogram="r3 2")

    assert (again.status, again.claimed) == (ExchangeStatus.REPEAT, [])
    assert rig.dump() == before


def test_a_repeat_says_when_something_is_due(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", delay="9s"))
    worker.exchange(1)

    assert worker.again(1).due_ms == START_MS + 9_000


def test_a_repeat_later_returns_only_what_is_still_held(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    worker.claim(1)
    rig.reap("w#1")
    rig.worker("w#2").claim(1)

    assert worker.again(1).claimed == []


def test_an_older_request_that_comes_late_is_stale(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    (task,) = worker.claim(1)
    worker.settle(completed(task))
    before = rig.dump()

    late = worker.again(1, [failed(task)], seq=1, is_first=True)

    assert (late.status, late.codes, late.claimed) == (ExchangeStatus.STALE, b"", [])
    assert rig.dump() == before


def test_an_older_request_is_stale_also_after_empty_ones(rig: Rig, worker: Worker) -> None:
    for _ in range(3):
        worker.exchange(1)
    rig.enqueue(Task("mail", id="t1"))

    late = worker.again(1, seq=2, is_first=True)

    assert (late.status, late.claimed) == (ExchangeStatus.STALE, [])
    assert rig.places("t1") == ["pending"]


def test_requests_of_two_workers_are_told_apart(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))

    assert ids_of(worker.claim(1)) == ["t1"]
    assert ids_of(rig.worker("w#2").claim(1)) == ["t2"]


def test_a_number_is_compared_as_a_number(rig: Rig, worker: Worker) -> None:
    worker.seq = 8
    worker.exchange(1)
    worker.exchange(1)
    rig.enqueue(Task("mail"))

    assert worker.exchange(1).status is ExchangeStatus.DONE
    assert worker.again(1, seq=9).status is ExchangeStatus.STALE
