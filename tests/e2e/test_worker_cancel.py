"""Cancelling what runs, in every mode, with one real worker: quick, and on the record."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rediq_core import Client, SyncClient, Task, TaskState, TaskView
from rediq_core.admin import connect
from tests.support.guarded import as_operator
from tests.support.servers import Server, standalone
from tests.support.waiting import await_until, wait_until
from tests.support.workers import Worker, worker

# A cancel reaches a running handler within a second; the margin is for a machine that is busy.
WITHIN_S = 1.5


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Server, Worker]]:
    with (
        standalone() as server,
        worker(server.url, "--concurrency", "8") as started,
        SyncClient(server.url) as client,
    ):
        # Both kinds of handler are warm then.
        for kind in ("sleep", "process"):
            client.result(client.enqueue(Task(kind, 0.0)), timeout=20)
        yield server, started


@pytest.fixture
def client(running: tuple[Server, Worker]) -> Iterator[SyncClient]:
    with SyncClient(running[0].url) as made:
        yield made


def start(client: SyncClient, kind: str, *args: object, **options: object) -> str:
    task: Task[object] = Task(kind, *args, **options)  # type: ignore[arg-type]  # options of Task
    task_id = client.enqueue(task)
    wait_until(lambda: client.get(task_id).state is TaskState.ACTIVE, "active", timeout_s=20)
    return task_id


def start_and_watch(client: SyncClient, kind: str, *args: object, **options: object) -> str:
    """Return when the handler itself has said that it runs: a claimed one may not have begun."""
    task_id = start(client, kind, *args, **options)
    wait_until(lambda: client.get(task_id).progress is not None, "watching")
    return task_id


def ended(client: SyncClient, task_id: str) -> tuple[TaskView, float]:
    """Wait for the end of a task; returns it and how many seconds that took."""
    began = time.monotonic()
    wait_until(lambda: client.get(task_id).state is not TaskState.ACTIVE, "ended", timeout_s=20)
    return client.get(task_id), time.monotonic() - began


def test_a_cancel_reaches_an_async_handler_within_a_second(client: SyncClient) -> None:
    task_id = start_and_watch(client, "async:reason")

    assert client.cancel(task_id, reason="wrong order") is TaskState.ACTIVE
    view, took_s = ended(client, task_id)

    assert view.state is TaskState.CANCELLED
    assert took_s < WITHIN_S


async def test_an_async_client_cancels_as_quickly(running: tuple[Server, Worker]) -> None:
    async with Client(running[0].url) as client:
        task_id = await client.enqueue(Task("async:reason"))

        async def is_in(state: TaskState) -> bool:
            return (await client.get(task_id)).state is state

        await await_until(lambda: is_in(TaskState.ACTIVE), "active")
        assert await client.cancel(task_id) is TaskState.ACTIVE
        await await_until(lambda: is_in(TaskState.CANCELLED), "cancelled", timeout_s=WITHIN_S)


@pytest.mark.parametrize("kind", ["thread:watchful", "process:watchful"])
def test_a_plain_handler_sees_the_flag_and_the_reason(
    running: tuple[Server, Worker], client: SyncClient, kind: str
) -> None:
    task_id = start_and_watch(client, kind)
    seen = running[1].log.count("saw cancel")

    client.cancel(task_id)
    view, took_s = ended(client, task_id)

    assert view.state is TaskState.CANCELLED
    assert took_s < WITHIN_S
    assert [entry.kind for entry in view.timeline] == ["released", "cancelled"]
    assert running[1].log.count("saw cancel") == seen + 1


def test_a_thread_that_looks_away_is_left_alone_until_it_ends(client: SyncClient) -> None:
    task_id = start_and_watch(client, "thread:deaf", 1.0)

    client.cancel(task_id)
    view, _ = ended(client, task_id)

    # It was done before anybody could stop it: what it did is not denied.
    assert view.state is TaskState.COMPLETED


def test_force_kills_a_process_handler_at_once(client: SyncClient) -> None:
    task_id = start(client, "process", 60.0, timeout="100s")

    client.cancel(task_id, force=True)
    view, took_s = ended(client, task_id)

    assert view.state is TaskState.CANCELLED
    assert took_s < WITHIN_S


@pytest.mark.parametrize(
    ("kind", "force"),
    [("async:reason", False), ("thread:watchful", False), ("process:watchful", True)],
)
def test_the_record_says_who_asked_and_what_happened(
    client: SyncClient, kind: str, force: bool
) -> None:
    from rediq_core.client.plan import actor

    task_id = start_and_watch(client, kind)

    client.cancel(task_id, reason="wrong order", force=force)
    view, _ = ended(client, task_id)

    released, cancelled = view.timeline
    assert (released.kind, released.note) == ("released", "cancel")
    assert cancelled.kind == "cancelled"
    assert actor() in cancelled.note
    assert "wrong order" in cancelled.note
    assert view.attempts == 0


def test_an_operator_cancels_all_running_tasks_of_a_queue_at_once(
    running: tuple[Server, Worker], client: SyncClient
) -> None:
    from rediq_core.model.where import parse_where

    ids = [start(client, "async:reason") for _ in range(5)]
    with connect(as_operator(running[0].url)) as admin:
        report = admin.move("cancel", parse_where(["active:default"]), by="ada@host")
        began = time.monotonic()
        wait_until(
            lambda: all(client.get(i).state is TaskState.CANCELLED for i in ids), "all cancelled"
        )

    assert sorted(report.intents) == sorted(ids)
    assert time.monotonic() - began < WITHIN_S


def test_force_gives_up_a_deaf_thread_and_its_process_is_replaced(
    running: tuple[Server, Worker], client: SyncClient
) -> None:
    before = running[1].children()
    task_id = start_and_watch(client, "thread:deaf", 20.0, timeout="100s")

    client.cancel(task_id, force=True)
    view, took_s = ended(client, task_id)

    assert view.state is TaskState.CANCELLED
    assert took_s < WITHIN_S
    wait_until(lambda: not set(before) & set(running[1].children()), "replaced")
    assert client.result(client.enqueue(Task("sleep", 0.0)), timeout=20) == {"slept": 0.0}
    assert "recycled: a thread of thread:deaf would not end" in running[1].log
