"""Show a long text through the person's pager.

Only when stdout is a screen and the text is taller than it. REDIQ_PAGER goes before PAGER;
either set to "" or "cat" turns paging off. Text into a pipe never comes here.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

from rediq_cli.output.terminal import Terminal

# -F: leave at once if it fits; -I: search without case; -R: keep colour; -X: leave text behind.
DEFAULT_PAGER = "less -FIRX"


def pager_command(terminal: Terminal, line_count: int, env: Mapping[str, str]) -> list[str]:
    """Return the pager's argv, or an empty list when the text should be written directly."""
    if not terminal.is_tty or line_count < terminal.height:
        return []
    command = shlex.split(env.get("REDIQ_PAGER", env.get("PAGER", DEFAULT_PAGER)))
    return [] if command == ["cat"] else command


def write(text: str, terminal: Terminal) -> None:
    """Write text to stdout, through a pager if it does not fit on the screen."""
    command = pager_command(terminal, text.count("\n"), os.environ)
    if command and _paged(command, text):
        return
    sys.stdout.write(text)


def page(text: str, env: Mapping[str, str]) -> str:
    """Show text in the pager, also if it would fit; returns why that failed, or ""."""
    # Without -F, which would leave at once; without -X, so that the screen comes back clean.
    command = shlex.split(env.get("REDIQ_PAGER") or env.get("PAGER") or "less -IR")
    return "" if _paged(command, text) else f"{command[0]} cannot be started"


def _paged(command: list[str], text: str) -> bool:
    """Return False if the pager cannot be started."""
    import subprocess  # noqa: PLC0415 - start-up: most output is never paged

    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)  # noqa: S603 - the person's own PAGER
    except OSError:
        return False
    try:
        process.communicate(text)
    except BrokenPipeError:
        process.wait()
    return True
