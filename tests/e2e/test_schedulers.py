"""Schedules with real schedulers that are killed, and with real workers: each due time once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from rediq_core import SyncClient, Task, TaskState
from rediq_core.admin import Admin, connect
from rediq_core.keys import queue_key
from tests.support.guarded import as_operator
from tests.support.waiting import wait_until
from tests.support.workers import ROOT, worker

SCHEDULERS = 5


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


@pytest.fixture
def admin(redis_url: str) -> Iterator[Admin]:
    with connect(as_operator(redis_url)) as made:
        yield made


class Fleet:
    """Processes of schedulers, of which some are stopped and killed again and again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._running: list[subprocess.Popen[str]] = []
        self._stopped: list[subprocess.Popen[str]] = []
        self.kills = self.stops = 0
        for _ in range(SCHEDULERS):
            self._start()
        for process in self._running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def _start(self) -> None:
        command = [sys.executable, "-m", "tests.support.scheduler_process", self._url, "rediq"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._running.append(
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        )

    def disturb(self) -> None:
        """Kill the oldest and start another; stop the next, and let go on who was stopped."""
        oldest = self._running.pop(0)
        _end(oldest)
        self.kills += 1
        self._start()
        for process in self._stopped:
            process.send_signal(signal.SIGCONT)
        self._running += self._stopped
        self._stopped = [self._running.pop(0)]
        self._stopped[0].send_signal(signal.SIGSTOP)
        self.stops += 1

    def close(self) -> None:
        for process in self._running + self._stopped:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def fleet(redis_url: str) -> Iterator[Fleet]:
    made = Fleet(redis_url)
    yield made
    made.close()


def enqueued(redis_client: redis.Redis) -> list[int]:
    """Return the epochs of all occurrences in the queue, in order."""
    ids = redis_client.hkeys(queue_key("rediq", "default", "tasks"))
    return sorted(int(task_id.rpartition(b":")[2]) for task_id in ids)


def disturbed(fleet: Fleet, redis_client: redis.Redis, client: SyncClient, fires: int) -> None:
    """Fire each second while a scheduler is killed and one stopped after every second fire."""
    client.schedule("tick", "* * * * * *", Task("tick"), overlap="allow")
    for count in range(2, fires + 1, 2):
        wait_until(lambda n=count: len(enqueued(redis_client)) >= n, f"{count} fires", 20)
        fleet.disturb()
    wait_until(lambda: len(enqueued(redis_client)) > fires, "one more", 20)
    client.unschedule("tick")


@pytest.mark.parametrize("fires", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_and_stopped_schedulers_miss_nothing_and_double_nothing(
    fleet: Fleet, redis_client: redis.Redis, client: SyncClient, admin: Admin, fires: int
) -> None:
    disturbed(fleet, redis_client, client, fires)

    epochs = enqueued(redis_client)
    assert epochs == list(range(epochs[0], epochs[0] + len(epochs)))
    assert (fleet.kills, fleet.stops) == (fires // 2, fires // 2)
    # Each was enqueued by one call: a second one would be counted, if not seen.
    assert admin.queue("default").lifetime["enqueued"] == len(epochs)


def test_a_worker_registers_its_configuration_and_runs_what_it_declares(
    redis_url: str, client: SyncClient, admin: Admin, tmp_path: Path
) -> None:
    config = tmp_path / "rediq.toml"
    config.write_text(
        '[schedules.tick]\ntype = "sleep"\npayload = 0.0\ncron = "* * * * * *"\n'
        '[schedules.yearly]\ntype = "sleep"\ncron = "@yearly"\ntimezone = "Europe/Vienna"\n'
    )
    with worker(redis_url, "-c", str(config)):
        wait_until(lambda: len(admin.schedules()) == 2, "registered", 20)
        wait_until(lambda: len(_done(admin)) >= 2, "ran twice", 20)
        client.schedule("soon", "* * * * * *", Task("sleep", 0.0))
        wait_until(lambda: admin.schedule("soon").last, "a new one is seen", 3)

    tick, yearly = admin.schedule("tick"), admin.schedule("yearly")
    assert (tick.source, tick.type, tick.queue) == ("config", "sleep", "default")
    assert tick.rev == config.stat().st_mtime_ns // 1_000_000
    assert (yearly.timezone, yearly.last) == ("Europe/Vienna", None)
    kinds = {entry.kind for entry in admin.schedule_history("tick")}
    assert kinds <= {"fired", "overlap"}


def _done(admin: Admin) -> list[str]:
    return [
        entry.task_id
        for entry in admin.schedule_history("tick")
        if entry.task is not None and entry.task.state is TaskState.COMPLETED
    ]
