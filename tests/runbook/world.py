"""One Redis, real workers, and people who type commands: what every incident happens in."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rediq_cli.output.progress import CLEAR_LINE
from rediq_core.admin import Admin, connect
from rediq_core.client import SyncClient
from tests.support.cli import in_terminal
from tests.support.servers import Server, standalone
from tests.support.workers import Worker

# Rows and columns of the screen; nothing is paged.
SCREEN = (60, 100)
# The terminal has a size of its own, whatever runs the tests says.
OWN_SIZE = {"COLUMNS": "", "LINES": ""}
_WIPED = re.compile(rf"{re.escape(CLEAR_LINE)}(?:[^\n]*{re.escape(CLEAR_LINE)})?")


class World:
    """The server, its workers, and what was typed.

    Attributes:
        server: A Redis of its own.
        admin: To look at what is there.
        client: A producer.
    """

    def __init__(self, server: Server, admin: Admin, client: SyncClient, bank: Path) -> None:
        self.server = server
        self.admin = admin
        self.client = client
        self._bank = bank

    def type(self, line: str, *, by: str = "ada") -> str:
        """Run a command line as somebody, on a terminal; returns what the screen shows.

        Raises:
            AssertionError: It failed.
        """
        code, screen = in_terminal(
            *words_of(line),
            env={"REDIQ_URL": self.server.url, "LOGNAME": by, "NO_COLOR": "1", **OWN_SIZE},
            cwd=self.server.directory,
            size=SCREEN,
        )
        text = screen.decode().replace("\r\n", "\n")
        assert code == 0, f"rediq {line} ended {code}: {text}"
        # A progress line was there and is wiped.
        return told(re.sub(_WIPED, "", text), self.server)

    @contextlib.contextmanager
    def worker(self, *queues: str, concurrency: int = 4) -> Iterator[Worker]:
        """Run a worker for these queues."""
        before = dict(os.environ)
        os.environ["RUNBOOK_BANK"] = str(self._bank)
        try:
            worker = Worker(
                self.server.url,
                *("--queues", ",".join(queues), "--concurrency", str(concurrency)),
                module="tests.runbook.handlers",
            )
        finally:
            os.environ.clear()
            os.environ.update(before)
        try:
            yield worker
        finally:
            worker.close()

    def bring_back_the_bank(self) -> None:
        self._bank.touch()


def kill_machine(worker: Worker) -> None:
    """End a worker and all its processes at once, as a power cut does."""
    children = worker.children()
    worker.process.kill()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.process.wait()


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Make a world for the length of a with-block."""
    with (
        standalone(tcp=True, unix=False, aof=True) as server,
        connect(server.url) as admin,
        SyncClient(server.url) as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        yield World(server, admin, client, Path(folder, "bank"))


def words_of(line: str) -> list[str]:
    """Split a command line at its spaces; words in single quotes stay whole."""
    return [quoted or plain for quoted, plain in re.findall(r"'([^']*)'|(\S+)", line)]


def told(text: str, server: Server) -> str:
    """Leave out what only this machine has: its name and its ports; columns stay in line."""
    text = text.replace(server.url, "redis://redis.shop:6379/0")
    host = platform.node()

    def renamed(match: re.Match[str]) -> str:
        rest, gap = match.groups()
        is_column = len(gap) > 1
        return "w1" + rest + " " * (len(gap) + is_column * max(len(host) - 2, 0))

    return re.sub(rf"\b{re.escape(host)}\b(\S*)( *)", renamed, text)
