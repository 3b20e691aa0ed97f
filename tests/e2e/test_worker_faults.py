"""What a worker loses when processes stop or Redis goes away: nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.config.settings import WorkerSettings
from tests.support.figures import figure, percentile
from tests.support.proxy import Proxy
from tests.support.servers import Server, standalone
from tests.support.waiting import wait_until
from tests.support.workers import Worker, worker

LEASE_S = WorkerSettings().lease_ms / 1_000


@pytest.fixture
def server() -> Iterator[Server]:
    # `always`, so that a kill of the server loses nothing that it acknowledged.
    with standalone(aof=True, extra_args=["--appendfsync", "always"]) as started:
        yield started


def completed_once(client: SyncClient, ids: list[str]) -> bool:
    views = [client.get(task_id) for task_id in ids]
    return all(
        view.state is TaskState.COMPLETED
        and sum(entry.kind == "completed" for entry in view.timeline) == 1
        for view in views
    )


def test_a_killed_server_comes_back_and_nothing_is_lost(server: Server) -> None:
    with SyncClient(server.url, deadline=20) as client, worker(server.url) as running:
        ids = client.enqueue_many([Task("sleep", 0.02) for _ in range(400)])
        wait_until(lambda: client.get(ids[30]).state is TaskState.COMPLETED, "under way")
        server.restart()
        up_ms = time.time_ns() // 1_000_000
        wait_until(lambda: completed_once(client, ids), "all completed", timeout_s=40)
        claims_ms = [client.get(i).timeline[-1].claimed_ms for i in ids]

        assert running.process.poll() is None
        resumed_ms = min(at_ms for at_ms in claims_ms if at_ms >= up_ms) - up_ms
        figure("R1", "server answers to the first claim", resumed_ms / 1_000, "s", at_most=1.5)
        assert {entry.kind for i in ids for entry in client.get(i).timeline} == {"completed"}


def test_a_settle_that_redis_lost_is_handed_back_though_its_process_is_never_idle() -> None:
    with (
        standalone() as server,
        SyncClient(server.url, deadline=20) as client,
        worker(server.url, "--processes", "1") as running,
        server.client() as admin,
    ):
        other = client.enqueue(Task("sleep", 100.0, timeout="200s"))
        task_id = client.enqueue(Task("sleep", 1.0))
        ids = [other, task_id]
        wait_until(lambda: {client.get(i).state for i in ids} == {TaskState.ACTIVE}, "active")
        # As a replica that was a second behind: it has the claim and not the settle.
        admin.save()
        wait_until(lambda: client.get(task_id).state is TaskState.COMPLETED, "settled")
        server.restart()
        wait_until(lambda: completed_once(client, [task_id]), "ran again", timeout_s=LEASE_S)

        kinds = [entry.kind for entry in client.get(task_id).timeline]
        assert kinds == ["released", "completed"]
        busy = client.get(other)
        assert (busy.state, busy.losses) == (TaskState.ACTIVE, 0)
        assert "1 settles of default were lost by Redis" in running.log


def test_scripts_may_be_forgotten_at_any_time(server: Server) -> None:
    with SyncClient(server.url) as client, worker(server.url):
        admin = server.client()
        ids = client.enqueue_many([Task("sleep", 0.01) for _ in range(300)])

        def flushed_and_done() -> bool:
            admin.script_flush()
            return completed_once(client, ids)

        wait_until(flushed_and_done, "all completed", timeout_s=40)
        admin.close()


@pytest.mark.slow
def test_a_whole_worker_killed_is_recovered_after_its_lease(server: Server) -> None:
    with SyncClient(server.url) as client, worker(server.url) as lost, worker(server.url) as other:
        wait_until(lambda: "is ready" in lost.log and "is ready" in other.log, "ready")
        ids = client.enqueue_many([Task("sleep", 2.0) for _ in range(16)])
        wait_until(lambda: all(client.get(i).state is TaskState.ACTIVE for i in ids), "active")
        children = lost.children()
        killed_ms = time.time_ns() // 1_000_000
        lost.process.kill()
        for pid in children:
            os.killpg(pid, signal.SIGKILL)
        wait_until(lambda: completed_once(client, ids), "all completed", timeout_s=25)

        runs = [client.get(i).timeline for i in ids]
        kinds = [[entry.kind for entry in run] for run in runs]
        assert all(kind in (["completed"], ["lost", "completed"]) for kind in kinds)
        waits_ms = [run[-1].claimed_ms - killed_ms for run in runs if run[0].kind == "lost"]
        assert 0 < len(waits_ms) <= 10
    # A lease of 10 s, and up to a renewal of it had gone by when the worker was killed.
    figure("W2", "kill of all to running again, max", max(waits_ms) / 1_000, "s", at_most=11.5)


@pytest.mark.slow
def test_a_worker_stopped_past_its_lease_changes_nothing_when_it_goes_on(server: Server) -> None:
    with SyncClient(server.url) as client, worker(server.url) as paused:
        wait_until(lambda: "is ready" in paused.log, "ready")
        ids = client.enqueue_many([Task("sleep", 1.0) for _ in range(5)])
        wait_until(lambda: all(client.get(i).state is TaskState.ACTIVE for i in ids), "active")
        pids = [paused.process.pid, *paused.children()]
        with worker(server.url):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: completed_once(client, ids), "run by the other", timeout_s=30)
            before = [client.get(i) for i in ids]
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            wait_until(lambda: "lost the lease" in paused.log, "it knows", timeout_s=15)

            assert [client.get(i) for i in ids] == before
            assert {tuple(e.kind for e in view.timeline) for view in before} == {
                ("lost", "completed")
            }


@pytest.mark.slow
def test_an_outage_of_three_leases_runs_nothing_twice(server: Server) -> None:
    with SyncClient(server.url, deadline=60) as client, worker(server.url) as running:
        wait_until(lambda: "is ready" in running.log, "ready")
        ids = client.enqueue_many([Task("sleep", 40.0, timeout="100s") for _ in range(5)])
        wait_until(lambda: all(client.get(i).state is TaskState.ACTIVE for i in ids), "active")
        server.kill()
        wait_until(lambda: "cannot renew leases" in running.log, "the keeper noticed")
        back_s = time.monotonic() + 3 * LEASE_S
        wait_until(lambda: time.monotonic() > back_s, "three leases passed", timeout_s=60)
        server.start()
        wait_until(lambda: completed_once(client, ids), "all completed", timeout_s=60)

        assert {entry.kind for i in ids for entry in client.get(i).timeline} == {"completed"}
        assert {client.get(i).losses for i in ids} == {0}


@pytest.mark.slow
def test_tasks_of_a_killed_process_run_again_within_a_second(server: Server) -> None:
    waits_ms = []
    with (
        SyncClient(server.url) as client,
        worker(server.url, "--processes", "2", "--concurrency", "3") as running,
    ):
        wait_until(lambda: running.log.count("is ready") == 2, "both ready")
        for _ in range(30):
            task_id = client.enqueue(Task("sleep", 0.3))
            wait_until(lambda i=task_id: client.get(i).state is TaskState.ACTIVE, "active")
            pid = int(client.get(task_id).worker.split("-")[-2])
            killed_ms = time.time_ns() // 1_000_000
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda i=task_id: completed_once(client, [i]), "run again", timeout_s=15)
            waits_ms.append(client.get(task_id).timeline[-1].claimed_ms - killed_ms)
            wait_until(lambda p=pid: len({*running.children()} - {p}) == 2, "replaced")

    assert len(waits_ms) == 30
    figure("W1", "kill to running again, p50", percentile(waits_ms, 0.5) / 1_000, "s", at_most=0.3)
    figure("W1", "kill to running again, p99", percentile(waits_ms, 0.99) / 1_000, "s", at_most=1)


@pytest.mark.parametrize("word", [signal.SIGKILL, signal.SIGTERM], ids=["orphaned", "told"])
def test_what_comes_after_the_grace_is_handed_back_and_not_begun(
    server: Server, tmp_path: Path, word: signal.Signals
) -> None:
    config = tmp_path / "rediq.toml"
    config.write_text('[worker]\nprocesses = 1\nconcurrency = 1\nshutdown_grace = "1s"\n')
    with (
        Proxy(server.url) as proxy,
        SyncClient(server.url) as client,
        closing(Worker(proxy.url, "-c", str(config))) as running,
    ):
        first = client.enqueue(Task("sleep", 0.5))
        wait_until(lambda: client.get(first).state is TaskState.ACTIVE, "it runs")
        late = client.enqueue(Task("sleep", 5.0))
        # The next exchange settles the first and claims this one; its reply takes its time: 1.5 s
        # after a process was told to end it has cancelled what it runs, 2.7 s after that it ends,
        # whatever is missing.
        proxy.delay(1.9)
        wait_until(lambda: client.get(late).state is TaskState.ACTIVE, "claimed")
        (child,) = running.children()
        running.process.send_signal(word)
        wait_until(lambda: not Path(f"/proc/{child}").exists(), "it ended", timeout_s=10)
        given_back = client.get(late)

        # At once, and not when its lease is over.
        assert (given_back.state, given_back.attempts, given_back.losses) == ("pending", 0, 0)
        assert [(e.kind, e.run_ms) for e in given_back.timeline] == [("released", 0)]
        assert completed_once(client, [first])
