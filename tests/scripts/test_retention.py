"""Finished tasks go by age and by count, a few at a time, and never too early."""

from __future__ import annotations

import pytest

from rediq_core.model.task import Task
from rediq_core.verbs.exchange import Retention, Settled
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import DAY_MS, Rig, Worker, completed, died, failed

HOUR_MS = 3_600_000
# Ages of an hour and ten, at most five of each, none younger than a minute.
SMALL = Retention(HOUR_MS, 5, 10 * HOUR_MS, 5, 60_000)


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker(retention=SMALL)


def finish(rig: Rig, worker: Worker, *ids: str, settle=completed, **options: object) -> None:  # type: ignore[no-untyped-def]  # one of the rig's outcomes
    rig.enqueue(*[Task("mail", id=task_id) for task_id in ids])
    worker.settle(*[settle(task, **options) for task in worker.claim(len(ids))])


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_completed_tasks_go_by_age(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, "old")
    rig.advance(HOUR_MS - 1)
    finish(rig, worker, "middle")
    assert rig.ids("completed") == ["old", "middle"]

    rig.advance(1)
    finish(rig, worker, "new")

    assert rig.ids("completed") == ["middle", "new"]


def test_what_goes_leaves_nothing_behind(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, "dead1", settle=died)
    finish(rig, worker, "old", keep_ms=1)
    rig.advance(11 * HOUR_MS)

    finish(rig, worker, "new")
    finish(rig, worker, "dead2", settle=died)

    for name in ("tasks", "runs"):
        assert sorted(rig.hash(name)) == ["dead2", "new"]
    assert sorted(rig.hash("tries")) == ["dead2"]
    assert rig.hash("causes") == {"dead2": "f1"}
    assert rig.ids("errors") == ["f1>dead2"]
    assert rig.ids("kept") == []


def test_the_count_takes_the_oldest(rig: Rig, worker: Worker) -> None:
    for number in range(5):
        finish(rig, worker, f"t{number}")
        rig.advance(1)
    rig.advance(60_000)

    finish(rig, worker, "t5")

    assert rig.ids("completed") == ["t1", "t2", "t3", "t4", "t5"]


def test_the_count_takes_none_that_just_finished(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, *names("a", 9))
    rig.advance(59_999)
    finish(rig, worker, "b")
    assert len(rig.ids("completed")) == 10

    rig.advance(1)
    finish(rig, worker, "c")

    assert len(rig.ids("completed")) == 5


def test_the_count_takes_none_that_is_kept(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, *names("kept", 8), keep_ms=HOUR_MS // 2)
    rig.advance(60_000)

    for number in range(8):
        finish(rig, worker, f"t{number}")
        rig.advance(60_000)
    finish(rig, worker, "last")

    assert [name for name in rig.ids("completed") if name.startswith("kept")] == names("kept", 8)
    assert [name for name in rig.ids("completed") if not name.startswith("kept")] == [
        *("t4", "t5", "t6", "t7", "last")
    ]


def test_kept_tasks_go_when_their_time_is_over(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, "short", keep_ms=60_000)
    finish(rig, worker, "long", keep_ms=5 * HOUR_MS)
    rig.advance(60_000)
    finish(rig, worker, "a")
    assert rig.ids("completed") == ["long", "a"]

    rig.advance(2 * HOUR_MS)
    finish(rig, worker, "b")
    assert rig.ids("completed") == ["long", "b"]

    rig.advance(3 * HOUR_MS)
    finish(rig, worker, "c")
    assert "long" not in rig.ids("completed")


def test_dead_tasks_have_their_own_age_and_count(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, *names("d", 8), settle=died)
    rig.advance(2 * HOUR_MS)

    finish(rig, worker, "last", settle=died)
    assert len(rig.ids("dead")) == 5

    rig.advance(8 * HOUR_MS)
    finish(rig, worker, "newest", settle=died)
    assert rig.ids("dead") == ["last", "newest"]


def test_a_few_at_a_time(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, *names("a", 90))
    rig.advance(2 * HOUR_MS)

    finish(rig, worker, "b")

    assert 60 < len(rig.ids("completed")) <= 91 - 20


def test_a_backlog_shrinks_while_work_goes_on(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, *names("a", 90))
    rig.advance(2 * HOUR_MS)

    for number in range(6):
        finish(rig, worker, f"b{number}")

    assert len(rig.ids("completed")) == 6


def test_a_queue_where_nothing_finishes_ages_too(rig: Rig, worker: Worker) -> None:
    finish(rig, worker, "done")
    finish(rig, worker, "dead", settle=died)
    rig.enqueue(Task("mail", id="gone", delay="1h"))
    rig.move(MoveVerb.CANCEL, "gone")
    rig.advance(DAY_MS)

    for _ in range(16):
        worker.exchange(1)

    assert [rig.ids(zset) for zset in ("completed", "dead", "cancelled")] == [[], [], []]
    assert rig.hash("tasks") == {}


def test_a_cancelled_retry_is_kept_as_long_as_other_cancelled_tasks(
    rig: Rig, worker: Worker
) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    first, second = worker.claim(2)
    rig.move(MoveVerb.CANCEL, "t1", "t2")
    worker.settle(failed(first, 2_000))
    rig.advance(30_000)

    worker.settle(failed(second, 2_000))

    assert rig.ids("cancelled") == ["t1", "t2"]
    assert rig.ids("kept") == []


def test_an_unreadable_settle_is_trimmed_like_others(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    (task,) = worker.claim(1)
    worker.settle(Settled("t1", task.token, "d", "{}\n", "1|0", "damaged|bad", ""))
    rig.advance(11 * HOUR_MS)

    finish(rig, worker, "t2", settle=died)

    assert rig.ids("dead") == ["t2"]


def test_retention_does_not_touch_what_has_not_finished(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="late", delay="30d"), Task("mail", id="bad", priority=0))
    worker.settle(*[failed(task, 20 * DAY_MS) for task in worker.claim(1)])
    rig.enqueue(Task("mail", id="ready"))
    rig.advance(15 * DAY_MS)

    for _ in range(32):
        worker.exchange(0)

    assert sorted(rig.hash("tasks")) == ["bad", "late", "ready"]
