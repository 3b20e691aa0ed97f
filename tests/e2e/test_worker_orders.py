"""What an operator tells workers from the command line, done by a real one before it returns."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import redis

from rediq_core import SyncClient, Task, TaskState
from rediq_core.admin import connect
from rediq_core.keys import global_key
from tests.support.cli import Ended, run
from tests.support.guarded import as_operator
from tests.support.waiting import wait_until
from tests.support.workers import Worker, worker

Rediq = Callable[..., Ended]


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


@pytest.fixture
def rediq(redis_url: str) -> Rediq:
    return partial(run, env={"REDIQ_URL": as_operator(redis_url)})


@pytest.fixture
def running(redis_url: str) -> Iterator[Worker]:
    url = as_operator(redis_url)
    with worker(redis_url, "--concurrency", "3") as started, connect(url) as admin:
        wait_until(admin.workers, "announced", timeout_s=20)
        yield started


def worker_id(rediq: Rediq) -> str:
    return rediq("worker", "list", "-o", "ids").out.split()[0]


def state_of(rediq: Rediq, name: str) -> str:
    record = rediq("worker", "inspect", name, "--json").json
    assert isinstance(record, dict)
    return str(record["state"])


def start(client: SyncClient, *args: object, **options: object) -> str:
    task_id = client.enqueue(Task(*args, **options))  # type: ignore[arg-type]  # options of Task
    wait_until(lambda: client.get(task_id).state is TaskState.ACTIVE, "active")
    return task_id


def test_pause_returns_when_nothing_is_claimed_and_resume_when_it_is(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    name = worker_id(rediq)
    assert client.result(client.enqueue(Task("sleep", 0.0)), timeout=10)

    paused = rediq("worker", "pause", name)
    waiting = client.enqueue(Task("sleep", 0.0))

    assert (paused.code, paused.out) == (0, f"paused {name}\n")
    assert state_of(rediq, name) == "paused"
    assert client.get(waiting).state is TaskState.PENDING

    resumed = rediq("worker", "resume", name)

    assert (resumed.code, resumed.out) == (0, f"resumed {name}\n")
    assert client.result(waiting, timeout=10) == {"slept": 0.0}


def test_stop_returns_when_the_worker_has_finished_and_is_gone(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    name = worker_id(rediq)
    task_id = start(client, "sleep", 1.0)

    ended = rediq("worker", "stop", name)

    assert (ended.code, ended.out) == (0, f"stopped {name}\n")
    assert client.get(task_id).state is TaskState.COMPLETED
    assert rediq("worker", "list", "-o", "ids").out == ""
    assert running.process.wait(10) == 0


def test_a_worker_that_is_late_exits_6_and_obeys_all_the_same(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    name = worker_id(rediq)
    task_id = start(client, "sleep", 1.5)

    ended = rediq("worker", "stop", name, "--timeout", "300ms")

    assert (ended.code, ended.out) == (6, "")
    assert ended.err.startswith(f"warn Worker {name} was told to stop, and has not after 300ms.")
    assert running.process.wait(20) == 0
    assert client.get(task_id).state is TaskState.COMPLETED


def test_inspect_shows_what_each_slot_runs(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    name = worker_id(rediq)
    task_id = start(client, "sleep", 60.0, timeout="100s")

    def record() -> dict[str, object]:
        found = rediq("worker", "inspect", name, "--json").json
        assert isinstance(found, dict)
        return found

    (slot,) = wait_until(lambda: record()["running"], "announced")  # type: ignore[misc]  # JSON
    page = rediq("worker", "inspect", name).out

    assert (slot["id"], slot["type"], slot["queue"], slot["mode"]) == (
        task_id,
        "sleep",
        "default",
        "async",
    )
    assert 0 <= slot["running_ms"] < 100_000 - slot["left_ms"] + 1_000
    assert int(str(record()["rss_bytes"])) > 10_000_000
    assert (task_id in page, "1 of 3 busy" in page, " MiB" in page) == (True, True, True)


def test_orders_are_in_the_audit_with_who_gave_them(
    rediq: Rediq, running: Worker, redis_client: redis.Redis
) -> None:
    from rediq_cli.session import actor

    name = worker_id(rediq)
    rediq("worker", "pause", name)
    rediq("worker", "resume", name)

    entries = [fields for _, fields in redis_client.xrange(global_key("rediq", "journal"))]
    assert [(e[b"verb"], e[b"by"], e[b"worker"]) for e in entries] == [
        (b"pause worker", actor().encode(), name.encode()),
        (b"resume worker", actor().encode(), name.encode()),
    ]
    assert f"pause of {name}, asked by {actor()}" in running.log


def test_a_lost_worker_is_listed_at_once_with_what_was_recovered(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    name = worker_id(rediq)
    ids = [start(client, "sleep", 0.5) for _ in range(2)]
    os.kill(running.children()[0], signal.SIGKILL)
    for task_id in ids:
        assert client.result(task_id, timeout=20)

    def lost() -> list[dict[str, str]]:
        workers = rediq("worker", "list", "--json").json
        assert isinstance(workers, list)
        return [row for row in workers if row["state"] == "lost" and row["note"]]

    (row,) = wait_until(lost, "noted")
    assert (row["id"], row["note"]) == (name, "recovered 2 tasks: 2 pending")
    assert "recovered 2 tasks: 2 pending" in rediq("worker", "list", "-o", "wide").out
    assert "recovered 2 tasks: 2 pending" in rediq("worker", "inspect", name).out


def test_an_order_for_a_worker_that_is_not_there_exits_3(rediq: Rediq, redis_url: str) -> None:
    assert rediq("worker", "pause", "nobody").code == 3


def test_a_read_only_command_line_tells_workers_nothing(rediq: Rediq, running: Worker) -> None:
    name = worker_id(rediq)

    assert rediq("worker", "stop", name, "--read-only").code == 5
    assert state_of(rediq, name) == "running"


def test_cancel_waits_until_all_have_ended(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    ids = [start(client, "sleep", 60.0, timeout="100s") for _ in range(2)]
    began = time.monotonic()

    ended = rediq("task", "cancel", *ids, "--wait", "--reason", "wrong")

    assert time.monotonic() - began < 5
    assert (ended.code, ended.err) == (0, "ended: 2 cancelled\n")
    assert {client.get(i).state for i in ids} == {TaskState.CANCELLED}
    page = rediq("task", "inspect", ids[0]).out
    assert "wrong" in page.replace("\n", " ")


def test_cancel_exits_6_if_some_will_not_end(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    task_id = start(client, "thread:deaf", 3.0, timeout="100s")
    wait_until(lambda: client.get(task_id).progress is not None, "begun")

    ended = rediq("task", "cancel", task_id, "--wait", "--timeout", "300ms", "--json")

    assert ended.code == 6
    assert "1 task had not ended after 300ms" in ended.err
    assert json.loads(ended.out)["asked"] == [task_id]


def test_cancel_with_force_ends_what_does_not_look(
    rediq: Rediq, client: SyncClient, running: Worker
) -> None:
    task_id = start(client, "process", 60.0, timeout="100s")

    ended = rediq("task", "cancel", task_id, "--force", "--wait")

    assert (ended.code, ended.err) == (0, "ended: 1 cancelled\n")
