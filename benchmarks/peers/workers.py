"""Start a peer's workers and producers as real processes, and read what the handlers counted.

Everything is held by handle. Not a supervisor: a worker that dies stays dead, and the case that
needed it fails with the end of its output.
"""

import json
import os
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from benchmarks.peers import processes
from benchmarks.peers.roster import HERE, Peer
from benchmarks.peers.server import BenchServer

Mode = Literal["count", "latency", "hold"]

_SLOT = struct.Struct("<3Q")
_OUTPUT_TAIL_BYTES = 600


class CaseError(Exception):
    """A peer did not do what the case asks for; the text goes into the report."""


@dataclass(frozen=True)
class Tally:
    """What one process counted: tasks started, and the instants of its first and last."""

    pid: int
    count: int
    first_ns: int
    last_ns: int


class Bench:
    """One peer's stay on the server for one case: its folder, producers and workers.

    Use it in a with-block: leaving kills every process it started. One thread.
    """

    def __init__(
        self,
        peer: Peer,
        server: BenchServer,
        *,
        mode: Mode = "count",
        concurrency: int = 10,
        queues: int = 1,
    ) -> None:
        self.peer = peer
        self.server = server
        self._concurrency = concurrency
        self._mode = mode
        self._queues = queues
        self._temporary = tempfile.TemporaryDirectory(prefix="rediq-bench-")
        self.folder = Path(self._temporary.name)
        self.roots: list[subprocess.Popen[bytes]] = []
        self._log = (self.folder / "output.log").open("wb")

    def __enter__(self) -> "Bench":
        self.server.clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for root in self.roots:
            processes.kill_tree(root.pid)
            root.wait()
        self._log.close()
        self._temporary.cleanup()

    def _environment(self, process_count: int) -> dict[str, str]:
        """The variables every adapter reads, on top of this process's own."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE / "adapters"), str(HERE.parent.parent)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NODE_ENV": "production",
            "BENCH_URL": self.server.url,
            "BENCH_PORT": str(self.server.port),
            "BENCH_DIR": str(self.folder),
            "BENCH_MODE": self._mode,
            "BENCH_CONCURRENCY": str(self._concurrency),
            "BENCH_PROCESSES": str(process_count),
            "BENCH_QUEUES": str(self._queues),
            **({"BENCH_VARIANT": self.peer.variant} if self.peer.variant else {}),
        }

    def produce(self, mode: str, count: int, *, timeout_s: float) -> float:
        """Run a producer to its end; returns the seconds it measured itself."""
        try:
            done = subprocess.run(
                [*self.peer.command(), "produce", mode, str(count)],
                env=self._environment(1),
                cwd=self.folder,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CaseError(f"enqueue of {count} tasks took over {timeout_s:.0f} s") from None
        if done.returncode != 0:
            raise CaseError(f"the producer failed: {_tail(done.stderr or done.stdout)}")
        report = json.loads(done.stdout.splitlines()[-1])
        return float(report["seconds"])

    def start_workers(self, process_count: int) -> None:
        """Start task processes by the peer's own command, or several of it if it makes one."""
        copies = 1 if self.peer.makes_processes else process_count
        for _ in range(copies):
            self.roots.append(
                subprocess.Popen(
                    [*self.peer.command(), "worker"],
                    env=self._environment(process_count),
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    start_new_session=True,
                )
            )

    def kill_workers(self) -> None:
        """Kill -9 all workers, supervisors and children alike."""
        for root in self.roots:
            processes.kill_tree(root.pid)
            root.wait()
        self.roots.clear()

    def worker_pids(self) -> list[int]:
        """Every living process of the workers."""
        return [pid for root in self.roots for pid in processes.tree(root.pid)]

    def tallies(self) -> list[Tally]:
        """What each task process has counted so far; processes that counted nothing are absent."""
        found = []
        for path in self.folder.glob("count-*"):
            data = path.read_bytes()
            data = data[: len(data) - len(data) % _SLOT.size]
            slots = [slot for slot in _SLOT.iter_unpack(data) if slot[0]]
            if slots:
                found.append(
                    Tally(
                        pid=int(path.name.removeprefix("count-")),
                        count=sum(slot[0] for slot in slots),
                        first_ns=min(slot[1] for slot in slots),
                        last_ns=max(slot[2] for slot in slots),
                    )
                )
        return found

    def counted(self) -> int:
        """Handler starts so far."""
        return sum(tally.count for tally in self.tallies())

    def wait_counted(self, wanted: int, *, timeout_s: float) -> None:
        """Wait until `wanted` handlers have started."""
        deadline = time.monotonic() + timeout_s
        while (done := self.counted()) < wanted:
            self.check_alive()
            if time.monotonic() > deadline:
                raise CaseError(
                    f"{done} of {wanted} tasks after {timeout_s:.0f} s; {self.output_tail()}"
                )
            time.sleep(0.01)

    def check_alive(self) -> None:
        """Fail the case if a worker has ended by itself."""
        for root in self.roots:
            code = root.poll()
            if code is not None:
                raise CaseError(f"a worker ended with {code}; {self.output_tail()}")

    def output_tail(self) -> str:
        """The end of what the workers printed."""
        self._log.flush()
        return f"its output ends: {_tail((self.folder / 'output.log').read_bytes())}"

    def lines(self, name: str) -> list[str]:
        """The whole lines of a file that handlers append to."""
        path = self.folder / name
        if not path.exists():
            return []
        return [line for line in path.read_text().split("\n")[:-1] if line]


def _tail(output: bytes) -> str:
    """The last few hundred characters on one line."""
    text = output.decode(errors="replace").strip()[-_OUTPUT_TAIL_BYTES:]
    return " / ".join(line.strip() for line in text.splitlines() if line.strip()) or "(nothing)"
