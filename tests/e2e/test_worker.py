"""Workers as users run them: real processes, real signals, a real server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.worker.lanes import IDLE_LOOK_S
from tests.support.proxy import Proxy
from tests.support.servers import standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker

FINAL = {TaskState.COMPLETED, TaskState.DEAD, TaskState.CANCELLED}


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


def state(client: SyncClient, task_id: str) -> TaskState:
    return client.get(task_id).state


def all_completed(client: SyncClient, ids: list[str]) -> bool:
    return all(state(client, task_id) is TaskState.COMPLETED for task_id in ids)


def test_runs_handlers_of_both_modes_and_keeps_results(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        slept = client.enqueue(Task("sleep", 0.01))
        thread = client.enqueue(Task("thread", 0.01))

        assert client.result(slept, timeout=20) == {"slept": 0.01}
        assert isinstance(client.result(thread, timeout=20), int)


def test_a_worker_serves_a_server_that_knows_no_flags_of_scripts() -> None:
    with standalone() as server, Proxy(server.url) as old:
        old.pretend_redis_6()
        with SyncClient(old.url) as client, worker(old.url):
            ids = client.enqueue_many([Task("sleep", 0.0) for _ in range(20)])
            assert [client.result(i, timeout=20) for i in ids] == [{"slept": 0.0}] * 20


def test_a_task_enqueued_on_the_result_of_the_last_one_is_seen_at_once(
    redis_url: str, client: SyncClient
) -> None:
    # Its marker meets the reply to the exchange that settled the last one. Whoever forgets it looks
    # again after IDLE_LOOK_S, 20 s.
    with worker(redis_url):
        for _ in range(400):
            client.result(client.enqueue(Task("sleep", 0.0)), timeout=IDLE_LOOK_S / 2)


def test_a_queue_whose_slots_are_taken_hides_no_marker_of_another(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    config = tmp_path / "rediq.toml"
    config.write_text("[worker]\nprocesses = 1\n[queues.narrow]\nslots = 1\n[queues.wide]\n")
    with worker(redis_url, "-c", str(config)):
        client.enqueue_many([Task("sleep", 40.0, queue="narrow") for _ in range(3)])
        for _ in range(20):
            began_s = time.monotonic()
            client.result(client.enqueue(Task("sleep", 0.0, queue="wide")), timeout=10)
            # Found by its marker, and not by a look after IDLE_LOOK_S.
            assert time.monotonic() - began_s < IDLE_LOOK_S / 4


def test_failures_retry_then_die_with_their_error(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        failing = client.enqueue(Task("fail"))
        permanent = client.enqueue(Task("permanent"))
        for task_id in (failing, permanent):
            wait_until(lambda i=task_id: state(client, i) is TaskState.DEAD, "dead", timeout_s=20)

    view = client.get(failing)
    assert [entry.kind for entry in view.timeline] == ["retry", "dead"]
    assert (view.attempts, view.error) == (2, "ValueError: attempt 2")
    assert view.last_failure is not None
    assert "handlers_for_workers.py" in view.last_failure.traceback
    assert client.get(permanent).attempts == 1


def test_a_run_past_its_timeout_fails_with_e004(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        slow = client.enqueue(Task("sleep", 30, timeout="100ms", max_retry=0))
        wait_until(lambda: state(client, slow) is TaskState.DEAD, "dead", timeout_s=20)

    assert "E004" in client.get(slow).error


def test_unknown_types_are_held_and_taken_by_nobody(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        unknown = client.enqueue(Task("nobody:knows"))
        wait_until(lambda: client.get(unknown).is_held, "held", timeout_s=20)

    view = client.get(unknown)
    assert (view.state, view.attempts) == (TaskState.PENDING, 0)


def test_a_child_is_enqueued_once_by_its_handler(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        parent = client.enqueue(Task("parent"))
        child = client.result(parent, timeout=20)
        assert isinstance(child, str)
        assert client.result(child, timeout=20) == {"slept": 0.0}


def test_cancel_stops_a_running_handler(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        task_id = client.enqueue(Task("sleep", 60, timeout="100s"))
        wait_until(lambda: state(client, task_id) is TaskState.ACTIVE, "active", timeout_s=20)

        assert client.cancel(task_id, reason="test") is TaskState.ACTIVE
        wait_until(lambda: state(client, task_id) is TaskState.CANCELLED, "cancelled")


def test_sigterm_lets_short_tasks_finish(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url) as running:
        ids = client.enqueue_many([Task("sleep", 0.5) for _ in range(10)])
        wait_until(lambda: state(client, ids[-1]) is TaskState.ACTIVE, "active", timeout_s=20)

        assert running.stop() == 0

    assert all_completed(client, ids)
    assert {len(client.get(task_id).timeline) for task_id in ids} == {1}


def test_a_second_signal_hands_running_tasks_back(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url) as running:
        task_id = client.enqueue(Task("sleep", 60, timeout="100s"))
        wait_until(lambda: state(client, task_id) is TaskState.ACTIVE, "active", timeout_s=20)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "drain" in running.log, "draining")

        assert running.stop() == 0

    view = client.get(task_id)
    assert (view.state, view.attempts, view.losses) == (TaskState.PENDING, 0, 0)


def test_kill_9_of_a_task_process_loses_nothing(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url, "--processes", "2", "--concurrency", "5") as running:
        ids = client.enqueue_many([Task("sleep", 0.05) for _ in range(300)])
        wait_until(lambda: state(client, ids[20]) in FINAL, "under way", timeout_s=20)
        os.kill(running.children()[0], signal.SIGKILL)
        wait_until(lambda: all_completed(client, ids), "all completed", timeout_s=30)

    runs = [client.get(task_id).timeline for task_id in ids]
    assert all(sum(entry.kind == "completed" for entry in run) == 1 for run in runs)
    assert sum(entry.kind == "lost" for run in runs for entry in run) <= 5


def test_poison_dies_alone_after_three_losses(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url, "--concurrency", "10"):
        poison = client.enqueue(Task("exit"))
        ids = client.enqueue_many([Task("sleep", 0.01) for _ in range(200)])
        wait_until(lambda: state(client, poison) is TaskState.DEAD, "poison dead", timeout_s=40)
        wait_until(lambda: all_completed(client, ids), "others completed", timeout_s=40)

    view = client.get(poison)
    assert [entry.kind for entry in view.timeline] == ["lost", "lost", "poison"]
    assert (view.losses, view.attempts) == (3, 0)


def test_kill_9_of_the_supervisor_lets_its_children_finish(
    redis_url: str, client: SyncClient
) -> None:
    with worker(redis_url) as running:
        ids = client.enqueue_many([Task("sleep", 1.0) for _ in range(5)])
        wait_until(lambda: state(client, ids[-1]) is TaskState.ACTIVE, "active", timeout_s=20)
        (child,) = running.children()
        running.process.kill()
        running.process.wait()
        wait_until(lambda: all_completed(client, ids), "all completed", timeout_s=20)
        wait_until(lambda: not os.path.exists(f"/proc/{child}/exe"), "child gone", timeout_s=20)  # noqa: PTH110

    assert {len(client.get(task_id).timeline) for task_id in ids} == {1}


@pytest.mark.slow
def test_a_supervisor_that_dies_with_reports_unread_is_missed_all_the_same(
    redis_url: str, client: SyncClient
) -> None:
    with worker(redis_url) as running:
        wait_until(lambda: "is ready" in running.log, "ready", timeout_s=20)
        (child,) = running.children()
        os.kill(running.process.pid, signal.SIGSTOP)
        # Each second the process reports what it finished; nobody reads it.
        ids = [client.enqueue(Task("sleep", 0.5))]
        while client.get(ids[0]).finished_ms + 1_500 > client.get(ids[-1]).finished_ms:
            ids.append(client.enqueue(Task("sleep", 0.5)))
            wait_until(lambda: all_completed(client, ids), "completed", timeout_s=20)
        running.process.kill()
        running.process.wait()
        wait_until(lambda: "the supervisor is gone" in running.log, "it knows", timeout_s=20)
        wait_until(lambda: not os.path.exists(f"/proc/{child}/exe"), "child gone", timeout_s=20)  # noqa: PTH110


def test_process_handlers_run_in_processes_of_their_own(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url) as running:
        ran_in = client.result(client.enqueue(Task("process", 0.0)), timeout=20)
        assert isinstance(ran_in, int)
        assert ran_in not in (running.process.pid, *running.children())


def test_a_dying_handler_process_costs_only_its_own_task(
    redis_url: str, client: SyncClient
) -> None:
    with worker(redis_url) as running:
        other = client.enqueue(Task("sleep", 1.0))
        poison = client.enqueue(Task("process:exit"))
        wait_until(lambda: state(client, poison) is TaskState.DEAD, "poison dead", timeout_s=30)
        wait_until(lambda: all_completed(client, [other]), "other completed", timeout_s=20)
        assert "replacing it" not in running.log

    view = client.get(poison)
    assert [entry.kind for entry in view.timeline] == ["lost", "lost", "poison"]
    assert (view.attempts, view.losses) == (0, 3)
    assert len(client.get(other).timeline) == 1


def test_force_kills_a_process_handler(redis_url: str, client: SyncClient) -> None:
    with worker(redis_url):
        task_id = client.enqueue(Task("process", 300.0, timeout="400s"))
        wait_until(lambda: state(client, task_id) is TaskState.ACTIVE, "active", timeout_s=20)
        client.cancel(task_id, force=True)
        wait_until(lambda: state(client, task_id) is TaskState.CANCELLED, "cancelled")


@pytest.mark.slow
def test_a_stuck_process_is_replaced_and_only_its_stuck_task_is_charged(
    redis_url: str, client: SyncClient
) -> None:
    with worker(redis_url, "--concurrency", "2"):
        other = client.enqueue(Task("sleep", 3.0, priority=0))
        wait_until(lambda: state(client, other) is TaskState.ACTIVE, "active", timeout_s=20)
        stuck = client.enqueue(Task("block", 300, timeout="200ms", max_retry=0))
        wait_until(lambda: state(client, stuck) is TaskState.DEAD, "stuck dead", timeout_s=30)
        wait_until(lambda: all_completed(client, [other]), "other completed", timeout_s=30)

    assert "E004" in client.get(stuck).error
    view = client.get(other)
    assert (view.losses, [entry.kind for entry in view.timeline]) == (0, ["released", "completed"])


@pytest.mark.parametrize(("held", "status"), [(0, 0), (1, 6)])
def test_burst_ends_when_nothing_is_left(
    redis_url: str, client: SyncClient, held: int, status: int
) -> None:
    client.enqueue_many([Task("sleep", 0.0) for _ in range(50)])
    client.enqueue(Task("sleep", 0.0, delay="1h"))
    client.enqueue_many([Task("nobody:knows") for _ in range(held)])

    with worker(redis_url, "--burst") as running:
        assert running.process.wait(40) == status


def test_a_module_that_cannot_be_imported_ends_with_2(redis_url: str) -> None:
    from tests.support.workers import Worker

    running = Worker(redis_url, module="no.such.module")
    try:
        assert running.process.wait(20) == 2
        assert 'E014 cannot import "no.such.module" (command line)' in running.log
    finally:
        running.close()
