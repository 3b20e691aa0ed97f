"""Workers that are stopped, poisoned, given nonsense, or whose clock is wrong."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from rediq_core import SyncClient, Task, TaskState
from rediq_core.errors import PayloadTooLarge
from rediq_core.keys import queue_key
from tests.support.figures import figure, percentile
from tests.support.process import Server
from tests.support.waiting import wait_until
from tests.support.workers import Worker, worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


def completed(client: SyncClient, ids: list[str]) -> bool:
    return all(client.get(task_id).state is TaskState.COMPLETED for task_id in ids)


@pytest.mark.slow
def test_sigterm_ends_an_idle_worker_at_once(redis_url: str) -> None:
    took_s = []
    for _ in range(3):
        with worker(redis_url) as running:
            wait_until(lambda r=running: "is ready" in r.log, "ready", 20)
            began = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(10) == 0
            took_s.append(time.monotonic() - began)
    figure("W3", "SIGTERM to exit 0, idle, worst of 3", max(took_s), "s")
    figure("W3", "SIGTERM to exit 0, idle, best of 3", min(took_s), "s", at_most=0.5)


@pytest.mark.slow
def test_one_poison_task_among_a_thousand_costs_none_of_the_others(
    redis_url: str, client: SyncClient
) -> None:
    with worker(redis_url, "--concurrency", "10"):
        ids = client.enqueue_many([Task("sleep", 0.005) for _ in range(500)])
        poison = client.enqueue(Task("exit"))
        ids += client.enqueue_many([Task("sleep", 0.005) for _ in range(500)])
        wait_until(lambda: client.get(poison).state is TaskState.DEAD, "poison dead", 40)
        wait_until(lambda: completed(client, ids), "others completed", 60)

    views = [client.get(task_id) for task_id in ids]
    crashes = client.get(poison).losses
    figure("W11", "crashes until the poison is dead", crashes, "crashes", at_most=3)
    died = sum(view.state is TaskState.DEAD for view in views)
    figure("W11", "good tasks of 1,000 that died", died, "tasks", at_most=0)
    charged = sum("lost" in [entry.kind for entry in view.timeline] for view in views)
    figure("W11", "good tasks that were lost along and ran again", charged, "tasks")
    assert crashes == 3


def test_nonsense_written_by_hand_is_dead_and_ends_no_worker(
    redis_url: str, redis_client: redis.Redis, client: SyncClient
) -> None:
    """Bytes that are no JSON, too deep, NaN, or no header at all, in place of a payload."""
    damaged = [b"\xff\xfe", b"[" * 10_000, b"NaN", b'{"a":']
    ids = client.enqueue_many([Task("sleep", 0.0, delay="1h") for _ in range(len(damaged) + 1)])
    tasks = queue_key("rediq", "default", "tasks")
    for task_id, payload in zip(ids, damaged, strict=False):
        header, newline, _ = redis_client.hget(tasks, task_id).partition(b"\n")
        redis_client.hset(tasks, task_id, header + newline + payload)
    redis_client.hset(tasks, ids[-1], b"no header")
    delayed, pending = (queue_key("rediq", "default", name) for name in ("delayed", "pending"))
    redis_client.zadd(pending, dict.fromkeys(ids, 1))
    redis_client.delete(delayed)
    with worker(redis_url) as running:
        good = client.enqueue(Task("sleep", 0.0))
        assert client.result(good, timeout=20) == {"slept": 0.0}

        def left() -> int:
            return int(redis_client.zcard(pending) + redis_client.zcard(delayed))

        wait_until(lambda: left() == 0, "all were taken", 20)
        dead = queue_key("rediq", "default", "dead")
        wait_until(lambda: redis_client.zcard(dead) >= len(damaged), "all are dead", 20)
        ended = int(running.process.poll() is not None) + running.log.count("replacing it")

    errors = [client.get(task_id).error for task_id in ids[: len(damaged)]]
    assert all("E002" in error for error in errors), errors
    figure("W13", "exits of processes", ended, "exits", at_most=0)


def test_an_unknown_type_is_taken_once_and_not_again(
    redis_url: str, redis_client: redis.Redis, client: SyncClient
) -> None:
    with worker(redis_url):
        unknown = client.enqueue(Task("nobody:knows"))
        held = queue_key("rediq", "default", "held")
        wait_until(lambda: redis_client.zcard(held) == 1, "held", 20)
        redis_client.config_resetstat()
        began = time.monotonic()
        good = client.enqueue_many([Task("sleep", 0.02) for _ in range(200)])
        wait_until(lambda: completed(client, good), "others go on", 30)
        took_s = time.monotonic() - began
        entries = len(client.get(unknown).timeline)
    figure("W12", "claims of it a second", (entries - 1) / took_s, "a second", at_most=1)


def test_a_huge_payload_is_refused_before_it_is_sent(client: SyncClient) -> None:
    took_s = []
    for size in (600_000, 5_000_000, 20_000_000):
        task: Task[object] = Task("mail", "x" * size)
        began = time.monotonic()
        with pytest.raises(PayloadTooLarge):
            client.enqueue(task)
        took_s.append((time.monotonic() - began) * 1_000)
    figure("W14", "refusal of 600 kB", took_s[0], "ms", at_most=50)
    figure("W14", "refusal of 20 MB", took_s[-1], "ms", at_most=500)


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_wrong_moves_no_due_time(
    redis_server: Server, redis_url: str, client: SyncClient, hours: int
) -> None:
    program = ("tests.faults.wrong_clock", str(hours * 3600), redis_url)
    with (
        closing(Worker(redis_url, program=program)) as wrong,
        closing(Worker(redis_url)) as right,
    ):
        wait_until(lambda: "is ready" in wrong.log and "is ready" in right.log, "ready", 20)
        began_ms = server_ms(redis_server)
        ids = client.enqueue_many([Task("sleep", 0.2, delay="1500ms") for _ in range(20)])
        wait_until(lambda: completed(client, ids), "all completed", 30)
        runs = [client.get(task_id).timeline for task_id in ids]
        assert wrong.process.poll() is None
    assert {tuple(entry.kind for entry in run) for run in runs} == {("completed",)}
    off_ms = [abs(run[0].claimed_ms - began_ms - 1_500) for run in runs]
    worst_s = percentile(off_ms, 0.99) / 1_000
    figure("W15", f"clock {hours:+} h: furthest from the due time", worst_s, "s", at_most=1.0)
    assert min(run[0].claimed_ms - began_ms for run in runs) >= 1_400, "none is early"


def server_ms(server: Server) -> int:
    client = server.client()
    seconds, microseconds = client.time()
    client.close()
    return int(seconds * 1_000 + microseconds // 1_000)


@pytest.mark.slow
def test_a_queue_paused_a_hundred_times_claims_nothing_while_paused(
    redis_url: str, client: SyncClient
) -> None:
    from rediq_core.admin import connect

    admin = connect(redis_url)
    woken_ms: list[float] = []
    claims = 0
    with worker(redis_url):
        client.result(client.enqueue(Task("sleep", 0.0)), timeout=20)
        for _ in range(100):
            admin.pause("default", by="ada@host")
            task_id = client.enqueue(Task("sleep", 0.0))
            claims += client.get(task_id).state is not TaskState.PENDING
            began = time.monotonic()
            admin.resume("default", by="ada@host")
            wait_until(lambda i=task_id: completed(client, [i]), "woken", 10)
            woken_ms.append((time.monotonic() - began) * 1_000)
    admin.close()
    figure("S12", "claims while paused, of 100 pauses", claims, "claims", at_most=0)
    figure("S12", "resume to completed, p50", percentile(woken_ms, 0.5), "ms", at_most=100)
