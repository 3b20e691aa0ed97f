"""What a real worker says of itself over HTTP, and what Redis remembers when workers are gone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.admin import connect
from tests.support.cli import run_process
from tests.support.guarded import as_operator
from tests.support.scraping import Scrape, address_of, fetch
from tests.support.servers import standalone
from tests.support.waiting import wait_until
from tests.support.workers import Worker

# The five names of the guide, and what else a worker says of its queues and tasks.
GUIDE = (
    "rediq_queue_pending",
    "rediq_queue_retry",
    "rediq_queue_dead",
    "rediq_task_processing_duration",
    "rediq_task_error",
)


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


def watched(url: str, folder: Path, *words: str) -> Worker:
    """Start a worker that can be looked at on a free port."""
    config = folder / "rediq.toml"
    config.write_text("[metrics]\nport = 0\n")
    return Worker(url, "-c", str(config), *words)


def test_the_numbers_are_right_after_a_thousand_tasks_of_which_a_tenth_failed(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    quick = [Task("sleep", 0.0) for _ in range(877)]
    slow = [Task("sleep", 0.3) for _ in range(18)]
    doomed = [Task("permanent") for _ in range(100)]
    failing = [Task("fail", backoff=["10m"]) for _ in range(5)]
    with (
        closing(watched(redis_url, tmp_path, "--processes", "2", "--concurrency", "20")) as worker,
        connect(as_operator(redis_url)) as admin,
    ):
        base = address_of(worker)
        client.enqueue_many([*quick, *slow, *doomed, *failing])
        wait_until(
            lambda: Scrape(base).sum("rediq_task_processed_total") == 1_000,
            "all are counted",
            timeout_s=60,
        )
        admin.pause("default", by="ada@host", reason="a test")
        client.enqueue_many([Task("sleep", 0.0) for _ in range(7)])
        wait_until(lambda: Scrape(base).sum("rediq_queue_pending") == 7, "seven are pending")
        scrape = Scrape(base)

    assert {family.name for family in scrape.families} >= set(GUIDE)
    assert scrape.of("rediq_queue_pending") == [({"queue": "default"}, 7)]
    assert scrape.of("rediq_queue_retry") == [({"queue": "default"}, 5)]
    assert scrape.of("rediq_queue_dead") == [({"queue": "default"}, 100)]
    assert scrape.of("rediq_queue_paused") == [({"queue": "default"}, 1)]
    assert scrape.sum("rediq_queue_active") == 0
    errors = {held["error"]: value for held, value in scrape.of("rediq_task_error_total")}
    assert errors == {"Permanent": 100, "ValueError": 5}
    assert scrape.sum("rediq_task_dead_total") == 100
    assert scrape.sum("rediq_task_retried_total") == 5
    counts = {
        held["type"]: value for held, value in scrape.of("rediq_task_processing_duration_count")
    }
    assert counts == {"sleep": 895, "permanent": 100, "fail": 5}
    assert scrape.sum("rediq_task_wait_duration_count") == 1_000
    # 2 % of them slept 0.3 s; the upper end leaves room for a machine with other work.
    p99_s = scrape.quantile(0.99, "rediq_task_processing_duration", type="sleep")
    assert 0.25 < p99_s <= 1.0
    assert scrape.sum("rediq_task_processing_duration_sum", type="sleep") >= 18 * 0.3
    check_with_promtool(scrape.text)


def check_with_promtool(text: str) -> None:
    """Let Prometheus' own checker read it, where it is installed; the parser did everywhere."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.slow
