"""Schedulers on every topology: each due time once, whoever dies between which two steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import RediqError, RedisUnavailable
from rediq_core.keys import global_key, queue_key
from rediq_core.model.schedule import Misfire, Overlap, Source
from rediq_core.model.task import Task
from rediq_core.scripts.call import Call
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.schedule import declare
from rediq_core.worker.scheduler import LOOK_S, NONE_LOOK_S, Scheduler
from tests.support.rig import Rig
from tests.support.schedules import MINUTE_MS, SECOND_MS, Planner, schedule
from tests.support.servers import Cluster, Server
from tests.support.waiting import await_until

Make = Callable[..., Scheduler]


@pytest.fixture(params=["standalone", pytest.param("cluster", marks=pytest.mark.cluster)])
def planner(request: pytest.FixtureRequest) -> Iterator[Planner]:
    """Schedules on the emptied server of each topology, with a clock of the test's own."""
    if request.param == "standalone":
        server: Server = request.getfixturevalue("redis_server")
        url: str = request.getfixturevalue("redis_url")
    else:
        cluster: Cluster = request.getfixturevalue("cluster_server")
        server, url = cluster.masters[0], request.getfixturevalue("cluster_url")
    client: redis.Redis = server.client()
    rig = Rig(url, client)
    yield Planner(rig)
    rig.close()
    client.close()


@pytest.fixture
async def executor(planner: Planner, request: pytest.FixtureRequest) -> AsyncIterator[Breaking]:
    is_cluster = "cluster" in request.node.callspec.id
    link = AsyncLink(
        parse_url(request.getfixturevalue("cluster_url" if is_cluster else "redis_url"))
    )
    yield Breaking(link)
    await link.aclose()


class Breaking(AsyncExecutor):
    """An executor whose owner dies before a call of a certain script, or behind it."""

    def __init__(self, link: AsyncLink) -> None:
        super().__init__(link)
        self.dies_before = self.dies_behind = ""

    async def run_many(self, calls: Any, **options: Any) -> list[Any]:
        names = {call.script.name for call in calls}
        if self.dies_before in names:
            raise KilledError
        replies = await super().run_many(calls, **options)
        if self.dies_behind in names:
            raise KilledError
        return replies


class KilledError(Exception):
    """Stands for SIGKILL: nothing of the owner runs any more."""


def scheduler(planner: Planner, executor: AsyncExecutor, *declared: Any) -> Scheduler:
    return Scheduler(executor, planner.rig.space, declared)


async def turn(planner: Planner, executor: AsyncExecutor) -> float:
    """Let a scheduler that knows nothing yet look once."""
    return await scheduler(planner, executor).turn()


def epochs(planner: Planner) -> list[int]:
    return [int(task_id.rpartition(":")[2]) for task_id in planner.fired()]


