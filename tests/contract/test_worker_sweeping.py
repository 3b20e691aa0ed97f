"""The duty of sweeping, over several queues and several workers of one server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from rediq_core.errors import WrongState
from rediq_core.model.task import Task
from rediq_core.verbs.exchange import Retention
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.sweep import Swept
from rediq_core.worker.desk import Desk
from rediq_core.worker.sweeping import CHORES, sweep_once
from tests.support.desk import Desk as Queues
from tests.support.duty import duty_desk

STRICT = Retention(1, 0, 1, 0, 1)


@pytest.fixture
def queues(redis_url: str, redis_client: redis.Redis) -> Iterator[Queues]:
    with Queues(redis_url, redis_client) as made:
        yield made


class Chores:
    """What chores were told, and one that fails."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool, tuple[str, ...]]] = []

    async def note(self, desk: Desk, queue: str, swept: Swept) -> None:
        self.told.append((queue, swept.has_more, swept.deliver))

    async def fail(self, desk: Desk, queue: str, swept: Swept) -> None:
        raise WrongState("no", task_id="", state="")


async def test_every_queue_is_swept_by_one_of_two_workers(queues: Queues) -> None:
    for name in ("a", "b", "c"):
        queues.pending(name, 1)

    async with duty_desk(queues.url, ["a"]) as first, duty_desk(queues.url, ["b"]) as second:
        swept = await sweep_once(first, ()), await sweep_once(second, ())

    assert swept == (["a", "b", "c"], [])


async def test_a_backlog_of_trash_is_gone_after_one_turn(queues: Queues) -> None:
    ids = queues.pending("a", 450)
    queues.queue("a").move(MoveVerb.DELETE, *ids, purge_ms=1)
    chores = Chores()

    async with duty_desk(queues.url) as desk:
        await sweep_once(desk, (chores.fail, chores.note))

    assert queues.queue("a").hash("tasks") == {}
    assert [has_more for _, has_more, _ in chores.told] == [True] * 4 + [False]


async def test_what_is_claimed_under_no_lease_is_taken_back(queues: Queues) -> None:
    (task_id,) = queues.pending("a", 1)
    rig = queues.queue("a")
    rig.worker("gone#1").claim(1)
    rig.client.zrem(rig.key("leases"), "gone#1")

    async with duty_desk(queues.url) as desk:
        await sweep_once(desk, CHORES)

    assert rig.hash("claims") == {}
    assert rig.ids("pending") == [task_id]


async def test_chores_get_the_parents_that_nobody_told(queues: Queues) -> None:
    rig = queues.queue("a")
    rig.enqueue(Task("mail", id="p1", queue="a"))
    rig.client.zadd(rig.key("outbox"), {"p1": 1})
    chores = Chores()

    async with duty_desk(queues.url) as desk:
        await sweep_once(desk, (chores.note,))

    assert chores.told == [("a", False, ("p1",))]


async def test_a_queue_is_trimmed_by_the_retention_of_those_who_serve_it(queues: Queues) -> None:
    queues.completed("served", 2)
    queues.completed("not-served", 2)

    async with duty_desk(queues.url, ["served"]) as desk:
        (lane,) = desk.plan.lanes
        plan = replace(desk.plan, lanes=(replace(lane, retention=STRICT),))
        await sweep_once(replace(desk, plan=plan), ())

    assert queues.queue("served").ids("completed") == []
    assert len(queues.queue("not-served").ids("completed")) == 2


async def test_a_queue_that_cannot_be_swept_does_not_stop_the_others(queues: Queues) -> None:
    for name in ("a", "b"):
        queues.pending(name, 1)
    queues.client.set(queues.queue("a").key("trash"), "not ours")

    async with duty_desk(queues.url) as desk:
        assert await sweep_once(desk, ()) == ["b"]
