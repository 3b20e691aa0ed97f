"""The only writer of stderr and the only place that decides the exit code.

Errors are three parts (what happened, why, next step) under a stable code. A traceback appears
only with --debug and never with local variables, because those hold passwords and payloads.
Everything is neutralised: an error may quote data. Output that is the command's result does not
come through here; it goes to stdout.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable

from rediq_cli.exit_codes import ExitCode, exit_code_of
from rediq_cli.output.neutralise import safe_lines
from rediq_cli.output.terminal import Terminal, terminal_of
from rediq_core.errors import InvalidOption, RediqError

# Characters of one line of an error: enough for a path and a sentence, not for a payload.
LINE_LIMIT = 1000
# Lines of one part of an error.
PART_LINES = 12
INDENT = " " * 5
# Words that begin messages of the engine and are no names.
_OPENINGS = frozenset(
    (
        *("A", "An", "Group", "It", "No", "Nobody", "None", "Nothing", "Operation", "Queue"),
        *("Schedule", "Some", "Task", "Tasks", "That", "The", "There", "This", "Unique", "Worker"),
    )
)
_BARE_LOGIN = re.compile(r"(?<![\w/]):[^\s@]+@")


class ReaderGoneError(Exception):
    """Whoever read stdout has gone away. Not an OSError, which Typer would end the process for."""


class Diagnostics:
    """Write what a person should know besides the result.

    Attributes:
        is_quiet: True if notes are left out; warnings and errors never are.
        is_debug: True if an error is followed by its traceback.
        terminal: What stderr can show.
    """

    def __init__(self, *, is_quiet: bool = False, is_debug: bool = False) -> None:
        self.is_quiet = is_quiet
        self.is_debug = is_debug
        self.terminal = terminal_of(sys.stderr)

    def configure(self, *, is_quiet: bool, is_debug: bool, no_color: bool) -> None:
        """Take the global options, once they are known."""
        self.is_quiet = is_quiet
        self.is_debug = is_debug
        self.terminal = terminal_of(sys.stderr, no_color=no_color)

    def note(self, text: str) -> None:
        """Write one line of talk, unless --quiet."""
        if not self.is_quiet:
            _write(_block("", text))

    def warn(self, text: str) -> None:
        """Write one warning."""
        _write(self.terminal.paint("warn", "yellow") + " " + _block("", text))

    def error(self, error: RediqError) -> None:
        """Write an error's code and its three parts."""
        _write(error_text(error, self.terminal))

    def unexpected(self, error: BaseException) -> None:
        """Write one line about an error that is a defect of Rediq."""
        head = self.terminal.paint("error", "red")
        _write(f"{head} {_block('', f'{type(error).__name__}: {error}').strip()}")
        if not self.is_debug:
            _write(f"{INDENT}This is a defect in Rediq. To see where, run again with --debug.")

    def traceback(self, error: BaseException) -> None:
        """Write the stack of an error, without local variables."""
        import traceback  # noqa: PLC0415 - only after a failure, with --debug

        # format_tb has no locals and no message: the message was written, neutralised, before.
        for frame in traceback.format_tb(error.__traceback__):
            _write("\n".join(safe_lines(frame.rstrip("\n"))))


def error_text(error: RediqError, terminal: Terminal | None = None) -> str:
    """Return an error as it is printed: code and message, then why, then the next step."""
    terminal = terminal or Terminal()
    head = terminal.paint(error.code, "red") + " " + _block("", after_code(error.message))
    parts = [head] + [_block(INDENT, part) for part in (error.cause, error.next_step) if part]
    return "\n".join(parts)


def after_code(message: str) -> str:
    """Let a message begin with a small letter, since the code stands before it; names stay."""
    word = message.partition(" ")[0]
    return message[:1].lower() + message[1:] if word in _OPENINGS else message


def _redacted(text: str) -> str:
    """Hide the credentials of every URL: a second net under the engine's own care."""
    if "@" not in text and "://" not in text:
        return text
    from rediq_core.config.redact import redact_text  # noqa: PLC0415 - only for what may hold one

    # Somebody may have typed a URL without its scheme, which no URL reader takes for one.
    return _BARE_LOGIN.sub(":***@", redact_text(text))


def _block(first_indent: str, text: str) -> str:
    lines = safe_lines(_redacted(text), LINE_LIMIT)
    if len(lines) > PART_LINES:
        lines = [*lines[: PART_LINES - 1], "…"]
    return f"\n{INDENT}".join([first_indent + lines[0], *lines[1:]])


def _write(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (BrokenPipeError, ValueError):
        # Nobody reads stderr any more; the exit code still says what happened.
        return


DIAGNOSTICS = Diagnostics()
"""The process's one instance; `configure` is called when the options are parsed."""


def guard(body: Callable[[], int]) -> int:
    """Run the command line and return its exit code, whatever happens in it.

    Args:
        body: Returns the exit code of a normal end.

    Returns:
        0 also when the reader of stdout went away; 130 after Ctrl-C; the code of
        `exit_codes` for an error of the tree; 1 for anything else.
    """
    try:
        code = body()
        sys.stdout.flush()
    except (BrokenPipeError, ReaderGoneError):
        code = _abandon_stdout()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except RediqError as error:
        DIAGNOSTICS.error(error)
        code = _failed(error)
    except Exception as error:  # noqa: BLE001 - the edge of the process: a defect becomes one line
        DIAGNOSTICS.unexpected(error)
        code = _failed(error)
    return int(code)


def _failed(error: BaseException) -> ExitCode:
    if DIAGNOSTICS.is_debug:
        DIAGNOSTICS.traceback(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
    return exit_code_of(error)


def _abandon_stdout() -> ExitCode:
    """Point stdout at nothing, so that the interpreter's last flush has nobody to complain to."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return ExitCode.OK


def usage(message: str, command: str) -> InvalidOption:
    """Return the error for a command line that cannot be read."""
    return InvalidOption(message, next_step=f"See: {command} --help")
