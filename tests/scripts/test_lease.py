"""renew.lua and the leases of exchange.lua: what is gone stays gone, an outage costs none."""

from __future__ import annotations

import json

import pytest

from rediq_core.model.task import Task
from rediq_core.verbs.exchange import ExchangeStatus
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import LEASE_MS, START_MS, Rig, Worker, completed, failed, ids_of


@pytest.fixture
def worker(rig: Rig) -> Worker:
    return rig.worker()


def hold_one(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"))
    assert ids_of(worker.claim(1)) == ["t1"]


def pass_time(rig: Rig, ms: int) -> None:
    """Let time pass while others show that Redis is there."""
    end_ms = rig.now_ms + ms
    while rig.now_ms < end_ms:
        rig.advance(min(1_000, end_ms - rig.now_ms))
        rig.renew()


def test_a_claim_begins_a_lease(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)

    assert rig.scores("leases") == {"w#1": START_MS + LEASE_MS}


def test_asking_in_vain_begins_none(rig: Rig, worker: Worker) -> None:
    worker.exchange(5)

    assert rig.scores("leases") == {}


def test_a_lease_ends_with_what_it_held(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"), Task("mail"))
    first, second = worker.claim(2)
    worker.settle(completed(first))
    assert rig.ids("leases") == ["w#1"]

    worker.settle(completed(second), is_last=True)

    assert rig.ids("leases") == []


def test_a_last_settle_that_claims_again_keeps_the_lease(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail"), Task("mail"))
    (first,) = worker.claim(1)
    rig.advance(5)

    worker.exchange(1, [completed(first)], is_last=True)

    assert rig.scores("leases") == {"w#1": START_MS + 5 + LEASE_MS}


def test_an_exchange_renews(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.advance(3_000)

    assert worker.exchange(0).status is ExchangeStatus.DONE
    assert rig.scores("leases") == {"w#1": START_MS + 3_000 + LEASE_MS}


def test_renewal_prolongs_what_exists(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.advance(3_000)

    renewed = rig.renew("w#1", "w#2")

    assert renewed.lost == ("w#2",)
    assert (renewed.next_expiry_ms, renewed.has_expired) == (START_MS + 3_000 + LEASE_MS, False)
    assert rig.ids("leases") == ["w#1"]


def test_a_lease_holds_to_its_last_millisecond(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    pass_time(rig, LEASE_MS)

    assert rig.renew("w#1").lost == ()


def test_an_expired_lease_is_not_renewed(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    pass_time(rig, LEASE_MS + 1)

    renewed = rig.renew("w#1")

    assert (renewed.lost, renewed.has_expired) == (("w#1",), True)
    assert rig.scores("leases") == {"w#1": START_MS + LEASE_MS}


def test_no_lease_comes_back_after_it_was_reaped(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    pass_time(rig, LEASE_MS + 1)
    rig.reap()

    assert rig.renew("w#1").lost == ("w#1",)
    assert worker.exchange(5).status is ExchangeStatus.LOST
    assert worker.exchange(5).claimed == []
    assert rig.ids("leases") == []


def test_an_expired_lease_claims_nothing_though_it_was_not_reaped(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.enqueue(Task("mail", id="t2"))
    pass_time(rig, LEASE_MS + 1)

    reply = worker.exchange(5)

    assert (reply.status, reply.claimed) == (ExchangeStatus.LOST, [])
    assert rig.places("t2") == ["pending"]


def test_an_outage_costs_no_lease(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.advance(3 * LEASE_MS)

    assert rig.renew("w#1").lost == ()
    assert worker.exchange(0).status is ExchangeStatus.DONE


def test_an_exchange_first_after_an_outage_keeps_every_lease(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.advance(3 * LEASE_MS)

    rig.worker("w#2").exchange(1)

    assert rig.renew("w#1").lost == ()


def test_nothing_is_reaped_within_a_lease_after_an_outage(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.advance(3 * LEASE_MS)
    assert rig.reap().outcomes == ()
    back_ms = rig.now_ms

    while rig.now_ms < back_ms + LEASE_MS:
        rig.renew()
        assert rig.reap().outcomes == ()
        rig.advance(1_000)

    assert rig.hash("tries") == {}
    assert rig.places("t1") == ["active"]


def test_who_does_not_come_back_after_an_outage_is_reaped(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.advance(3 * LEASE_MS)
    pass_time(rig, LEASE_MS + 1_000)

    assert rig.reap().outcomes == (("t1", "pending", "w#1"),)


def test_a_renewal_says_that_reaping_waits_for_the_end_of_an_outage(
    rig: Rig, worker: Worker
) -> None:
    hold_one(rig, worker)
    rig.advance(3 * LEASE_MS)
    back_ms = rig.now_ms

    renewed = rig.renew()

    assert (renewed.has_expired, renewed.next_expiry_ms) == (False, back_ms + LEASE_MS)


def test_a_clock_that_went_back_is_an_outage(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    pass_time(rig, LEASE_MS + 1)
    rig.now_ms -= 60_000

    assert rig.renew("w#1").lost == ()
    assert rig.reap().outcomes == ()


def test_a_child_that_its_parent_saw_die_is_reaped_also_after_an_outage(
    rig: Rig, worker: Worker
) -> None:
    hold_one(rig, worker)
    rig.advance(3 * LEASE_MS)

    assert rig.reap("w#1").outcomes == (("t1", "pending", "w#1"),)


def test_renewal_brings_the_intents_to_cancel_of_its_own_tasks(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    worker.claim(1)
    rig.worker("w#2").claim(1)
    rig.move(MoveVerb.CANCEL, "t1", "t2", reason="wrong", is_forced=True)

    cancels = rig.renew("w#1").cancels

    assert {task_id: json.loads(note) for task_id, note in cancels.items()} == {
        "t1": {"by": "ada@host", "why": "wrong", "force": True}
    }


def test_a_lost_incarnation_gets_no_intents(rig: Rig, worker: Worker) -> None:
    hold_one(rig, worker)
    rig.move(MoveVerb.CANCEL, "t1")
    pass_time(rig, LEASE_MS + 1)

    assert rig.renew("w#1").cancels == {}


def test_a_worker_that_lost_one_task_settles_the_others(rig: Rig, worker: Worker) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    first, second = worker.claim(2)
    pass_time(rig, LEASE_MS + 1)

    reply = worker.exchange(1, [completed(first), failed(second)._replace(token="x#1:1")])

    assert (reply.status, reply.codes) == (ExchangeStatus.LOST, b"10")
