"""Task processes that are replaced: after so many tasks, grown too large, or with a lost thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.admin import connect
from tests.support.guarded import as_operator
from tests.support.waiting import wait_until
from tests.support.workers import Worker, worker


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


def configured(tmp_path: Path, url: str, **settings: object) -> Worker:
    """Start a worker with these settings of [worker]."""
    lines = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    path = tmp_path / "rediq.toml"
    path.write_text(f"[worker]\n{lines}\n")
    return Worker(url, "-c", str(path))


def all_completed(client: SyncClient, ids: list[str]) -> bool:
    return all(client.get(task_id).state is TaskState.COMPLETED for task_id in ids)


def test_a_process_ends_after_its_number_of_tasks_and_loses_none(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    running = configured(tmp_path, redis_url, max_tasks_per_child=5, concurrency=3)
    try:
        ids = client.enqueue_many([Task("pid") for _ in range(23)])
        wait_until(lambda: all_completed(client, ids), "all completed", timeout_s=30)

        pids = [client.get(task_id).result for task_id in ids]
        assert max(pids.count(pid) for pid in set(pids)) == 5
        assert {len(client.get(task_id).timeline) for task_id in ids} == {1}
        assert "recycled: it has taken its share of 5 tasks" in running.log
        assert "replacing it" not in running.log
    finally:
        running.close()


def test_processes_do_not_all_end_at_the_same_number() -> None:
    from rediq_core.worker.crew import _with_jitter

    limits = {_with_jitter(1_000) for _ in range(200)}

    assert len(limits) > 20
    assert 900 <= min(limits) <= max(limits) <= 1_000
    assert {_with_jitter(0), _with_jitter(1)} == {0, 1}


def test_what_runs_finishes_while_the_heir_already_works(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    running = configured(tmp_path, redis_url, max_tasks_per_child=2, concurrency=2)
    try:
        slow = client.enqueue(Task("sleep", 5.0, priority=0))
        wait_until(lambda: client.get(slow).state is TaskState.ACTIVE, "active", timeout_s=20)
        quick = client.enqueue_many([Task("pid") for _ in range(3)])
        wait_until(lambda: all_completed(client, quick), "done by the heir", timeout_s=20)

        assert client.get(slow).state is TaskState.ACTIVE
        with connect(as_operator(redis_url)) as admin:
            wait_until(
                lambda: sorted(w.state for w in admin.workers()) == ["draining", "running"],
                "announced",
            )
            draining = next(w for w in admin.workers() if w.state == "draining")
        assert draining.note == "recycled: it has taken its share of 2 tasks"
        assert client.result(slow, timeout=10) == {"slept": 5.0}
        wait_until(lambda: len(running.children()) == 1, "the old one ended")
    finally:
        running.close()


def test_a_process_that_grew_too_large_is_replaced(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    running = configured(tmp_path, redis_url, max_rss="160MiB")
    try:
        pid = client.result(client.enqueue(Task("grow", 150)), timeout=20)
        wait_until(lambda: "MiB is over 160 MiB" in running.log, "recycled")
        wait_until(lambda: pid not in running.children(), "replaced")

        assert client.result(client.enqueue(Task("pid")), timeout=20) != pid
    finally:
        running.close()


@pytest.mark.slow
def test_a_thread_past_its_timeout_fails_its_task_and_retires_its_process(
    redis_url: str, client: SyncClient
) -> None:
    with worker(redis_url) as running:
        task_id = client.enqueue(Task("thread:deaf", 30.0, timeout="200ms", max_retry=0))
        wait_until(lambda: client.get(task_id).state is TaskState.DEAD, "dead", timeout_s=20)
        wait_until(lambda: "recycled: a thread of thread:deaf would not end" in running.log, "said")

        # The heir has all its slots, while the thread goes on elsewhere or with its process.
        ids = client.enqueue_many([Task("thread", 0.3) for _ in range(10)])
        wait_until(lambda: all_completed(client, ids), "all slots work", timeout_s=20)

    assert "E004" in client.get(task_id).error
