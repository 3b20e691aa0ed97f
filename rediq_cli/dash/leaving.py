"""How the dashboard ends when it did not mean to: signals, a lost terminal, a defect.

Every way out restores the terminal. A defect leaves a short message and a log that others cannot
read; neither holds local variables, because those hold passwords and payloads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rediq_cli.output.neutralise import safe, safe_lines
from rediq_core.config.redact import redact_text

# A process that a signal ended answers this plus the signal's number.
SIGNAL_BASE = 128
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def catch_signals(leave: Callable[[int], None]) -> None:
    """Leave in order when a signal asks for the end; for the running event loop.

    Args:
        leave: Ends the app with an exit code.
    """
    loop = asyncio.get_running_loop()

    def hung_up(number: int, frame: object) -> None:
        # A terminal that is gone also continues the process, and Textual would set it up again, so
        # this has to be decided before anything else runs.
        del frame
        leave_if_lost(SIGNAL_BASE + number)
        loop.call_soon_threadsafe(leave, SIGNAL_BASE + number)

    with contextlib.suppress(ValueError):  # not the main thread, see below
        signal.signal(signal.SIGHUP, hung_up)
    for number in _SIGNALS:
        try:
            loop.add_signal_handler(number, leave, SIGNAL_BASE + number)
        except (RuntimeError, ValueError):
            # Not the main thread, as in some tests: whoever owns it handles signals.
            return


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to a program that has the terminal inside the block."""
    loop = asyncio.get_running_loop()
    try:
        loop.remove_signal_handler(signal.SIGINT)
        # A handler that does nothing is not inherited by the program; SIG_IGN would be.
        before = signal.signal(signal.SIGINT, lambda *_: None)
    except ValueError:
        yield  # not the main thread, as in some tests
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def leave_if_lost(code: int) -> None:
    """End the process if its terminal is gone: there is nothing to restore, nobody to tell.

    The ordinary way out does not work then: Textual 8.2's `WriterThread.stop` waits for a thread
    that its first failed write has ended. Recordings are whole after every line.
    """
    if not has_terminal():
        os._exit(code)


def has_terminal() -> bool:
    """Say whether the terminal is still there: without it, drawing would spin for nobody."""
    try:
        return os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False
    except (OSError, ValueError):
        return False


def crash_text(error: BaseException) -> str:
    """Return where an error happened and what it said, without local variables or secrets."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    told = f"{type(error).__name__}: {error}"
    return redact_text("\n".join(safe_lines(frames + told)))


def write_crash(error: BaseException, folder: Path | None = None) -> str:
    """Write what is known of a defect to a new file only this user can read; returns its path.

    Returns "" if no file can be written.
    """
    try:
        number, path = tempfile.mkstemp("-dash.log", "rediq-", folder)
    except OSError:
        return ""
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(crash_text(error) + "\n")
    return path


def farewell(error: BaseException, path: str) -> str:
    """Return what a person is told of a defect."""
    told = redact_text(safe(f"{type(error).__name__}: {error}", 200))
    where = f"Details without payloads and secrets: {path}" if path else "No log could be written."
    return f"rediq dash ended by a defect: {told}\n{where}\n"