async def test_each_due_time_is_enqueued_and_the_queue_is_registered(
    planner: Planner, executor: Breaking
) -> None:
    planner.put(schedule(overlap=Overlap.ALLOW))
    due_ms = int(planner.due_at("tick") or 0)
    for _ in range(3):
        planner.rig.advance(MINUTE_MS)
        await turn(planner, executor)

    assert epochs(planner) == [due_ms // 1000 + 60 * n for n in range(3)]
    assert planner.due_at("tick") == due_ms + 3 * MINUTE_MS
    assert planner.rig.client.smembers(global_key("t", "queues")) == {b"q"}


async def test_it_sleeps_until_the_next_due_time_but_looks_each_second(
    planner: Planner, executor: Breaking
) -> None:
    assert await turn(planner, executor) == NONE_LOOK_S
    planner.put(schedule())
    planner.rig.now_ms = int(planner.due_at("tick") or 0) - 250

    assert await turn(planner, executor) == 0.25
    planner.rig.now_ms -= 30 * SECOND_MS
    assert await turn(planner, executor) == LOOK_S


@pytest.mark.parametrize("moment", ["before fire", "behind fire", "before schedule_advance"])
async def test_a_scheduler_that_dies_between_two_steps_neither_loses_nor_doubles(
    planner: Planner, executor: Breaking, moment: str
) -> None:
    planner.put(schedule(overlap=Overlap.ALLOW))
    due_ms = int(planner.due_at("tick") or 0)
    planner.rig.advance(MINUTE_MS)
    side, _, name = moment.partition(" ")
    setattr(executor, f"dies_{side}", name)
    with pytest.raises(KilledError):
        await turn(planner, executor)
    executor.dies_before = executor.dies_behind = ""

    await turn(planner, executor)

    assert epochs(planner) == [due_ms // 1000]
    assert planner.due_at("tick") == due_ms + MINUTE_MS


async def test_a_scheduler_that_died_may_be_followed_by_one_that_comes_much_later(
    planner: Planner, executor: Breaking
) -> None:
    planner.put(schedule(overlap=Overlap.ALLOW, misfire=Misfire.CATCH_UP))
    due_ms = int(planner.due_at("tick") or 0)
    planner.rig.advance(MINUTE_MS)
    executor.dies_behind = "fire"
    with pytest.raises(KilledError):
        await turn(planner, executor)
    executor.dies_behind = ""
    planner.rig.advance(4 * MINUTE_MS)

    await turn(planner, executor)

    assert epochs(planner) == [due_ms // 1000 + 60 * n for n in range(5)]


async def test_many_schedulers_at_once_enqueue_each_due_time_once(
    planner: Planner, executor: Breaking
) -> None:
    for n in range(20):
        planner.put(schedule(f"tick{n:02}", "* * * * * *", overlap=Overlap.ALLOW))
    started_s = planner.rig.now_ms // 1000
    for _ in range(5):
        planner.rig.advance(SECOND_MS)
        await asyncio.gather(*(turn(planner, executor) for _ in range(5)))

    assert epochs(planner) == [started_s + n for _ in range(20) for n in range(1, 6)]
    assert planner.rig.view().lifetime["enqueued"] == 100


@pytest.mark.parametrize(
    ("misfire", "fires", "missed"),
    [(Misfire.RUN_ONCE, 1, "9"), (Misfire.SKIP, 0, "10"), (Misfire.CATCH_UP, 10, None)],
)
async def test_ten_minutes_without_a_scheduler_follow_the_policy(
    planner: Planner, executor: Breaking, misfire: Misfire, fires: int, missed: str | None
) -> None:
    planner.put(schedule(misfire=misfire))
    due_ms = int(planner.due_at("tick") or 0)
    planner.rig.now_ms = due_ms + 9 * MINUTE_MS + 30 * SECOND_MS

    await turn(planner, executor)

    last_s = due_ms // 1000 + 540
    assert epochs(planner) == list(range(last_s - 60 * (fires - 1), last_s + 1, 60))
    assert planner.rig.hash("fired").get("tick>missed") == missed
    assert planner.due_at("tick") == due_ms + 10 * MINUTE_MS


async def test_catching_up_stops_at_a_hundred(planner: Planner, executor: Breaking) -> None:
    planner.put(schedule("tick", "* * * * * *", misfire=Misfire.CATCH_UP))
    planner.rig.advance(600 * SECOND_MS)

    await turn(planner, executor)

    now_s = planner.rig.now_ms // 1000
    assert epochs(planner) == list(range(now_s - 99, now_s + 1))
    assert planner.rig.hash("fired")["tick>missed"] == "500"


async def test_large_tasks_are_caught_up_in_several_calls(
    planner: Planner, executor: Breaking
) -> None:
    task: Task[object] = Task("tick", "x" * 500_000, queue="q")
    planner.put(schedule(task=task, misfire=Misfire.CATCH_UP))
    due_ms = int(planner.due_at("tick") or 0)
    planner.rig.now_ms = due_ms + 19 * MINUTE_MS

    await turn(planner, executor)

    assert epochs(planner) == [due_ms // 1000 + 60 * n for n in range(20)]
    assert planner.due_at("tick") == due_ms + 20 * MINUTE_MS


async def test_one_that_cannot_be_read_stops_no_other(
    planner: Planner, executor: Breaking, caplog: pytest.LogCaptureFixture
) -> None:
    planner.put(schedule())
    planner.rig.client.hset(planner.key("schedules"), "broken", "api|0|00|{}")
    planner.rig.client.hset(
        planner.key("schedules"),
        "elsewhere",
        'api|0|00|{"cron":"@daily","tz":"Mars/X","misfire":"skip","overlap":"skip",'
        '"jitter_ms":0,"queue":"q","type":"t","priority":1}',
    )
    planner.rig.client.zadd(planner.key("schedules_due"), {"broken": 1, "elsewhere": 1})
    planner.rig.advance(MINUTE_MS)
    looking = scheduler(planner, executor)

    waits = [await looking.turn() for _ in range(3)]

    assert len(planner.fired()) == 1
    assert min(waits) > 0.5
    said = [record.getMessage() for record in caplog.records]
    assert [text.split()[1] for text in said] == ["broken", "elsewhere"]


async def test_what_a_queue_refuses_stays_due(planner: Planner, executor: Breaking) -> None:
    planner.put(schedule())
    planner.put(schedule("other", queue="r"))
    planner.rig.advance(MINUTE_MS)
    planner.rig.client.set(queue_key("t", "q", "fired"), "not ours")

    await turn(planner, executor)
    planner.rig.client.delete(queue_key("t", "q", "fired"))
    assert [due.name for due in planner.due().schedules] == ["tick"]
    await turn(planner, executor)

    assert planner.due().schedules == ()
    assert len(planner.fired()) == 1


async def test_the_configuration_is_registered_once(planner: Planner, executor: Breaking) -> None:
    planner.put(schedule("mine"))
    declared = [declare(schedule(f"told{n}"), source=Source.CONFIG, rev=n) for n in range(3)]
    starting = scheduler(planner, executor, *declared)

    await starting.register()

    before = planner.rig.dump()
    assert [planner.row(f"told{n}").rev for n in range(3)] == [0, 1, 2]
    assert planner.due_at("told0") == planner.due_at("mine")
    await scheduler(planner, executor, *declared).register()
    assert planner.rig.dump() == before


async def test_it_goes_on_when_redis_comes_back_and_registers_then(
    planner: Planner, executor: Breaking
) -> None:
    class Away(Breaking):
        is_away = True

        async def run_many(self, calls: Any, **options: Any) -> list[Any]:
            if self.is_away:
                return [RedisUnavailable("away") for _ in calls]
            return await super().run_many(calls, **options)

        async def run(self, call: Call[Any], **options: Any) -> Any:
            if self.is_away:
                raise RedisUnavailable("away")
            return await super().run(call, **options)

    away = Away(executor.link)
    started = asyncio.create_task(
        scheduler(planner, away, declare(schedule("told"), source=Source.CONFIG)).run()
    )
    with pytest.raises(RediqError):
        await scheduler(planner, away).turn()
    away.is_away = False

    await await_until(lambda: planner.due_at("told") is not None, "registered")

    assert not started.done()
    started.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started
