"""Schedules from both clients: declared, changed, taken back; `cron` of a task is short for it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest
import redis

from rediq_core import Client, SyncClient, Task
from rediq_core.admin import Admin, connect
from rediq_core.errors import EnqueueManyFailed, InvalidCron, InvalidOption, InvalidPayload
from rediq_core.model.schedule import Source
from tests.support.rig import Rig
from tests.support.schedules import Planner, schedule

Do = Callable[..., Awaitable[Any]]


@pytest.fixture(params=["async", "sync", pytest.param("cluster", marks=pytest.mark.cluster)])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Do, Admin]]:
    """Call a client's method by its name; look at what it did with an Admin."""
    is_cluster = request.param == "cluster"
    url: str = request.getfixturevalue("cluster_url" if is_cluster else "redis_url")
    with connect(url) as admin:
        if request.param == "sync":
            with SyncClient(url) as blocking:

                async def do_blocking(verb: str, *args: Any, **options: Any) -> Any:
                    return getattr(blocking, verb)(*args, **options)

                yield do_blocking, admin
        else:
            async with Client(url) as client:

                async def do(verb: str, *args: Any, **options: Any) -> Any:
                    return await getattr(client, verb)(*args, **options)

                yield do, admin


async def test_a_schedule_is_as_it_was_declared(place: tuple[Do, Admin]) -> None:
    do, admin = place
    task: Task[object] = Task("report:daily", {"n": 1}, queue="reports", priority=100)

    name = await do(
        *("schedule", "nightly", "30 2 * * *", task),
        timezone="Europe/Vienna",
        misfire="catch_up",
        overlap="allow",
        jitter="5m",
    )

    view = admin.schedule("nightly")
    assert name == "nightly"
    assert (view.cron, view.timezone, view.misfire) == ("30 2 * * *", "Europe/Vienna", "catch_up")
    assert (view.overlap, view.jitter_ms, view.source) == ("allow", 300_000, "api")
    assert (view.type, view.queue, view.priority) == ("report:daily", "reports", 100)
    assert (view.payload_json, view.last, view.pause) == (b'{"n":1}', None, None)
    assert view.next_ms > view.at_ms
    assert view.set_by
    (listed,) = admin.schedules()
    assert dataclasses.replace(listed, payload_json=b'{"n":1}', at_ms=view.at_ms) == view


async def test_registering_again_changes_it_and_keeps_a_pause(place: tuple[Do, Admin]) -> None:
    do, admin = place
    await do("schedule", "tick", "@hourly", Task("tick"))
    admin.pause_schedule("tick", "ada@host", "holidays")

    await do("schedule", "tick", "@daily", Task("tock"))

    view = admin.schedule("tick")
    assert (view.cron, view.type, view.next_ms) == ("@daily", "tock", 0)
    assert view.pause is not None
    assert (view.pause.by, view.pause.reason) == ("ada@host", "holidays")


async def test_a_task_with_cron_is_a_schedule_named_like_its_type(
    place: tuple[Do, Admin],
) -> None:
    do, admin = place

    name = await do("enqueue", Task("order:timeout_check", queue="late", cron="0 * * * *"))

    view = admin.schedule("order:timeout_check")
    assert name == "order:timeout_check"
    assert (view.cron, view.queue, view.type) == ("0 * * * *", "late", "order:timeout_check")
    assert admin.queue_names() == []


async def test_many_may_be_tasks_and_schedules(place: tuple[Do, Admin]) -> None:
    do, admin = place
    one: Task[object] = Task("mail")

    results = await do("enqueue_many", [Task("tick", cron="@hourly"), one])

    assert results == ["tick", one.id]
    with pytest.raises(EnqueueManyFailed) as failed:
        await do("enqueue_many", [Task("tock", cron="0 0 30 2 *"), Task("mail")])
    assert isinstance(failed.value.results[0], InvalidCron)
    assert [view.name for view in admin.schedules()] == ["tick"]


async def test_unschedule_takes_it_back(place: tuple[Do, Admin]) -> None:
    do, admin = place
    await do("schedule", "tick", "@hourly", Task("tick"))

    assert await do("unschedule", "tick") is True
    assert await do("unschedule", "tick") is False
    assert admin.schedules() == []


@pytest.mark.parametrize(
    ("args", "options", "error"),
    [
        (("tick", "0 0 30 2 *", Task("tick")), {}, InvalidCron),
        (("tick", "@hourly", Task("tick")), {"timezone": "Mars/X"}, InvalidCron),
        (("tick", "@hourly", Task("tick")), {"misfire": "no"}, InvalidOption),
        (("tick", "@hourly", Task("tick", group="g")), {}, InvalidOption),
        (("tick", "@hourly", Task("tick", object())), {}, InvalidPayload),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_sent(
    place: tuple[Do, Admin], args: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    do, admin = place

    with pytest.raises(error):
        await do("schedule", *args, **options)
    assert admin.schedules() == []


async def test_what_a_configuration_declares_is_left_to_it(
    redis_url: str, redis_client: redis.Redis
) -> None:
    with closing(Rig(redis_url, redis_client)) as rig:
        Planner(rig).put(schedule("told"), source=Source.CONFIG, rev=1)

    async with Client(redis_url, namespace="t") as client:
        with pytest.raises(InvalidOption, match="declared in the configuration") as refused:
            await client.schedule("told", "@hourly", Task("tick"))

    assert "rediq schedule delete told" in refused.value.next_step
