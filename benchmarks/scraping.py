"""What it costs a drain that its worker is scraped: /metrics once a second against no HTTP at all.

    python -m benchmarks.scraping --rounds 10

Two servers with a worker each, drained in turn, so that what the machine does meanwhile hits both.
Prints CPU microseconds a task of server, supervisor and task process, and the ratio of each pair.
Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.peers.processes import cpu_between, cpu_s, tree
from benchmarks.peers.server import BenchServer, free_port
from rediq_core import SyncClient, Task
from rediq_core.admin import Admin, connect

QUEUE = "scraping"
PAYLOAD = "x" * 200
SCRAPE_EVERY_S = 1.0


class Side:
    """A server and its worker, scraped or not.

    Attributes:
        us_per_task: CPU of all its processes, one figure a round.
        supervisor_us: Of the supervisor alone.
        scrapes: Pages that were read.
    """

    def __init__(self, stack: ExitStack, *, is_scraped: bool) -> None:
        self.us_per_task: list[float] = []
        self.supervisor_us: list[float] = []
        self.scrapes = 0
        self._server = stack.enter_context(BenchServer())
        self._client = stack.enter_context(SyncClient(self._server.url))
        self._admin: Admin = stack.enter_context(connect(self._server.url))
        self._port = free_port()
        self._worker = stack.enter_context(self._start(is_scraped=is_scraped))
        self._client.result(self._client.enqueue(self._task()), timeout=60)
        if is_scraped:
            ended = threading.Event()
            stack.callback(ended.set)
            threading.Thread(target=self._scrape, args=(ended,), daemon=True).start()

    def round(self, tasks: int) -> None:
        """Drain so many tasks, and note what they cost."""
        self._admin.pause(QUEUE, "bench")
        self._client.enqueue_many([self._task() for _ in range(tasks)])
        pids = [self._server.pid, *tree(self._worker.pid)]
        before = cpu_s(pids)
        self._admin.resume(QUEUE, "bench")
        while (view := self._admin.queue(QUEUE)).pending or view.counts.get("active"):
            time.sleep(0.05)
        after = cpu_s(pids)
        only = {self._worker.pid: after[self._worker.pid]}
        self.us_per_task.append(cpu_between(before, after) / tasks * 1e6)
        self.supervisor_us.append(cpu_between(before, only) / tasks * 1e6)

    def _task(self) -> Task[object]:
        return Task("bench:noop", PAYLOAD, queue=QUEUE)

    @contextlib.contextmanager
    def _start(self, *, is_scraped: bool) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "rediq_cli", "worker", "start", "rediq_cli.bench_handlers"]
        command += ["--url", self._server.url, "--queues", QUEUE, "--concurrency", "100"]
        seen = {"METRICS_ENABLED": "true" if is_scraped else "false"}
        process = subprocess.Popen(
            command,
            env={**os.environ, **seen, "METRICS_PORT": str(self._port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def _scrape(self, ended: threading.Event) -> None:
        while not ended.wait(SCRAPE_EVERY_S):
            page = f"http://127.0.0.1:{self._port}/metrics"
            with contextlib.suppress(OSError), urllib.request.urlopen(page, timeout=5) as answer:
                answer.read()
                self.scrapes += 1


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=50_000)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        unseen, scraped = (Side(stack, is_scraped=is_scraped) for is_scraped in (False, True))
        for number in range(chosen.rounds):
            for side in (unseen, scraped) if number % 2 else (scraped, unseen):
                side.round(chosen.tasks)
    for name, side in (("unseen", unseen), ("scraped", scraped)):
        total, supervisor = map(statistics.median, (side.us_per_task, side.supervisor_us))
        print(f"{name:>8} {total:>7.2f} us a task, {supervisor:.2f} of them the supervisor's")
    ratios = sorted(b / a for a, b in zip(unseen.us_per_task, scraped.us_per_task, strict=True))
    print(
        f"{scraped.scrapes} scrapes; scraped / unseen {statistics.median(ratios):.3f}"
        f" ({ratios[0]:.3f}-{ratios[-1]:.3f})"
    )


if __name__ == "__main__":
    main()
