"""What a task costs when many are waiting, and what a worker holds after many runs.

    python -m benchmarks.growth pending --sizes 10000,10000000
    python -m benchmarks.growth worker --tasks 1000000

`pending` fills one queue to each size on a server of its own, and at each size puts in, claims and
settles the same number of tasks, in rounds that alternate between the sizes: a server for each, so
that what the machine does meanwhile hits both. Costs are microseconds of the server's CPU a task.
`worker` drains that many tasks with `rediq worker start` and prints the memory of parent and task
process (PSS) on the way. Linux only. 10^7 pending tasks take about 5 GB.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.peers.processes import cpu_s, pss_bytes, tree
from benchmarks.peers.server import BenchServer
from rediq_core import SyncClient, Task, keys
from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import SyncExecutor
from rediq_core.verbs.exchange import Asker, Retention, Settled, exchange

QUEUE = "growth"
PAYLOAD = "x" * 200
BATCH = 500
CLAIM = 50
RETENTION = Retention(86_400_000, 1_000, 86_400_000, 1_000, 0)


class Filled:
    """A queue of one size, and what its server spends on a task."""

    def __init__(self, server: BenchServer, size: int) -> None:
        self.server = server
        self.size = size
        self.enqueue_us: list[float] = []
        self.run_us: list[float] = []
        self._client = SyncClient(server.url)
        self._executor = SyncExecutor(SyncLink(parse_url(server.url)))
        self._asker = Asker(Space(), QUEUE, "growth#1", 60_000, RETENTION)
        self._seq = 0
        self._settles: list[Settled] = []

    def fill(self) -> None:
        """Enqueue until the queue has its size."""
        for start in range(0, self.size, 50_000):
            self._enqueue(min(50_000, self.size - start))

    def round(self, tasks: int) -> None:
        """Put in, then claim and settle `tasks`; notes the server's CPU for each."""
        before = self._server_s()
        self._enqueue(tasks)
        between = self._server_s()
        for _ in range(tasks // CLAIM):
            self._exchange(CLAIM)
        self._exchange(0)
        after = self._server_s()
        self.enqueue_us.append((between - before) / tasks * 1e6)
        self.run_us.append((after - between) / tasks * 1e6)

    def _server_s(self) -> float:
        return cpu_s([self.server.pid])[self.server.pid]

    def _enqueue(self, tasks: int) -> None:
        self._client.enqueue_many([Task("noop", PAYLOAD, queue=QUEUE) for _ in range(tasks)])

    def _exchange(self, want: int) -> None:
        self._seq += 1
        call = exchange(
            self._asker,
            self._seq,
            want,
            self._settles,
            minute=keys.minute_of(time.time_ns() // 1_000_000),
            is_first=not self._settles,
        )
        reply = self._executor.run(call)
        self._settles = [
            Settled(
                task.id, task.token, "c0", f'{{"o":"completed","k":"{task.token}"}}\n', "", "", ""
            )
            for task in reply.claimed
        ]


def pending(sizes: Sequence[int], rounds: int, tasks: int) -> None:
    """Print the cost of a task at each size."""
    with ExitStack() as stack:
        queues = [Filled(stack.enter_context(BenchServer()), size) for size in sizes]
        for queue in queues:
            queue.fill()
            print(
                f"{queue.size:>12,} pending, {queue.server.used_memory() / 1e6:,.0f} MB", flush=True
            )
        for _ in range(rounds):
            for queue in queues:
                queue.round(tasks)
    base = queues[0]
    print(f"\nserver us a task, medians of {rounds} alternating rounds of {tasks:,} tasks")
    print(f"{'pending':>12} {'enqueue':>9} {'run':>9} {'both':>9} {'ratio':>7}")
    for queue in queues:
        enqueue_us, run_us = statistics.median(queue.enqueue_us), statistics.median(queue.run_us)
        ratios = [
            (a + b) / (c + d)
            for a, b, c, d in zip(
                queue.enqueue_us, queue.run_us, base.enqueue_us, base.run_us, strict=True
            )
        ]
        print(
            f"{queue.size:>12,} {enqueue_us:>9.2f} {run_us:>9.2f} {enqueue_us + run_us:>9.2f}"
            f" {statistics.median(ratios):>7.2f}"
        )


def worker(tasks: int, steps: int) -> None:
    """Print what a worker holds while it runs many tasks."""
    with BenchServer() as server, SyncClient(server.url) as client:
        command = [sys.executable, "-m", "rediq_cli", "worker", "start"]
        command += ["rediq_cli.bench_handlers", "--url", server.url, "--queues", QUEUE]
        command += ["--concurrency", "100", "--processes", "1"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            print(f"{'runs':>12} {'PSS MB':>8}   parent and task process")
            done = 0
            for step in range(steps + 1):
                _show(done, process.pid)
                if step == steps:
                    break
                for _ in range(tasks // steps // 10_000):
                    client.enqueue_many(
                        [Task("bench:noop", PAYLOAD, queue=QUEUE) for _ in range(10_000)]
                    )
                    done += 10_000
                    _drained(server)
        finally:
            process.terminate()
            process.wait(30)


def _drained(server: BenchServer) -> None:
    names = ("pending", "active")
    found = [keys.queue_key(keys.DEFAULT_NAMESPACE, QUEUE, name) for name in names]
    while any(server.client.zcard(key) for key in found):
        time.sleep(0.02)


def _show(done: int, pid: int) -> None:
    time.sleep(2)  # what is idle shows what is held, not what is under way
    sizes = [pss_bytes([member]) / 1e6 for member in tree(pid)]
    print(
        f"{done:>12,} {sum(sizes):>8.1f}   {', '.join(f'{size:.1f}' for size in sizes)}", flush=True
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = parser.add_subparsers(dest="case", required=True)
    waiting = cases.add_parser("pending")
    waiting.add_argument("--sizes", default="10000,10000000")
    waiting.add_argument("--rounds", type=int, default=5)
    waiting.add_argument("--tasks", type=int, default=20_000)
    held = cases.add_parser("worker")
    held.add_argument("--tasks", type=int, default=1_000_000)
    held.add_argument("--steps", type=int, default=10)
    chosen = parser.parse_args()
    if chosen.case == "pending":
        pending([int(size) for size in chosen.sizes.split(",")], chosen.rounds, chosen.tasks)
    else:
        worker(chosen.tasks, chosen.steps)


if __name__ == "__main__":
    main()
