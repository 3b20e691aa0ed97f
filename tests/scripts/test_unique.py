"""A unique key belongs to one unfinished task of its queue, at every instant."""

from __future__ import annotations

import pytest

from rediq_core.errors import DuplicateTask, WrongState
from rediq_core.model.task import Task
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import Rig, completed, died, failed, released, snoozed, unknown_type


def keyed(task_id: str, **options: object) -> Task[object]:
    return Task("mail", id=task_id, unique_key="k", **options)  # type: ignore[arg-type]  # a test's options


def test_a_taken_key_is_refused_with_its_owner(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))

    (refused,) = rig.put(keyed("t2"))

    assert isinstance(refused, DuplicateTask)
    assert refused.owner_id == "t1"
    assert "t2" not in rig.hash("tasks")


def test_a_taken_key_can_return_its_owner(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))

    assert rig.put(keyed("t2", on_duplicate="return")) == ["t1"]


def test_two_tasks_of_one_call_cannot_share_a_key(rig: Rig) -> None:
    first, second, third = rig.put(
        keyed("t1"), keyed("t2", on_duplicate="return"), Task("mail", id="t3", unique_key="other")
    )

    assert (first, second, third) == ("t1", "t1", "t3")
    assert rig.hash("unique") == {"k": "t1|0", "other": "t3|0"}


def test_replace_works_on_an_owner_of_the_same_call(rig: Rig) -> None:
    rig.put(keyed("t1"), keyed("t2", on_duplicate="replace"))

    assert rig.places("t1") == ["cancelled"]
    assert rig.places("t2") == ["pending"]
    assert rig.hash("unique") == {"k": "t2|0"}


@pytest.mark.parametrize("state", ["pending", "delayed", "retry", "held", "waiting", "suspects"])
def test_replace_cancels_an_owner_that_is_not_active(rig: Rig, state: str) -> None:
    seed_keyed(rig, state)
    assert rig.places("t1") == [state]

    assert rig.put(keyed("t2", on_duplicate="replace")) == ["t2"]

    assert rig.places("t1") == ["cancelled"]
    assert rig.task("t1").timeline[-1].kind == "replaced"
    assert rig.hash("unique") == {"k": "t2|0"}
    assert rig.hash("causes") == {}
    assert rig.ids("errors") == []


def seed_keyed(rig: Rig, state: str) -> None:
    """Bring a task t1 with the key into a zset."""
    options: dict[str, object] = {"delay": "1h"} if state == "delayed" else {}
    rig.enqueue(keyed("t1", **options), unmet=["p1"] if state == "waiting" else [])
    worker = rig.worker()
    if state == "retry":
        worker.settle(failed(*worker.claim(1), delay_ms=60_000))
    elif state == "held":
        worker.settle(unknown_type(*worker.claim(1)))
    elif state == "suspects":
        worker.claim(1)
        rig.reap("w#1")
        rig.worker("w#2").claim(1)
        rig.reap("w#2")


def test_replace_refuses_an_active_owner(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))
    rig.worker().claim(1)

    (refused,) = rig.put(keyed("t2", on_duplicate="replace"))

    assert isinstance(refused, WrongState)
    assert (refused.task_id, refused.state) == ("t1", "active")
    assert rig.places("t1") == ["active"]


def test_completion_releases_the_key(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))
    worker = rig.worker()

    worker.settle(completed(*worker.claim(1)))

    assert rig.hash("unique") == {}
    assert rig.put(keyed("t2")) == ["t2"]


def test_death_releases_the_key(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))
    worker = rig.worker()

    worker.settle(died(*worker.claim(1)))

    assert rig.hash("unique") == {}


@pytest.mark.parametrize("settle", [failed, snoozed, released, unknown_type])
def test_an_unfinished_owner_keeps_the_key(rig: Rig, settle: object) -> None:
    rig.enqueue(keyed("t1"))
    worker = rig.worker()

    worker.settle(settle(*worker.claim(1)))  # type: ignore[operator]  # one of the rig's outcomes

    assert rig.put(keyed("t2", on_duplicate="return")) == ["t1"]


def test_a_cancel_intent_releases_the_key_when_the_run_ends(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))
    worker = rig.worker()
    (task,) = worker.claim(1)
    rig.move(MoveVerb.CANCEL, "t1")
    assert rig.hash("unique") == {"k": "t1|0"}

    worker.settle(failed(task))

    assert rig.hash("unique") == {}


@pytest.mark.parametrize("verb", [MoveVerb.CANCEL, MoveVerb.DELETE])
def test_cancel_and_delete_release_the_key(rig: Rig, verb: MoveVerb) -> None:
    rig.enqueue(keyed("t1"))

    rig.move(verb, "t1")

    assert rig.hash("unique") == {}


