"""What is promised of single tasks, by real workers: keep, expires_in, on_dead, unknown types."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from rediq_core import SyncClient, Task, TaskState
from rediq_core.admin import Admin, connect
from rediq_core.errors import TaskNotFound
from rediq_core.keys import queue_key
from tests.support.cli import run
from tests.support.guarded import as_operator
from tests.support.waiting import wait_until
from tests.support.workers import Worker

MODULE = "tests.e2e.handlers_for_promises"
OTHERS = "tests.e2e.handlers_for_groups"


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


@pytest.fixture
def admin(redis_url: str) -> Iterator[Admin]:
    with connect(as_operator(redis_url)) as made:
        yield made


@pytest.fixture
def running(redis_url: str) -> Iterator[Worker]:
    worker = Worker(redis_url, module=MODULE)
    yield worker
    worker.close()


def make_old(redis_client: redis.Redis, key: str, ids: list[str], age_ms: int) -> None:
    """Let a zset of the default queue say that these tasks got there so long ago."""
    seconds, microseconds = redis_client.time()
    then_ms = seconds * 1_000 + microseconds // 1_000 - age_ms
    redis_client.zadd(queue_key("rediq", "default", key), dict.fromkeys(ids, then_ms), xx=True)


def known(client: SyncClient, ids: list[str]) -> list[str]:
    found = []
    for id_ in ids:
        try:
            found.append(client.get(id_).id)
        except TaskNotFound:
            continue
    return found


def test_keep_holds_a_finished_task_beyond_the_count_and_no_longer(
    redis_url: str, redis_client: redis.Redis, client: SyncClient, tmp_path: Path
) -> None:
    config = tmp_path / "rediq.toml"
    config.write_text("[retention]\ncompleted = { count = 1 }\n[queues.default]\n")
    worker = Worker(redis_url, "-c", str(config), module=MODULE)
    try:
        kept = [client.enqueue(Task("quick", n, keep="1h")) for n in range(3)]
        loose = [client.enqueue(Task("quick", n)) for n in range(3)]
        assert [client.result(id_, timeout=20) for id_ in kept + loose] == [0, 1, 2, 0, 1, 2]
        make_old(redis_client, "completed", kept + loose, 70_000)

        client.result(client.enqueue(Task("quick", 9)), timeout=20)
        wait_until(lambda: known(client, kept + loose) == kept, "the others are gone", 20)

        make_old(redis_client, "kept", kept, 1)
        client.result(client.enqueue(Task("quick", 9)), timeout=20)
        wait_until(lambda: known(client, kept) == [], "their time is over", 20)
    finally:
        worker.close()


@pytest.mark.usefixtures("running")
def test_what_did_not_start_in_time_is_cancelled_and_never_run(
    admin: Admin, client: SyncClient
) -> None:
    client.result(client.enqueue(Task("quick", 0)), timeout=20)
    admin.pause("default", "ada@host")
    soon = datetime.now(UTC) + timedelta(milliseconds=50)
    late = [
        client.enqueue(Task("quick", 1, expires_in="50ms")),
        client.enqueue(Task("quick", 1, expires_in="50ms", delay="50ms")),
        client.enqueue(Task("quick", 1, expires_in="50ms", at=soon)),
    ]
    early = client.enqueue(Task("quick", 2, expires_in="1h"))
    latest_ms = max(client.get(id_).expires_ms for id_ in late)
    wait_until(lambda: admin.queue("default").at_ms > latest_ms, "their time is over")

    admin.resume("default", "ada@host")

    assert client.result(early, timeout=20) == 2
    wait_until(
        lambda: all(client.get(id_).state is TaskState.CANCELLED for id_ in late), "cancelled", 20
    )
    views = [client.get(id_) for id_ in late]
    assert [[entry.kind for entry in view.timeline] for view in views] == [["expired"]] * 3
    assert [view.attempts for view in views] == [0, 0, 0]


@pytest.mark.usefixtures("running")
def test_hooks_run_once_a_task_is_dead(client: SyncClient) -> None:
    failing = client.enqueue(Task("doomed", "out of paper"))
    thread = client.enqueue(Task("doomed:thread"))
    twice = client.enqueue(Task("doomed:twice"))

    def told(of: str) -> object:
        wait_until(lambda: known(client, [f"told-of-{of}"]), f"somebody is told of {of}", 20)
        return client.result(f"told-of-{of}", timeout=20)

    assert told(failing) == ["out of paper", "out of paper 2"]
    assert (told(thread), told(twice)) == ("never", "never")
    assert {client.get(id_).state for id_ in (failing, thread, twice)} == {TaskState.DEAD}


def test_a_task_that_falls_to_whoever_does_not_know_it_goes_at_once_to_who_does(
    redis_url: str, client: SyncClient
) -> None:
    with ExitStack() as stack:
        workers = [
            stack.enter_context(closing(Worker(redis_url, "--processes", "2", module=module)))
            for module in (OTHERS, MODULE, OTHERS)
        ]
        for worker in workers:
            wait_until(lambda: worker.log.count("is ready") == 2, "ready", 20)  # noqa: B023 - called here
        took_s = []
        for n in range(30):
            began_s = time.monotonic()
            # Whoever sleeps longest hears of it first.
            assert client.result(client.enqueue(Task("quick", n)), timeout=30) == n
            took_s.append(time.monotonic() - began_s)

    assert max(took_s) < 2


def test_unknown_types_are_shown_unroutable_and_taken_at_once_by_who_knows_them(
    redis_url: str, admin: Admin, client: SyncClient
) -> None:
    other = Worker(redis_url, module=OTHERS)
    knows = None
    try:
        ids = [client.enqueue(Task("quick", n)) for n in range(3)]
        wait_until(lambda: admin.queue("default").held == 3, "all are held", 20)
        assert admin.queue("default").pending == 3
        assert [client.get(id_).attempts for id_ in ids] == [0, 0, 0]
        listed = run("queue", "list", env={"REDIQ_URL": redis_url})
        assert "unroutable 3" in listed.out

        knows = Worker(redis_url, module=MODULE)

        assert [client.result(id_, timeout=20) for id_ in ids] == [0, 1, 2]
        assert [client.get(id_).attempts for id_ in ids] == [1, 1, 1]
        # From now on both are there, and what one cannot run goes to the other.
        mixed = [
            client.enqueue(Task(kind, n)) for n in range(20) for kind in ("quick", "thread:batch")
        ]
        assert [client.result(id_, timeout=20) for id_ in mixed][::2] == list(range(20))
        assert {client.get(id_).attempts for id_ in mixed} == {1}
        assert admin.queue("default").held == 0
    finally:
        other.close()
        if knows is not None:
            knows.close()
