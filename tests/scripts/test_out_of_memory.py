"""At maxmemory new tasks are refused, and whatever frees or records goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rediq_core.errors import RedisOutOfMemory
from rediq_core.model.task import Task
from rediq_core.scripts.call import Call
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.operations import write_record
from rediq_core.verbs.presence import announce, give_orders, mark_lost
from rediq_core.verbs.progress import ProgressReport, report_progress
from tests.support.catalogue import OPERATION, ORDER, WORKER
from tests.support.rig import Rig, completed, failed
from tests.support.servers import engine

CALLS: dict[str, Callable[[Rig], Call[int]]] = {
    "announce": lambda rig: announce(rig.space, WORKER),
    "lost": lambda rig: mark_lost(rig.space, WORKER.id),
    "order": lambda rig: give_orders(rig.space, "boss", [ORDER], is_journalled=True),
    "record": lambda rig: write_record(rig.space, OPERATION),
}


@pytest.fixture
def full_rig(rig: Rig) -> Iterator[Rig]:
    """A queue of five tasks on a server that has no memory left."""
    rig.enqueue(*[Task("mail", id=f"t{number}") for number in range(5)])
    rig.client.config_set("maxmemory", "1")
    yield rig
    rig.client.config_set("maxmemory", "0")


def test_new_tasks_are_refused(full_rig: Rig) -> None:
    with pytest.raises(RedisOutOfMemory):
        full_rig.enqueue(Task("mail", id="new"))

    assert "new" not in full_rig.hash("tasks")
    assert len(full_rig.ids("pending")) == 5


def test_the_queue_drains(full_rig: Rig) -> None:
    worker = full_rig.worker()

    while tasks := worker.claim(2):
        worker.settle(*[completed(task) for task in tasks])

    assert len(full_rig.ids("completed")) == 5


def test_failures_leases_progress_and_recovery_go_on(full_rig: Rig) -> None:
    rig, worker = full_rig, full_rig.worker()
    first, second = worker.claim(2)
    report = ProgressReport(second.id, second.token, 40, "half")

    assert rig.executor.run(report_progress(rig.space, rig.queue, [report])) == 1
    assert worker.settle(failed(first)).codes == b"1"
    assert rig.renew("w#1").lost == ()
    assert rig.reap("w#1").outcomes == ((second.id, "pending", "w#1"),)


def test_operators_go_on(full_rig: Rig) -> None:
    assert full_rig.move(MoveVerb.DELETE, "t0").words == ("moved",)
    assert full_rig.move(MoveVerb.CANCEL, "t1").words == ("moved",)
    assert full_rig.pause() is False
    assert full_rig.resume() is True


# A server older than 7 takes the second form alone.
FORMS = {"Redis 7": False, "Redis 6": True} if engine().version >= (7,) else {"Redis 6": True}


@pytest.mark.parametrize("is_legacy", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", CALLS)
def test_workers_are_seen_and_orders_and_operations_written(
    full_rig: Rig, name: str, is_legacy: bool
) -> None:
    raw = CALLS[name](full_rig).raw(is_legacy=is_legacy)

    full_rig.client.eval(raw.body, len(raw.keys), *raw.keys, *raw.args)

    assert full_rig.client.exists(raw.keys[1]) == 1
