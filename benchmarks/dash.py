"""What `rediq dash` costs, and how fast it answers, in front of a million tasks.

    python -m benchmarks.dash --queues 100 --tasks 1000000 --seconds 60

Starts a server of its own, fills the queues, and opens the dashboard on a real pseudo-terminal of
200x50 that reads once a second, while a producer adds a task to every queue each second so that
every row changes. Prints the processor time of the dashboard, its memory, when the first data
stood on the screen, from key to paint, and what a reading took; then keys again while a proxy
holds every reply of Redis back for two seconds. Linux only.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import threading
import time
from collections.abc import Sequence

from benchmarks.peers.processes import cpu_s, pss_bytes
from benchmarks.peers.server import BenchServer
from rediq_core import SyncClient, Task
from tests.support.proxy import Proxy
from tests.support.terminal import Terminal, text_of

SIZE = (200, 50)
PAYLOAD = "x" * 200
# The header says what each reading cost: "103 cmds 12ms".
COST = re.compile(r"([\d,]+) cmds (\d+)ms")
DELAY_S = 2.0


class Screen:
    """The dashboard and its terminal; keeps what was written, and when.

    Attributes:
        terminal: The terminal.
        chunks: When something was written, and how many bytes.
    """

    def __init__(self, url: str) -> None:
        self.began_s = time.monotonic()
        self.terminal = Terminal("dash", "--read-only", env={"REDIQ_URL": url}, size=SIZE)
        self.chunks: list[tuple[float, int]] = []

    def watch(self, seconds: float) -> bytes:
        """Take what is written for so long."""
        start, end_s = len(self.terminal.screen), time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._take(min(left_s, 0.05))
        return self.terminal.screen[start:]

    def until(self, text: str) -> float:
        """Wait for a text; returns seconds since the start."""
        while text.encode() not in self.terminal.screen:
            self._take(0.005)
        return time.monotonic() - self.began_s

    def answer_ms(self, key: str) -> float:
        """Press a key while nothing is written; returns how long its first paint took."""
        while self._take(0.03):
            pass
        began_s = time.monotonic()
        self.terminal.type(key)
        while not self._take(0.005):
            assert time.monotonic() - began_s < 30, "a key was not answered"
        return (self.chunks[-1][0] - began_s) * 1_000

    def _take(self, seconds: float) -> bytes:
        chunk = self.terminal.read(seconds)
        if chunk:
            self.chunks.append((time.monotonic(), len(chunk)))
        return chunk


def spent(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    return cpu_s([pid])[pid]


def names(queues: int) -> list[str]:
    """Return the names of the queues."""
    return [f"queue-{number:03}" for number in range(queues)]


def fill(client: SyncClient, queues: int, tasks: int) -> None:
    """Put the tasks into the queues."""
    each = tasks // queues
    for name in names(queues):
        for start in range(0, each, 5_000):
            count = min(5_000, each - start)
            client.enqueue_many(Task("work", {"p": PAYLOAD}, queue=name) for _ in range(count))


def produce(url: str, queues: int, over: threading.Event) -> None:
    """Add a task to every queue, each second."""
    with SyncClient(url) as client:
        while not over.wait(1.0):
            client.enqueue_many(Task("work", {"p": PAYLOAD}, queue=name) for name in names(queues))


def keys_ms(screen: Screen, count: int) -> list[float]:
    """Move the cursor; returns how long each move took to be painted."""
    return [screen.answer_ms("j" if number % 20 < 10 else "k") for number in range(count)]


def spread(values: Sequence[float], unit: str) -> str:
    """Return median and 95th percentile."""
    p95 = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    return f"p50 {statistics.median(values):.1f} {unit}, p95 {p95:.1f} {unit}, n {len(values)}"


def costs(screen: bytes) -> list[tuple[int, int]]:
    """Return commands and milliseconds of the readings that a header told."""
    found = COST.findall(text_of(screen))
    return [(int(commands.replace(",", "")), int(ms)) for commands, ms in found]


def opened(url: str) -> tuple[float, float]:
    """Open the dashboard and leave it; returns seconds to the first data, all and of CPU."""
    screen = Screen(url)
    with screen.terminal as terminal:
        first_s = screen.until("queue-000")
        first_cpu_s = spent(terminal.pid)
        terminal.type("q")
        terminal.wait()
    return first_s, first_cpu_s


def measure(url: str, options: argparse.Namespace) -> None:
    """Open the dashboard, watch it, press keys, and print the figures."""
    starts = [opened(url) for _ in range(options.starts)]
    screen = Screen(url)
    with screen.terminal as terminal:
        screen.until("queue-000")
        screen.watch(3)
        before_s, begin_s = spent(terminal.pid), time.monotonic()
        written = screen.watch(options.seconds)
        passed_s = time.monotonic() - begin_s
        spent_s = spent(terminal.pid) - before_s
        readings = costs(written)
        answers = keys_ms(screen, options.keys)
        memory = pss_bytes([terminal.pid]) / (1 << 20)
        terminal.type("q")
        terminal.wait()
    (cold_s, _), *warm = starts
    first_s, first_cpu_s = (statistics.median(values) for values in zip(*warm, strict=True))
    print(f"first data      {first_s:.2f} s, {first_cpu_s:.2f} s of CPU, n {len(warm)}")
    print(f"  the very first {cold_s:.2f} s")
    print(f"CPU at 1 Hz     {spent_s / passed_s:.1%} of a core over {passed_s:.0f} s")
    print(f"memory          {memory:.0f} MiB PSS")
    print(f"written         {len(written) / passed_s / 1024:.1f} KiB/s")
    if readings:
        most = max(commands for commands, _ in readings)
        typical = statistics.median(commands for commands, _ in readings)
        print(f"a reading       {spread([ms for _, ms in readings], 'ms')}")
        print(f"commands        median {typical:.0f}, most {most}, queues {options.queues}")
    print(f"key to paint    {spread(answers, 'ms')}")


def measure_late(url: str, options: argparse.Namespace) -> None:
    """Press keys while Redis answers late, and print how long they took."""
    with Proxy(url) as proxy:
        screen = Screen(proxy.url)
        with screen.terminal as terminal:
            screen.until("queue-000")
            screen.watch(2)
            proxy.delay(DELAY_S)
            screen.watch(DELAY_S)
            answers = keys_ms(screen, options.keys)
            proxy.delay(0)
            terminal.type("q")
            terminal.wait()
    print(f"while {DELAY_S:g} s late {spread(answers, 'ms')}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--starts", type=int, default=8)
    options = parser.parse_args()
    with BenchServer() as server:
        with SyncClient(server.url) as client:
            fill(client, options.queues, options.tasks)
        over = threading.Event()
        producer = threading.Thread(
            target=produce, args=(server.url, options.queues, over), daemon=True
        )
        producer.start()
        load = os.getloadavg()[0]
        size = f"{SIZE[0]}x{SIZE[1]}"
        print(f"{options.queues} queues, {options.tasks:,} tasks, {size}, load {load:.1f}")
        measure(server.url, options)
        measure_late(server.url, options)
        over.set()
        producer.join()


if __name__ == "__main__":
    main()
