"""The wake marker: for what is claimable or nearer due. One is enough, but for an unknown type."""

from __future__ import annotations

import pytest

from rediq_core.model.task import Task
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import START_MS, Rig, Worker, completed, died, failed, released, unknown_type


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker()


def test_many_tasks_leave_one_marker(rig: Rig) -> None:
    rig.enqueue(Task("mail"), Task("mail"))
    rig.enqueue(Task("mail"))

    assert rig.take_wake() == 1


def test_a_repeated_task_wakes_nobody(rig: Rig) -> None:
    task = Task("mail")
    rig.enqueue(task)
    rig.take_wake()

    rig.enqueue(task)

    assert rig.take_wake() == 0


def test_a_paused_queue_wakes_nobody(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"))
    rig.pause()
    rig.take_wake()

    rig.enqueue(Task("mail"))
    worker.exchange(5)
    worker.exchange(0)

    assert rig.take_wake() == 0


def test_resuming_wakes(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    rig.pause()
    rig.take_wake()

    rig.resume()

    assert rig.take_wake() == 1


def test_only_a_nearer_due_time_wakes(rig: Rig) -> None:
    rig.enqueue(Task("mail", delay="5s"))
    assert rig.take_wake() == 1

    rig.enqueue(Task("mail", delay="9s"))
    assert rig.take_wake() == 0

    rig.enqueue(Task("mail", delay="9s"), Task("mail", delay="1s"))
    assert rig.take_wake() == 1


def test_a_retry_that_is_due_next_wakes(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"), Task("mail"))
    first, second = worker.claim(2)
    rig.take_wake()

    worker.settle(failed(first, 2_000))
    assert rig.take_wake() == 1

    worker.settle(failed(second, 9_000))
    assert rig.take_wake() == 0


def test_an_empty_queue_wakes_nobody(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"))
    tasks = worker.claim(5)
    rig.take_wake()

    worker.exchange(5, [completed(task) for task in tasks])
    worker.exchange(5)

    assert rig.take_wake() == 0


def test_what_is_left_wakes_another(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"), Task("mail"))
    rig.take_wake()

    worker.claim(1)

    assert rig.take_wake() == 1


def test_a_full_worker_that_promotes_wakes_another(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", delay="1s"))
    rig.take_wake()
    rig.advance(1_000)

    worker.exchange(0)

    assert rig.take_wake() == 1


@pytest.mark.parametrize("want", [0, 5])
def test_a_queue_at_its_concurrency_wakes_nobody(rig: Rig, worker: Worker, want: int) -> None:
    rig.enqueue(*[Task("mail") for _ in range(3)])
    rig.set_policy(concurrency=1)
    worker.claim(1)
    rig.take_wake()

    worker.exchange(want)

    assert rig.take_wake() == 0


@pytest.mark.parametrize("want", [0, 5])
def test_a_queue_at_its_rate_wakes_nobody(rig: Rig, worker: Worker, want: int) -> None:
    rig.enqueue(*[Task("mail") for _ in range(3)])
    rig.set_policy(rate=1, rate_ms=1_000, burst=1)
    worker.claim(1)
    rig.take_wake()

    reply = worker.exchange(want)

    assert rig.take_wake() == 0
    assert reply.due_ms == START_MS + 1_000


def test_a_slot_freed_under_the_limit_wakes(rig: Rig, worker: Worker) -> None:
    rig.enqueue(*[Task("mail") for _ in range(3)])
    rig.set_policy(concurrency=1)
    (task,) = worker.claim(1)
    rig.take_wake()

    worker.settle(completed(task))

    assert rig.take_wake() == 1


def test_a_released_task_wakes(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"))
    tasks = worker.claim(1)
    rig.take_wake()

    worker.settle(*[released(task) for task in tasks])

    assert rig.take_wake() == 1


def test_a_worker_without_its_lease_wakes_another(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"), Task("mail"))
    tasks = worker.claim(1)
    rig.reap("w#1")
    rig.take_wake()

    worker.exchange(5, [completed(task) for task in tasks])

    assert rig.take_wake() == 1


def test_reaping_wakes(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"))
    worker.claim(1)
    rig.take_wake()

    rig.reap("w#1")

    assert rig.take_wake() == 1


def test_what_operators_make_ready_wakes(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    worker.settle(*[died(task) for task in worker.claim(1)])
    rig.take_wake()

    rig.move(MoveVerb.RETRY, "t1")
    assert rig.take_wake() == 1

    rig.move(MoveVerb.CANCEL, "t1")
    assert rig.take_wake() == 0


def test_a_due_task_that_comes_back_from_trash_wakes(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", delay="5s"))
    rig.move(MoveVerb.DELETE, "t1")
    rig.take_wake()

    rig.move(MoveVerb.RESTORE, "t1")

    assert rig.take_wake() == 1


def test_a_task_of_an_unknown_type_wakes_each_who_asked_lately(rig: Rig, worker: Worker) -> None:
    for name in ("w#2", "w#3"):
        rig.worker(name).exchange(0)
    rig.enqueue(Task("mail"))
    (task,) = worker.claim(1)
    rig.take_wake()

    worker.settle(unknown_type(task))

    # One of them may know it, and markers go to whoever slept longest.
    assert rig.take_wake() == 3


def test_unknown_types_leave_a_bounded_number_of_markers(rig: Rig, worker: Worker) -> None:
    for number in range(150):
        rig.worker(f"w#{number + 2}").exchange(0)
    rig.enqueue(Task("mail"), Task("mail"))
    first, second = worker.claim(2)

    worker.settle(unknown_type(first))
    worker.settle(unknown_type(second))

    assert rig.take_wake() == 100