def test_expiry_releases_the_key(rig: Rig) -> None:
    rig.enqueue(keyed("t1", expires_in="1s"))
    rig.advance(1_000)

    rig.worker().claim(1)

    assert rig.places("t1") == ["cancelled"]
    assert rig.hash("unique") == {}


def test_poison_releases_the_key(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))
    for number in (1, 2, 3):
        rig.worker(f"w#{number}").claim(1, is_solo=True)
        rig.reap(f"w#{number}")

    assert rig.places("t1") == ["dead"]
    assert rig.hash("unique") == {}


@pytest.mark.parametrize("verb", [MoveVerb.RETRY, MoveVerb.RESTORE])
def test_a_task_that_comes_back_takes_its_key_again(rig: Rig, verb: MoveVerb) -> None:
    bring_back = prepare_return(rig, verb)

    assert bring_back() == ("moved",)

    assert rig.hash("unique") == {"k": "t1|0"}
    assert rig.places("t1") == ["pending"]


@pytest.mark.parametrize("verb", [MoveVerb.RETRY, MoveVerb.RESTORE])
def test_a_task_does_not_come_back_while_another_has_its_key(rig: Rig, verb: MoveVerb) -> None:
    bring_back = prepare_return(rig, verb)
    rig.enqueue(keyed("t2"))
    before = rig.dump()

    assert bring_back() == ("unique",)

    assert rig.dump() == before


def prepare_return(rig: Rig, verb: MoveVerb):  # type: ignore[no-untyped-def]  # a closure
    """Bring t1 to where `verb` takes it from; returns what acts."""
    rig.enqueue(keyed("t1"))
    if verb is MoveVerb.RETRY:
        worker = rig.worker()
        worker.settle(died(*worker.claim(1)))
    else:
        rig.move(MoveVerb.DELETE, "t1")
    return lambda: rig.move(verb, "t1").words


def test_a_finished_task_comes_back_from_trash_without_its_key(rig: Rig) -> None:
    rig.enqueue(keyed("t1"))
    worker = rig.worker()
    worker.settle(completed(*worker.claim(1)))
    rig.move(MoveVerb.DELETE, "t1")
    rig.enqueue(keyed("t2"))

    assert rig.move(MoveVerb.RESTORE, "t1").words == ("moved",)
    assert rig.hash("unique") == {"k": "t2|0"}


def test_a_key_can_be_free_again_before_its_owner_has_finished(rig: Rig) -> None:
    rig.enqueue(keyed("t1", unique_for="10s"))
    rig.advance(9_999)
    assert rig.put(keyed("t2", on_duplicate="return")) == ["t1"]

    rig.advance(1)

    assert rig.put(keyed("t2")) == ["t2"]
    assert rig.hash("unique") == {"k": "t2|0"}


def test_an_operator_retry_does_not_make_a_short_key_endless(rig: Rig) -> None:
    rig.enqueue(keyed("t1", unique_for="60s"))
    held = rig.hash("unique")
    worker = rig.worker()
    worker.settle(failed(*worker.claim(1)))

    rig.move(MoveVerb.RETRY, "t1")

    assert rig.hash("unique") == held


def test_the_former_owner_of_an_expired_key_does_not_release_the_new_one(rig: Rig) -> None:
    rig.enqueue(keyed("t1", unique_for="1s"))
    worker = rig.worker()
    (former,) = worker.claim(1)
    rig.advance(1_000)
    rig.enqueue(keyed("t2"))

    worker.settle(completed(former))

    assert rig.hash("unique") == {"k": "t2|0"}


def test_an_owner_that_is_gone_does_not_hold_the_key(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    rig.client.hset(rig.key("unique"), "k", "ghost|0")

    assert rig.put(keyed("t1")) == ["t1"]


def test_an_owner_in_a_final_state_does_not_hold_the_key(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="done"))
    worker = rig.worker()
    worker.settle(completed(*worker.claim(1)))
    rig.client.hset(rig.key("unique"), "k", "done|0")

    assert rig.put(keyed("t1", on_duplicate="replace")) == ["t1"]
    assert rig.places("done") == ["completed"]


def test_keys_with_separators_are_kept_apart(rig: Rig) -> None:
    first = Task("mail", id="t1", unique_key="a|b%7C")
    second = Task("mail", id="t2", unique_key="a|b|")
    rig.enqueue(first, second)
    worker = rig.worker()

    worker.settle(*[completed(task) for task in worker.claim(2)])

    assert rig.hash("unique") == {}
    assert rig.task("t1").unique_key == "a|b%7C"


def test_keys_are_per_queue(rig: Rig, redis_url: str) -> None:
    rig.enqueue(keyed("t1"))
    other = Rig(redis_url, rig.client, queue="other")

    assert other.put(Task("mail", id="t2", queue="other", unique_key="k")) == ["t2"]
    other.close()
