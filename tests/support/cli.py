"""Run the command line: in this process for speed, in one of its own for what only shows there.

`run` calls the same function as the script, with stdout and stderr captured, no terminal and an
environment without Rediq's variables. `in_terminal` gives the process a pseudo-terminal, so that
what would reach a person's screen can be looked at byte by byte.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from rediq_cli.diagnostics import guard
from rediq_cli.main import dispatch

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "rediq_cli")
# A command answers within this many seconds even on a loaded machine.
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Stdout as one JSON value."""
        return json.loads(self.out)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without anything that configures Rediq, or changes its output."""
    prefixes = ("REDIQ_", "REDIS_", "WORKER_", "METRICS_")
    names = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "PYTHONUNBUFFERED")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(prefixes) and name not in names
    }
    if "REDIQ_SERVER_BIN" in os.environ:
        kept["REDIQ_SERVER_BIN"] = os.environ["REDIQ_SERVER_BIN"]
    own = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "XDG_CONFIG_HOME": "/nonexistent"}
    return {**kept, **own, **(more or {})}


class _Stream(io.TextIOWrapper):
    """A captured stream that writes UTF-8, as a pipe does; it may say that it is a terminal."""

    def __init__(self, *, is_tty: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="")
        self._is_tty = is_tty

    def isatty(self) -> bool:
        return self._is_tty

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def run(
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    is_tty: bool = False,
) -> Ended:
    """Run a command line in this process.

    Args:
        words: The arguments after `rediq`.
        env: More environment variables.
        cwd: The folder to run in.
        stdin: What it can read; never a terminal.
        is_tty: Lay stdout and stderr out for a screen; how wide is COLUMNS of the environment.
    """
    out, err = _Stream(is_tty=is_tty), _Stream(is_tty=is_tty)
    folder = contextlib.chdir(cwd) if cwd is not None else contextlib.nullcontext()
    with (
        mock.patch.dict(os.environ, clean_environment(env), clear=True),
        mock.patch.object(sys, "argv", ["rediq", *words]),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
        folder,
    ):
        code = guard(lambda: dispatch(list(words)))
    return Ended(code, out.text(), err.text())


def run_process(
    *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str = ""
) -> Ended:
    """Run a command line in a process of its own, through pipes."""
    ended = subprocess.run(
        [*PROGRAM, *words],
        input=stdin.encode(),
        capture_output=True,
        check=False,
        timeout=TIMEOUT_S,
        env=clean_environment(env),
        cwd=cwd or ROOT,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def in_terminal(
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    answer: str = "",
    ready: Callable[[bytes], bool] = lambda screen: screen.endswith((b": ", b"] ")),
    size: tuple[int, int] = (24, 80),
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, bytes]:
    """Run a command line with a terminal as stdin, stdout and stderr.

    Args:
        words: The arguments after `rediq`.
        env: More environment variables.
        cwd: The folder to run in.
        answer: Typed once, when `ready` says that a question stands on the screen.
        ready: Looks at what was written so far.
        size: Rows and columns of the terminal.
        timeout_s: Longest it may take.

    Returns:
        The exit code, and every byte the terminal was sent.
    """
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - this is the child, which becomes the command
        os.chdir(cwd or ROOT)
        os.execvpe(PROGRAM[0], [*PROGRAM, *words], clean_environment(env))
    _set_size(terminal, *size)
    screen, typed = b"", not answer
    deadline = time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # Linux reports the end of a terminal as an error
                break
            if not chunk:
                break
            screen += chunk
            if not typed and ready(screen):
                os.write(terminal, answer.encode() + b"\n")
                typed = True
        else:
            os.kill(pid, 9)
            raise AssertionError(f"rediq {' '.join(words)} did not end; it wrote {screen!r}")
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), screen


def _set_size(terminal: int, rows: int = 24, columns: int = 80) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def command_line(words: Sequence[str]) -> str:
    """Return how a command line is named in a test's id."""
    return " ".join(words) or "(none)"
