"""Fill a server with tasks the way they come about: enqueued by a client, failed by workers.

One queue holds most of the dead tasks, every other one a few of them and its share of pending
ones. Nothing is written past the scripts, so what is measured later is what users have.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rediq_core import SyncClient, Task

ROOT = Path(__file__).parents[2]
BROKEN = "payments"
# Dead tasks in each of the other queues.
DEAD_A_QUEUE = 100
# Tasks of one user among the pending ones: one in so many.
USERS = 90_000
CHUNK = 10_000


@dataclass(frozen=True)
class Size:
    """How much is seeded.

    Attributes:
        tasks: Altogether.
        queues: Over so many queues.
        failures: Dead ones in the queue that fails.
    """

    tasks: int
    queues: int
    failures: int

    @property
    def others(self) -> list[str]:
        return [f"q{number:02}" for number in range(1, self.queues)]

    @property
    def dead(self) -> int:
        return self.failures + DEAD_A_QUEUE * len(self.others)

    @property
    def pending(self) -> int:
        return max(self.tasks - self.dead, 0)


def fill(url: str, size: Size) -> None:
    """Seed all tasks; about half a minute for a million."""
    with SyncClient(url) as client:
        _put(client, _failing(size))
        _fail_all(url, [BROKEN, *size.others])
        _put(client, _waiting(size))


def _put(client: SyncClient, tasks: Iterator[Task[object]]) -> None:
    while chunk := list(islice(tasks, CHUNK)):
        client.enqueue_many(chunk)


def _failing(size: Size) -> Iterator[Task[object]]:
    for number in range(size.failures):
        yield Task("charge", {"n": number}, queue=BROKEN)
    for queue in size.others:
        for number in range(DEAD_A_QUEUE):
            yield Task("charge", {"n": number}, queue=queue)


def _waiting(size: Size) -> Iterator[Task[object]]:
    for number in range(size.pending):
        queue = size.others[number % len(size.others)]
        yield Task("mail", {"user": number % USERS, "text": "x" * 150}, queue=queue)


def _fail_all(url: str, queues: list[str]) -> None:
    words = ("worker", "start", "benchmarks.scale.handlers", "--burst", "--concurrency", "100")
    ended = subprocess.run(
        [sys.executable, "-m", "rediq_cli", *words, "--url", url, "--queues", ",".join(queues)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"the worker ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
