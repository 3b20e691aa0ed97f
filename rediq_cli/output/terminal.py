"""What the other end of a stream can show: width, colour, symbols.

Asked once per stream, because stdout may be a pipe while stderr is a screen. It writes nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

RESET = "\x1b[0m"
# The terminal's own 16 colours, so that a person's theme decides what red is.
STYLES = {
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "red": "\x1b[31m",
    "green": "\x1b[32m",
    "yellow": "\x1b[33m",
    "blue": "\x1b[34m",
    "magenta": "\x1b[35m",
    "cyan": "\x1b[36m",
}


@dataclass(frozen=True, slots=True)
class Terminal:
    """Say how text for one stream is laid out.

    Attributes:
        is_tty: True if a person is looking at it.
        width: Cells in a line; 0 means never cut.
        height: Lines on the screen; 0 if it is not a screen.
        has_colour: True if colour codes may be written.
        has_unicode: True if the stream's encoding has the symbols.
    """

    is_tty: bool = False
    width: int = 0
    height: int = 0
    has_colour: bool = False
    has_unicode: bool = True

    def paint(self, text: str, style: str | None) -> str:
        """Wrap text in a style's codes, or return it as it is."""
        if not (style and self.has_colour and text):
            return text
        return f"{STYLES[style]}{text}{RESET}"

    def glyph(self, symbol: str, ascii_symbol: str) -> str:
        """Choose the symbol that the encoding can write."""
        return symbol if self.has_unicode else ascii_symbol


def terminal_of(
    stream: TextIO, *, no_color: bool = False, env: Mapping[str, str] = os.environ
) -> Terminal:
    """Look at a stream and the environment.

    Colour is off when the stream is no terminal, by --no-color, a non-empty NO_COLOR or
    REDIQ_NO_COLOR, and TERM=dumb; FORCE_COLOR and CLICOLOR_FORCE turn it on for a pipe.
    """
    is_tty = stream.isatty()
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    size = shutil.get_terminal_size() if is_tty else os.terminal_size((0, 0))
    return Terminal(
        is_tty=is_tty,
        width=size.columns,
        height=size.lines,
        has_colour=_has_colour(is_tty=is_tty, no_color=no_color, env=env),
        has_unicode=encoding.startswith("utf"),
    )


def _has_colour(*, is_tty: bool, no_color: bool, env: Mapping[str, str]) -> bool:
    if no_color or env.get("NO_COLOR") or env.get("REDIQ_NO_COLOR"):
        return False
    forced = any(env.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE"))
    return forced or (is_tty and env.get("TERM") != "dumb")
