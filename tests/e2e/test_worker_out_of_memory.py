"""A worker of a server that has no memory left: it works, is seen, and does what it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

import rediq_core
from rediq_core import RediqError, SyncClient, Task, TaskState
from rediq_core.admin import Admin, connect
from rediq_core.model.views import WorkerView
from rediq_core.model.where import parse_where
from tests.support.servers import standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker


@pytest.fixture
def full() -> Iterator[tuple[str, redis.Redis]]:
    """A server whose memory can be taken away, and its plain client."""
    with standalone() as server:
        plain = server.client()
        yield server.url, plain
        plain.close()


def only_worker(admin: Admin) -> WorkerView:
    (found,) = wait_until(admin.workers, "it announces itself", timeout_s=20)
    return found


@pytest.mark.slow
def test_at_maxmemory_it_is_seen_takes_orders_and_memory_can_be_freed(
    full: tuple[str, redis.Redis],
) -> None:
    url, plain = full
    with SyncClient(url) as client, connect(url) as admin, worker(url):
        doomed = client.enqueue_many([Task("permanent") for _ in range(20)])
        running = client.enqueue(Task("async:reason"))
        wait_until(lambda: client.get(running).progress is not None, "it runs", timeout_s=20)
        wait_until(
            lambda: all(client.get(i).state is TaskState.DEAD for i in doomed), "dead", timeout_s=20
        )
        plain.config_set("maxmemory", "1")
        with pytest.raises(RediqError, match="E018"):
            client.enqueue(Task("sleep", 0.0))
        last_beat_ms = only_worker(admin).beat_ms
        wait_until(lambda: only_worker(admin).beat_ms > last_beat_ms, "it beats on")

        admin.tell_worker(only_worker(admin).id, "pause", by="ada@host")
        wait_until(lambda: only_worker(admin).state == "paused", "it pauses")
        admin.tell_worker(only_worker(admin).id, "resume", by="ada@host")
        wait_until(lambda: only_worker(admin).state == "running", "it resumes")
        report = admin.move("cancel", parse_where([running]), by="ada@host")
        wait_until(
            lambda: client.get(running).state is TaskState.CANCELLED, "cancelled", timeout_s=2
        )
        flushed = admin.flush(parse_where(["dead:default"]), by="ada@host", hard=True)
        plain.config_set("maxmemory", "0")
        again = client.enqueue(Task("sleep", 0.0))

        assert client.result(again, timeout=20) == {"slept": 0.0}
    assert report.intents == (running,)
    assert sorted(flushed.moved) == sorted(doomed)


def test_a_worker_says_which_version_it_is(redis_url: str) -> None:
    with connect(redis_url) as admin, worker(redis_url):
        assert only_worker(admin).version == rediq_core.__version__
