"""Workers that last: long tasks, blocked loops, wedged consumers, stops in the middle of work."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.worker.lanes import IDLE_LOOK_S
from tests.support.cli import run
from tests.support.figures import figure
from tests.support.guarded import as_operator
from tests.support.waiting import wait_until
from tests.support.workers import Worker, worker


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


def configured(folder: Path, url: str, **settings: object) -> Worker:
    """Start a worker with these settings of [worker]."""
    path = folder / "rediq.toml"
    path.write_text("[worker]\n" + "\n".join(f"{k} = {v!r}" for k, v in settings.items()) + "\n")
    return Worker(url, "-c", str(path))


def start_all(client: SyncClient, *tasks: Task[object]) -> list[str]:
    ids = client.enqueue_many(tasks)
    wait_until(
        lambda: all(client.get(i).state is TaskState.ACTIVE for i in ids), "active", timeout_s=20
    )
    return ids


def kinds(client: SyncClient, ids: list[str]) -> list[list[str]]:
    return [[entry.kind for entry in client.get(task_id).timeline] for task_id in ids]


def all_completed(client: SyncClient, ids: list[str]) -> bool:
    return all(client.get(task_id).state is TaskState.COMPLETED for task_id in ids)


# Long tasks.


def hold_all_slots(client: SyncClient, running: Worker, seconds: float) -> None:
    """Fill ten slots for so long and see that nobody is restarted or loses anything."""
    ids = start_all(client, *[Task("sleep", seconds, timeout=seconds * 2 + 60) for _ in range(10)])
    before = running.children()
    wait_until(lambda: all_completed(client, ids), "all completed", timeout_s=seconds + 20)

    assert running.children() == before
    assert kinds(client, ids) == [["completed"]] * 10
    assert {client.get(task_id).losses for task_id in ids} == {0}
    assert "killing it" not in running.log
    assert "lost the lease" not in running.log


def test_full_slots_outlive_many_leases(redis_url: str, client: SyncClient, tmp_path: Path) -> None:
    with closing(configured(tmp_path, redis_url, lease="500ms", concurrency=10)) as running:
        hold_all_slots(client, running, 1.8)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_ten_tasks_of_five_minutes_fill_ten_slots(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url, "--concurrency", "10") as running:
        hold_all_slots(client, running, 300.0)


# Blocked loops.


def test_a_loop_that_stands_still_for_three_leases_costs_no_duplicate(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    with (
        closing(configured(tmp_path, redis_url, lease="500ms", concurrency=2)) as blocked,
        closing(Worker(redis_url, "-c", str(tmp_path / "rediq.toml"))) as other,
    ):
        wait_until(lambda: "is ready" in blocked.log and "is ready" in other.log, "ready")
        ids = start_all(client, *[Task("block", 1.8, timeout="60s") for _ in range(2)])
        wait_until(lambda: all_completed(client, ids), "all completed", timeout_s=20)

    duplicates = sum(len(run_) - 1 for run_ in kinds(client, ids))
    figure("W6", "runs twice while blocked for 3 leases", duplicates, "runs", at_most=0)
    assert kinds(client, ids) == [["completed"]] * 2


# The watchdog.


def test_an_idle_process_whose_loop_is_wedged_is_replaced(
    redis_url: str, client: SyncClient
) -> None:
    program = ("tests.e2e.supervise", redis_url, "1000")
    with closing(Worker(redis_url, program=program)) as running:
        wedging = client.enqueue(Task("wedge", 60.0))
        client.result(wedging, timeout=20)
        stuck = "is stuck in an idle consumer; killing it"
        wait_until(lambda: stuck in running.log, "noticed", timeout_s=20)

        assert isinstance(client.result(client.enqueue(Task("pid")), timeout=20), int)
    assert kinds(client, [wedging]) == [["completed"]]


def test_the_watchdog_leaves_a_blocking_handler_its_time(
    redis_url: str, client: SyncClient
) -> None:
    program = ("tests.e2e.supervise", redis_url, "500")
    with closing(Worker(redis_url, program=program)) as running:
        (task_id,) = start_all(client, Task("block", 1.2, timeout="60s"))
        before = running.children()
        wait_until(lambda: all_completed(client, [task_id]), "completed", timeout_s=20)

        assert running.children() == before
    assert kinds(client, [task_id]) == [["completed"]]


# Stops.


def stop_amid_work(client: SyncClient, running: Worker, grace_s: float) -> None:
    """Send SIGTERM while nothing would end by itself, and see that all is handed back in time."""
    ids = start_all(
        client,
        Task("sleep", 60.0, timeout="100s"),
        Task("async:deaf", 60.0, timeout="100s"),
        Task("thread:deaf", 60.0, timeout="100s"),
        Task("process", 60.0, timeout="100s"),
    )
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(grace_s + 10) == 0
    took_s = time.monotonic() - began

    assert grace_s <= took_s
    over_s = took_s - grace_s
    figure("W5", f"exit after a grace of {grace_s:g} s and", over_s, "s", at_most=2.0)
    views = [client.get(task_id) for task_id in ids]
    assert {(v.state, v.attempts, v.losses) for v in views} == {(TaskState.PENDING, 0, 0)}
    assert {kind for run_ in kinds(client, ids) for kind in run_} == {"released"}


def test_sigterm_hands_back_what_does_not_end_within_the_grace(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    with closing(configured(tmp_path, redis_url, shutdown_grace="500ms")) as running:
        stop_amid_work(client, running, 0.5)


@pytest.mark.slow
def test_sigterm_waits_for_the_whole_grace(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url) as running:
        stop_amid_work(client, running, 25.0)


# Progress.


@pytest.mark.parametrize("mode", ["async", "thread", "process"])
def test_progress_is_live_in_inspect_and_throttled_in_every_mode(
    redis_url: str, client: SyncClient, mode: str
) -> None:
    inspect = partial(run, "task", "inspect", env={"REDIQ_URL": as_operator(redis_url)})
    with worker(redis_url):
        (task_id,) = start_all(client, Task(f"progress:{mode}", 3.0))
        seen: dict[str, float] = {}

        def is_done() -> bool:
            record = json.loads(inspect(task_id, "--json").out)
            if record["progress"] is not None:
                seen.setdefault(record["progress"]["at"], record["progress"]["percent"])
            return bool(record["state"] == "completed")

        wait_until(is_done, "completed", timeout_s=20)

    # Two a second for three seconds, the first one at once.
    assert 2 <= len(seen) <= 8
    assert list(seen.values()) == sorted(seen.values())
    assert client.get(task_id).progress is None


@pytest.mark.slow
def test_a_queue_whose_slots_are_taken_for_long_leaves_the_others_alone(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    config = tmp_path / "rediq.toml"
    config.write_text("[worker]\nprocesses = 1\n[queues.narrow]\nslots = 1\n[queues.wide]\n")
    with closing(Worker(redis_url, "-c", str(config))):
        client.enqueue_many([Task("sleep", 60.0, queue="narrow", timeout="100s") for _ in range(3)])
        began_s = time.monotonic()
        # The narrow queue was not looked at since its slot was filled.
        wait_until(lambda: time.monotonic() - began_s > IDLE_LOOK_S + 2, "a look is due", 30)

        took_s = []
        for _ in range(5):
            began_s = time.monotonic()
            client.result(client.enqueue(Task("sleep", 0.0, queue="wide")), timeout=10)
            took_s.append(time.monotonic() - began_s)

    assert max(took_s) < 1
