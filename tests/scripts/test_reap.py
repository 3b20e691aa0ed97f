"""reap.lua: what dead incarnations held comes back once, and losses are counted apart."""

from __future__ import annotations

import pytest

from rediq_core.keys import queue_key
from rediq_core.model.task import Task
from rediq_core.verbs import lease
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import START_MS, Rig, completed, failed, ids_of

STEP = 10**13


def lose(rig: Rig, times: int, task_id: str = "t1") -> None:
    """Have workers die with the task, one after another."""
    for number in range(times):
        worker = rig.worker(f"dead{rig.now_ms}#{number}")
        assert task_id in ids_of(worker.claim(1, is_solo=True))
        rig.reap(worker.incarnation)


def test_the_first_loss_brings_the_task_back_to_its_place(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", priority=4))
    rig.worker().claim(1)
    rig.advance(100)

    reaped = rig.reap("w#1")

    assert reaped.outcomes == (("t1", "pending", "w#1"),)
    assert rig.scores("pending") == {"t1": START_MS + 4 * STEP}
    assert rig.hash("tries") == {"t1": f"0|1|{START_MS + 100}"}
    assert (rig.hash("claims"), rig.ids("leases"), rig.ids("active")) == ({}, [], [])
    assert [entry.kind for entry in rig.task("t1").timeline] == ["lost"]


def test_the_second_loss_makes_a_suspect(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", priority=4))
    lose(rig, 1)
    rig.worker().claim(1)

    assert rig.reap("w#1").outcomes == (("t1", "suspect", "w#1"),)
    assert rig.scores("suspects") == {"t1": START_MS + 4 * STEP}


def test_the_third_loss_is_poison_and_uses_no_retries(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    lose(rig, 2)
    rig.worker().claim(1, is_solo=True)

    assert rig.reap("w#1").outcomes == (("t1", "dead", "w#1"),)

    view = rig.task("t1")
    assert (view.state, view.attempts, view.losses) == ("dead", 0, 3)
    assert [entry.kind for entry in view.timeline] == ["lost", "lost", "poison"]
    assert rig.hash("causes") == {"t1": "poison"}
    assert rig.hash("counters") == {"enqueued": "1", "lost": "3", "recovered": "2", "dead": "1"}


def test_a_finished_run_sets_losses_to_zero(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    lose(rig, 1)
    worker = rig.worker()
    (task,) = worker.claim(1)
    assert task.losses == 1
    worker.settle(failed(task, 0))

    (again,) = worker.claim(1)

    assert (again.attempt, again.losses) == (2, 0)
    rig.reap("w#1")
    assert rig.places("t1") == ["pending"]


def test_attempts_survive_a_loss(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    worker = rig.worker()
    worker.settle(failed(*worker.claim(1), delay_ms=0))
    worker.claim(1)
    rig.reap("w#1")

    (task,) = rig.worker("w#2").claim(1)

    assert (task.attempt, task.losses) == (2, 1)


def test_bystanders_are_charged_nothing(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    for number in range(5):
        worker = rig.worker(f"w#{number}")
        assert ids_of(worker.claim(1)) == ["t1"]
        assert rig.reap(f"w#{number}", is_charged=False).outcomes[0][1] == "pending"

    assert rig.task("t1").losses == 0
    assert rig.task("t1").timeline[-1].kind == "released"
    assert rig.hash("counters") == {"enqueued": "1", "recovered": "5"}


def test_a_suspect_bystander_stays_a_suspect(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    lose(rig, 2)
    rig.worker().claim(1, is_solo=True)

    rig.reap("w#1", is_charged=False)

    assert rig.places("t1") == ["suspects"]
    assert rig.task("t1").losses == 2


def test_a_lost_task_that_was_to_be_cancelled_is_cancelled(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", unique_key="k"))
    worker = rig.worker()
    worker.settle(failed(*worker.claim(1), delay_ms=0))
    worker.claim(1)
    rig.move(MoveVerb.CANCEL, "t1")

    assert rig.reap("w#1").outcomes == (("t1", "cancelled", "w#1"),)

    assert rig.places("t1") == ["cancelled"]
    assert (rig.hash("cancels"), rig.hash("unique"), rig.hash("causes")) == ({}, {}, {})
    assert rig.ids("errors") == []


def test_only_what_the_dead_held_comes_back(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    rig.worker("w#1").claim(1)
    alive = rig.worker("w#2")
    alive.claim(1)

    assert rig.reap("w#1").outcomes == (("t1", "pending", "w#1"),)
    assert rig.places("t2") == ["active"]


def test_expired_leases_are_found_without_being_named(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.worker().claim(1)

    assert rig.expire_leases().outcomes == (("t1", "pending", "w#1"),)


def test_a_claim_without_a_token_comes_back(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.worker().claim(1)
    rig.client.delete(rig.key("claims"))

    assert rig.reap().outcomes == (("t1", "pending", ""),)


def test_an_active_place_without_its_task_goes(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    rig.client.zadd(rig.key("active"), {"ghost": 1})

    assert rig.reap().outcomes == (("ghost", "gone", ""),)
    assert rig.places("ghost") == []


def test_reaping_twice_changes_nothing_more(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.worker().claim(1)
    rig.reap("w#1")
    before = rig.dump()

    assert rig.reap("w#1").outcomes == ()
    assert rig.dump() == before


def test_parents_that_died_are_named_for_delivery(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.client.zadd(rig.key("dependents"), {"t1>other/c1": 0})
    lose(rig, 2)
    rig.worker().claim(1, is_solo=True)

    assert rig.reap("w#1").deliver == ("t1",)
    assert rig.ids("outbox") == ["t1"]


def test_a_progress_report_ends_with_the_lease(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.worker().claim(1)
    rig.client.hset(rig.key("progress"), "t1", "40|1|half")

    rig.reap("w#1")

    assert rig.hash("progress") == {}


def many_active(rig: Rig, monkeypatch: pytest.MonkeyPatch, count: int) -> list[str]:
    monkeypatch.setattr(lease, "REAP_CHUNK", 10)
    ids = [f"t{number:03}" for number in range(count)]
    rig.enqueue(*[Task("mail", id=task_id) for task_id in ids])
    return ids


def test_chunks_cover_everything(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = many_active(rig, monkeypatch, 45)
    rig.worker("w#1").claim(20)
    rig.worker("w#2").claim(5)
    rig.worker("w#1b").claim(20)

    outcomes, start = list[str](), 0
    while start >= 0:
        reaped = rig.reap("w#1", "w#1b", start=start)
        outcomes += [row[0] for row in reaped.outcomes]
        start = reaped.next_start

    assert sorted(outcomes) == ids[:20] + ids[25:]
    assert rig.ids("active") == ids[20:25]


def test_nothing_is_passed_over_while_others_settle_and_claim(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many_active(rig, monkeypatch, 60)
    alive = rig.worker("alive#1")
    held = alive.claim(20)
    rig.advance(1)
    rig.worker("w#1").claim(30)

    outcomes, start = list[str](), 0
    while start >= 0:
        reaped = rig.reap("w#1", start=start)
        outcomes += [row[0] for row in reaped.outcomes]
        start = reaped.next_start
        finished, held = held[:5], held[5:]
        alive.exchange(5, [completed(task) for task in finished])
        rig.advance(1)

    assert sorted(outcomes) == ids[20:50]
    tokens = rig.client.hgetall(queue_key(rig.namespace, rig.queue, "claims")).values()
    assert {token.decode().split(":")[0] for token in tokens} == {"alive#1"}


def test_a_reaper_that_dies_half_way_leaves_its_work_to_be_seen(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many_active(rig, monkeypatch, 25)
    rig.worker("w#1").claim(25)
    rig.reap("w#1")

    renewed = rig.renew("w#1")

    assert (renewed.lost, renewed.has_expired) == (("w#1",), True)
    start = 0
    while start >= 0:
        start = rig.reap(start=start).next_start
    assert sorted(rig.ids("pending")) == ids
    assert rig.renew().has_expired is False


def test_a_lease_that_is_being_reaped_does_not_come_back_in_an_outage(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_active(rig, monkeypatch, 25)
    worker = rig.worker("w#1")
    worker.claim(25)
    rig.advance(60_000)
    rig.reap("w#1")

    assert rig.renew("w#1").lost == ("w#1",)
    assert worker.exchange(1).claimed == []
