"""Real workers for tests: the command itself, in its own process, with its own children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Worker:
    """A running `rediq worker start`.

    Attributes:
        process: The supervisor.
        log: Everything it and its children wrote.
    """

    def __init__(
        self,
        url: str,
        *words: str,
        module: str = "tests.e2e.handlers_for_workers",
        program: Sequence[str] = (),
    ) -> None:
        start = ("rediq_cli", "worker", "start", module, "--url", url, *words)
        self._log = tempfile.NamedTemporaryFile(prefix="rediq-worker-")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", *(program or start)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def log(self) -> str:
        """What was written so far."""
        return Path(self._log.name).read_text(errors="replace")

    def children(self) -> list[int]:
        """Pids of its task processes."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def stop(self) -> int:
        """Ask it to drain and wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def close(self) -> None:
        """End it and its children, whatever state they are in."""
        children = self.children()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._log.close()


@contextlib.contextmanager
def worker(url: str, *words: str) -> Iterator[Worker]:
    """Run a worker for the length of a with-block."""
    running = Worker(url, *words)
    try:
        yield running
    finally:
        running.close()
