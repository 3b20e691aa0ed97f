"""What a cell needs besides its row: the time, how much room there is, what can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rediq_cli.dash.widgets.lines import Span
from rediq_cli.output.neutralise import safe
from rediq_cli.output.states import symbol_of
from rediq_core.config.redact import SECRET_FIELDS


class Look(NamedTuple):
    """What a cell needs besides its row.

    Attributes:
        now_ms: The server's time.
        is_compact: Few cells: abbreviate.
        has_unicode: The terminal can show more than ASCII.
        secret_fields: Fields whose values are hidden.
    """

    now_ms: int = 0
    is_compact: bool = False
    has_unicode: bool = True
    secret_fields: Sequence[str] = SECRET_FIELDS

    def glyph(self, symbol: str, ascii_symbol: str) -> str:
        """Choose the symbol that the terminal can show."""
        return symbol if self.has_unicode else ascii_symbol


def arrow(delta: int, look: Look) -> Span:
    """Return the sign that says whether a count grew, shrank or stayed."""
    if delta > 0:
        return Span(look.glyph("↑", "+"), "warn")
    if delta < 0:
        return Span(look.glyph("↓", "-"), "good")
    return Span(" ")


def state_span(word: str, look: Look, text: str = "") -> Span:
    """Return a state as a symbol and a word, coloured; `text` replaces the word."""
    symbol, ascii_symbol, style = symbol_of(word)
    return Span(
        f"{look.glyph(symbol, ascii_symbol)} {text or safe(word, 16)}", ROLES.get(style or "", "")
    )


ROLES = {"green": "good", "yellow": "warn", "red": "bad", "blue": "info", "dim": "dim"}
"""Roles for the colours that the command line gives states."""
