"""A task process dies at one named point of its loop, once: nothing is lost, nothing settled twice.

Chaos meets these moments by chance; here each is met for certain. The crash is planted in a copy of
the packages.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task, TaskState
from tests.support.planted import plant
from tests.support.servers import Server, standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CONSUMER, EXECUTOR = "rediq_core/worker/consumer.py", "rediq_core/worker/executor.py"
EXCHANGING = "rediq_core/worker/exchanging.py"
DIE = "__import__('kill_point').reach()"
MODULE = """\
import os, pathlib

def reach():
    reached = pathlib.Path(__file__).with_name("reached")
    try:
        reached.touch(exist_ok=False)
    except FileExistsError:
        return
    os._exit(137)
"""
# The request that is being made settles something.
NOTED = (
    CONSUMER,
    "        call = lane.request(want,",
    "        lane.settles = bool(lane.results)\n        call = lane.request(want,",
)
POINTS = {
    "claimed, and handed to no slot": [
        (
            CONSUMER,
            "        if not lane.take(reply, want,",
            f"        if reply.claimed:\n            {DIE}\n        if not lane.take(reply, want,",
        )
    ],
    "before the handler": [
        (
            EXECUTOR,
            "            result = await registration.call(context)\n",
            f"            {DIE}\n            result = await registration.call(context)\n",
        )
    ],
    "after the handler": [
        (
            EXECUTOR,
            "            result = await registration.call(context)\n",
            f"            result = await registration.call(context)\n            {DIE}\n",
        )
    ],
    "before the settle is sent": [
        NOTED,
        (
            EXCHANGING,
            "                if not turn.is_sent:\n",
            f"                if turn.lane.settles:\n                    {DIE}\n"
            "                if not turn.is_sent:\n",
        ),
    ],
    "settled, and the answer not read": [
        NOTED,
        (
            EXCHANGING,
            "                reply = await channel.receive()\n        except (RedisUnav",
            "                reply = await channel.receive()\n"
            f"                if turn.lane.settles:\n                    {DIE}\n"
            "        except (RedisUnav",
        ),
    ],
    "told to stop": [
        (
            CONSUMER,
            "    def stop_claiming(self) -> None:\n",
            f"    def stop_claiming(self) -> None:\n        {DIE}\n",
        )
    ],
}


@pytest.fixture
def server() -> Iterator[Server]:
    with standalone() as started:
        yield started


@contextmanager
def worker_of(root: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker from a copy; its output is in `worker.log` there."""
    words = ["rediq_cli", "worker", "start", "tests.e2e.handlers_for_workers", "--url", url]
    with (root / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_dies_there_loses_nothing(
    point: str, server: Server, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    plant(root, POINTS[point], "tests/e2e")
    (root / "kill_point.py").write_text(MODULE)
    with SyncClient(server.url) as client, worker_of(root, server.url) as running:
        ids = client.enqueue_many([Task("sleep", 0.2) for _ in range(25)])

        def are_done(ids: list[str]) -> bool:
            return all(client.get(i).state is TaskState.COMPLETED for i in ids)

        if point == "told to stop":
            wait_until(lambda: client.get(ids[0]).state is not TaskState.PENDING, "begun", 30)
            running.send_signal(signal.SIGTERM)
        wait_until((root / "reached").exists, "the point was reached", 30)
        if point == "told to stop":
            running.wait(40)
            with worker(server.url):
                wait_until(lambda: are_done(ids), "completed by another", 60)
        wait_until(lambda: are_done(ids), (root / "worker.log").read_text(), 60)

        for task_id in ids:
            kinds = [entry.kind for entry in client.get(task_id).timeline]
            assert kinds[-1] == "completed"
            assert kinds.count("completed") == 1
            assert set(kinds) <= {"completed", "lost", "released"}
        with server.client() as raw:
            for name in ("active", "claims"):
                assert not raw.exists(f"rediq:{{default}}:{name}"), name