def test_ten_thousand_types_make_few_series(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    with closing(watched(redis_url, tmp_path)) as worker:
        base = address_of(worker)
        client.enqueue_many([Task(f"type:{number}") for number in range(10_000)])
        with connect(as_operator(redis_url)) as admin:
            wait_until(
                lambda: sum(view.held for view in admin.queues()) == 10_000, "held", timeout_s=60
            )
        last: Task[object] = Task("sleep", 0.0)
        client.enqueue(last)
        client.result(last, timeout=20)
        wait_until(lambda: Scrape(base).sum("rediq_task_processed_total") == 1, "it is counted")
        scrape = Scrape(base)

    assert scrape.sum("rediq_queue_pending") == 10_000
    assert len(scrape.samples) <= 200


def test_health_follows_the_server_within_five_seconds(tmp_path: Path) -> None:
    with standalone(aof=True) as server, closing(watched(server.url, tmp_path)) as worker:
        base = address_of(worker)
        wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy", timeout_s=20)
        wait_until(lambda: fetch(f"{base}/health/ready").status == 200, "ready", timeout_s=20)

        server.kill()
        died_at = time.monotonic()
        wait_until(lambda: fetch(f"{base}/health").status == 503, "unhealthy", timeout_s=5)
        noticed_s = time.monotonic() - died_at
        away = {path: fetch(base + path) for path in ("/health", "/health/live", "/health/ready")}
        blind = Scrape(base)
        scale = fetch(f"{base}/scale")

        server.restart()
        back_at = time.monotonic()
        wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy again", timeout_s=5)
        recovered_s = time.monotonic() - back_at
        well = fetch(f"{base}/health").json

    assert noticed_s <= 5
    assert recovered_s <= 5
    assert {path: page.status for path, page in away.items()} == {
        "/health": 503,
        "/health/live": 200,
        "/health/ready": 503,
    }
    assert away["/health"].json["status"] == "unhealthy"
    assert away["/health"].json["redis_connected"] is False
    # No number is better than an old one.
    assert blind.sum("rediq_redis_connected") == 0
    assert blind.of("rediq_queue_pending") == []
    assert scale.status == 503
    assert (well["status"], well["redis_connected"], well["queues"]) == ("ok", True, ["default"])


@pytest.mark.slow
def test_health_follows_a_server_that_stands_still(tmp_path: Path) -> None:
    with standalone() as server, closing(watched(server.url, tmp_path)) as worker:
        base = address_of(worker)
        wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy", timeout_s=20)

        server.pause()
        try:
            with ThreadPoolExecutor(4) as askers:
                blind = list(askers.map(Scrape, [base] * 4))
            sick = fetch(f"{base}/health")
        finally:
            server.resume()
        wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy again", timeout_s=5)

    assert [page.sum("rediq_redis_connected") for page in blind] == [0] * 4
    assert sick.status == 503


@pytest.mark.slow
def test_health_tells_of_a_fetch_loop_that_stands_still(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    with closing(watched(redis_url, tmp_path)) as worker, connect(as_operator(redis_url)) as admin:
        base = address_of(worker)
        wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy", timeout_s=20)
        client.enqueue(Task("block", 25.0, timeout="100s"))
        wait_until(lambda: fetch(f"{base}/health").status == 503, "stalled", timeout_s=24)
        stalled, live = fetch(f"{base}/health").json, fetch(f"{base}/health/live")
        scrape = Scrape(base)
        wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy again", timeout_s=20)
        ids = [found.id for found in admin.workers()]

    assert (stalled["redis_connected"], stalled["stalled"]) == (True, ids)
    assert live.status == 200
    # The supervisor is another process: it tells on.
    assert scrape.sum("rediq_worker_slots_busy") == 1


def test_a_worker_that_stops_is_alive_and_not_ready(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    with closing(watched(redis_url, tmp_path)) as worker:
        base = address_of(worker)
        running = client.enqueue(Task("thread:watchful"))
        wait_until(lambda: client.get(running).state is TaskState.ACTIVE, "active", timeout_s=20)
        assert fetch(f"{base}/health/ready").status == 200

        worker.process.send_signal(signal.SIGTERM)
        wait_until(lambda: fetch(f"{base}/health/ready").status == 503, "not ready")
        pages = [fetch(base + path) for path in ("/health", "/health/live", "/health/ready")]
        client.cancel(running)
        assert worker.process.wait(20) == 0

    assert [page.status for page in pages] == [200, 200, 503]
    assert pages[2].json["stopping"] is True


def test_scale_says_how_many_processes_would_clear_the_backlog(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    with (
        closing(watched(redis_url, tmp_path, "--concurrency", "2")) as worker,
        connect(as_operator(redis_url)) as admin,
    ):
        base = address_of(worker)
        idle = fetch(f"{base}/scale").json
        held = client.enqueue_many([Task("thread:watchful") for _ in range(2)])
        wait_until(
            lambda: all(client.get(i).state is TaskState.ACTIVE for i in held), "full", timeout_s=20
        )
        client.enqueue_many([Task("sleep", 0.0) for _ in range(300)])
        wait_until(lambda: fetch(f"{base}/scale").json["backlog"] == 300, "a backlog")
        # No run has finished, so one is thought to take a second: 300 s of work in 60 s is 5 slots.
        # What comes in is added; it is read from the last minutes.
        busy = fetch(f"{base}/scale?target=60").json
        urgent = fetch(f"{base}/scale?target=10").json
        wrong = fetch(f"{base}/scale?target=soon")
        admin.pause("default", by="ada@host", reason="a test")
        wait_until(lambda: fetch(f"{base}/scale").json["backlog"] == 0, "paused: nothing helps")

    assert (idle["backlog"], idle["wanted_processes"]) == (0, 0)
    arrivals = busy["in_per_s"] * busy["queues"]["default"]["run_s"]
    assert busy["slots_per_process"] == 2
    assert busy["queues"]["default"]["run_s"] == 1.0
    assert busy["wanted_slots"] == pytest.approx(arrivals + 5, abs=1)
    assert urgent["wanted_slots"] - busy["wanted_slots"] == pytest.approx(25, abs=2)
    assert wrong.status == 400


@pytest.mark.slow
def test_stats_show_the_last_hour_after_every_worker_was_killed_and_replaced(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    fleet = [watched(redis_url, tmp_path, "--processes", "2") for _ in range(2)]
    try:
        ids = client.enqueue_many([Task("sleep", 0.02) for _ in range(90)])
        ids += client.enqueue_many([Task("permanent") for _ in range(10)])
        done = (TaskState.COMPLETED, TaskState.DEAD)
        wait_until(lambda: all(client.get(i).state in done for i in ids), "all done", timeout_s=30)
    finally:
        for worker in fleet:
            worker.close()
    with closing(watched(redis_url, tmp_path)) as newcomer:
        after = client.enqueue(Task("sleep", 0.0))
        client.result(after, timeout=20)
        base = address_of(newcomer)
        wait_until(lambda: Scrape(base).sum("rediq_task_processed_total") == 1, "it is counted")
        told = run_process("stats", "default", "--json", "--url", redis_url)

    # The counters of the newcomer begin anew, as Prometheus expects; those in Redis do not.
    assert told.code == 0
    row = next(each for each in json.loads(told.out) if each["queue"] == "default")
    assert (row["enqueued"], row["completed"], row["failed"], row["dead"]) == (101, 91, 10, 10)
    assert row["run_p50_ms"] >= 15
    assert sum(row["series"]["completed"]) == 91
