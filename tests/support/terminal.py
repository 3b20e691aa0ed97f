"""A program on a real pseudo-terminal: keys in, bytes out, and what state it leaves behind.

The test keeps the terminal's other end open, so that its modes can be read after the program has
gone. Everything that was written is kept; `sequences` tells its control sequences from its text.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.cli import PROGRAM, ROOT, clean_environment

TIMEOUT_S = 30
# Control sequences by their form: CSI with parameters and a final byte, then whatever else begins
# with an escape, then single controls.
_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|[\x00-\x1f\x7f]"
)


class Terminal:
    """One program and its terminal.

    Attributes:
        screen: Every byte that was written so far.
        pid: The program's process.
        modes_before: The terminal's modes before the program began.
    """

    def __init__(
        self,
        *words: str,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.screen = b""
        self._ours, self._theirs = pty.openpty()
        self.resize(*size, is_told=False)
        self.modes_before = termios.tcgetattr(self._theirs)
        self._process = subprocess.Popen(
            [*program, *words],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            cwd=cwd or ROOT,
            # The terminal has a size of its own, whatever runs the tests says.
            env=clean_environment({"COLUMNS": "", "LINES": "", **(env or {})}),
            start_new_session=True,
            preexec_fn=self._take,
        )
        self.pid = self._process.pid

    def _take(self) -> None:
        """Make the terminal the one that the program is controlled by; runs in the child."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for end in (self._ours, self._theirs):
            if end >= 0:
                os.close(end)

    @property
    def modes(self) -> list[Any]:
        """The terminal's modes now."""
        return termios.tcgetattr(self._theirs)

    def resize(self, columns: int, rows: int, *, is_told: bool = True) -> None:
        """Give the terminal another size; the program is told by a signal."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, size)
        if is_told and self._process.poll() is None:
            os.kill(self.pid, signal.SIGWINCH)

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self._ours, keys.encode())

    def kill(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(self.pid, number)

    def read(self, seconds: float = 0.05) -> bytes:
        """Take what was written, waiting so long for the first of it."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return b""
        try:
            chunk = os.read(self._ours, 1 << 16)
        except OSError:  # the other end is gone
            return b""
        self.screen += chunk
        return chunk

    def until(
        self, found: Callable[[bytes], object], what: str, timeout_s: float = TIMEOUT_S
    ) -> bytes:
        """Read until the bytes since now are as wanted; returns them."""
        start, deadline_s = len(self.screen), time.monotonic() + timeout_s
        while not found(self.screen[start:]):
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{what} did not come; seen: {self.screen[start:][-2_000:]!r}")
            self.read()
        return self.screen[start:]

    def shows(self, *texts: str) -> bytes:
        """Read until all texts were written since now."""
        return self.until(
            lambda seen: all(text.encode() in seen for text in texts), f"{' and '.join(texts)}"
        )

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Read until the program has ended; returns its exit code."""
        deadline_s = time.monotonic() + timeout_s
        while self._process.poll() is None:
            self.read()
            assert time.monotonic() < deadline_s, "the program did not end"
        while self.read(0.05):
            pass
        return self._process.wait()

    def wait_stopped(self) -> None:
        """Read until the program has been stopped by a signal."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while True:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                break
            assert time.monotonic() < deadline_s, "the program did not stop"
        while self.read(0.05):
            pass

    def hang_up(self) -> None:
        """Take the terminal away, as when its window is closed."""
        for end in (self._ours, self._theirs):
            os.close(end)
        self._ours = self._theirs = -1


def sequences(screen: bytes) -> set[bytes]:
    """Return the control sequences and control characters in what was written."""
    return set(_SEQUENCE.findall(screen))


def text_of(screen: bytes) -> str:
    """Return what was written without its control sequences."""
    return _SEQUENCE.sub(b"", screen).decode("utf-8", "backslashreplace")


def is_on(screen: bytes, mode: str) -> bool:
    """Say whether a private mode, such as "1049" or "25", was last switched on."""
    switches = re.findall(rb"\x1b\[\?([0-9;]+)([hl])", screen)
    states = [last for names, last in switches if mode.encode() in names.split(b";")]
    return bool(states) and states[-1] == b"h"
