"""A worker inside another program: takes tasks, keeps its leases, and ends as it is told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rediq_core import Client, Context, Mux, SyncContext, Task, TaskState, Worker, keys
from rediq_core.admin import connect
from rediq_core.errors import ConfigError, InvalidOption
from tests.support.waiting import await_until

mux = Mux()


class Counter:
    """A resource that says whether it is open."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0


counter = Counter()


@mux.resource
async def counted() -> AsyncIterator[Counter]:
    counter.opened += 1
    yield counter
    counter.closed += 1


@mux.handler("add")
async def add(ctx: Context, numbers: list[int], opened: Counter) -> int:
    return sum(numbers) + opened.opened - opened.opened


@mux.handler("thread")
def in_a_thread(ctx: SyncContext) -> str:
    return threading.current_thread().name


@mux.handler("sleep")
async def sleep(ctx: Context, seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@mux.handler("block")
async def block(ctx: Context, seconds: float) -> str:
    """Stop the program's event loop, as a careless library would."""
    threading.Event().wait(seconds)
    return "done"


@mux.handler("deaf")
async def hear_nothing(ctx: Context, release: str) -> None:
    while not released.is_set():
        try:
            await released.wait()
        except asyncio.CancelledError:
            continue


released = asyncio.Event()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        await worker.stop()
        await asyncio.wait({task})


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    async with Client(redis_url) as made:
        yield made


async def is_in(client: Client, task_id: str, state: TaskState) -> bool:
    return (await client.get(task_id)).state is state


async def test_it_runs_handlers_of_both_modes_with_their_resources(
    redis_url: str, client: Client
) -> None:
    before = counter.opened, counter.closed
    async with running(Worker(mux, queues=["mail", "default"], url=redis_url)) as task:
        added = await client.enqueue(Task("add", [1, 2], queue="mail"))
        name = await client.enqueue(Task("thread"))

        assert await client.result(added, timeout=10) == 3
        assert "handler" in str(await client.result(name, timeout=10))

    assert task.result() is None
    assert (counter.opened, counter.closed) == (before[0] + 1, before[1] + 1)


async def test_it_says_that_a_thread_keeps_its_leases(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(mux, url=redis_url)
    with caplog.at_level(logging.WARNING, "rediq.worker"):
        async with running(worker):
            await await_until(lambda: "a thread keeps its leases" in caplog.text, "said")

    assert worker.id in caplog.text


async def test_a_blocked_program_keeps_its_tasks(redis_url: str, client: Client) -> None:
    async with running(Worker(mux, url=redis_url, lease="1s")) as task:
        task_id = await client.enqueue(Task("block", 1.8))
        assert await client.result(task_id, timeout=20) == "done"
        assert not task.done()

    assert [entry.kind for entry in (await client.get(task_id)).timeline] == ["completed"]


async def test_stop_lets_running_tasks_finish(redis_url: str, client: Client) -> None:
    worker = Worker(mux, url=redis_url)
    async with running(worker) as task:
        task_id = await client.enqueue(Task("sleep", 0.5))
        await await_until(lambda: is_in(client, task_id, TaskState.ACTIVE), "active")
        await worker.stop()

        assert await is_in(client, task_id, TaskState.COMPLETED)
        await asyncio.wait_for(task, 1)
    with connect(redis_url) as admin:
        assert admin.workers() == []


async def test_when_cancelled_it_hands_back_what_runs(redis_url: str, client: Client) -> None:
    async with running(Worker(mux, url=redis_url)) as task:
        task_id = await client.enqueue(Task("sleep", 60.0, timeout="100s"))
        await await_until(lambda: is_in(client, task_id, TaskState.ACTIVE), "active")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    view = await client.get(task_id)
    assert (view.state, view.attempts, view.losses) == (TaskState.PENDING, 0, 0)


async def test_a_handler_that_will_not_end_does_not_hold_up_the_stop(
    redis_url: str, client: Client
) -> None:
    released.clear()
    worker = Worker(mux, url=redis_url, shutdown_grace="100ms")
    async with running(worker) as task:
        task_id = await client.enqueue(Task("deaf", "", timeout="100s"))
        await await_until(lambda: is_in(client, task_id, TaskState.ACTIVE), "active")

        await asyncio.wait_for(worker.stop(), 6)
        await asyncio.wait_for(task, 1)
        released.set()

    assert await is_in(client, task_id, TaskState.PENDING)


async def test_orders_reach_it_as_they_reach_others(redis_url: str, client: Client) -> None:
    worker = Worker(mux, url=redis_url)
    async with running(worker):
        task_id = await client.enqueue(Task("sleep", 60.0, timeout="100s"))
        await await_until(lambda: is_in(client, task_id, TaskState.ACTIVE), "active")
        with connect(redis_url) as admin:
            await await_until(lambda: len(admin.workers()) == 1, "announced")

        await client.cancel(task_id)

        await await_until(
            lambda: is_in(client, task_id, TaskState.CANCELLED), "cancelled", timeout_s=2
        )


async def test_a_false_alarm_about_a_lease_cancels_nothing(
    redis_url: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    # A renewal can overtake the claim that begins the lease, or follow the settle that ends it:
    # then the keeper finds no lease where nothing is lost.
    worker = Worker(mux, url=redis_url)
    async with running(worker):
        task_id = await client.enqueue(Task("sleep", 0.5))
        await await_until(lambda: is_in(client, task_id, TaskState.ACTIVE), "active")
        crew = worker._crew
        assert crew is not None

        crew.obey({"do": "lost", "queue": "default", "incarnation": 1})

        assert await client.result(task_id, timeout=10) == 0.5
        view = await client.get(task_id)
    assert (view.attempts, view.losses) == (1, 0)
    assert "lost the lease" not in caplog.text


async def test_a_lease_that_is_gone_cancels_its_runs(
    redis_url: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(mux, url=redis_url)
    async with running(worker):
        task_id = await client.enqueue(Task("sleep", 60.0, timeout="100s"))
        await await_until(lambda: is_in(client, task_id, TaskState.ACTIVE), "active")
        with connect(redis_url) as admin:
            key = keys.queue_key("rediq", "default", "leases")
            admin.access.commands([("DEL", key)], key=key)
        crew = worker._crew
        assert crew is not None

        crew.obey({"do": "lost", "queue": "default", "incarnation": 1})

        await await_until(lambda: "lost the lease of " + task_id in caplog.text, "cancelled")


async def test_it_runs_again_after_it_was_stopped(redis_url: str, client: Client) -> None:
    worker = Worker(mux, url=redis_url)
    ids = []
    for number in range(2):
        async with running(worker):
            task_id = await client.enqueue(Task("add", [number]))
            assert await client.result(task_id, timeout=10) == number
            ids.append(worker.id)

    assert ids[0] != ids[1]


async def test_it_runs_once_at_a_time(redis_url: str) -> None:
    worker = Worker(mux, url=redis_url)
    async with running(worker):
        await await_until(lambda: worker.id, "started")
        with pytest.raises(ConfigError, match="runs already"):
            await worker.run()


async def test_a_resource_that_cannot_be_opened_ends_it(redis_url: str) -> None:
    broken = Mux()

    @broken.resource
    async def away() -> AsyncIterator[int]:
        raise OSError("no database")
        yield 1

    @broken.handler("x")
    async def handle(ctx: Context, payload: object, number: int) -> None: ...

    worker = Worker(broken, url=redis_url)
    with pytest.raises(OSError, match="no database"):
        await worker.run()
    await worker.stop()


@pytest.mark.parametrize(
    "options", [{"queues": []}, {"queues": "mail"}, {"concurrency": 0}, {"lease": "10ms"}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        Worker(mux, **options)  # type: ignore[arg-type]  # planted mistakes
