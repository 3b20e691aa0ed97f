"""How a state looks: a symbol, a word and a colour, so that none of the three is needed.

For task states and for what `queue list` and `worker list` call a state. What a state means is
in `rediq_core.model.state`.
"""

from __future__ import annotations

from rediq_cli.output.table import Styled
from rediq_cli.output.terminal import Terminal

# word → symbol, symbol for a screen without Unicode, colour
_LOOKS: dict[str, tuple[str, str, str | None]] = {
    "pending": ("○", "o", None),
    "active": ("●", "*", "green"),
    "delayed": ("◷", "@", "blue"),
    "retry": ("↻", "r", "yellow"),
    "waiting": ("◌", ".", "blue"),
    "completed": ("✓", "+", "green"),
    "dead": ("✗", "x", "red"),
    "cancelled": ("⊘", "-", "dim"),
    "trash": ("⌫", "d", "dim"),
    "run": ("●", "*", "green"),
    "running": ("●", "*", "green"),
    "idle": ("○", "o", None),
    "behind": ("▲", "^", "yellow"),
    "PAUSED": ("‖", "=", "yellow"),
    "paused": ("‖", "=", "yellow"),
    "no worker": ("✗", "x", "red"),
    "unroutable": ("✗", "x", "red"),
    "lost": ("✗", "x", "red"),
    "draining": ("▽", "v", "yellow"),
    "stopped": ("□", "#", "dim"),
}


def symbol_of(word: str) -> tuple[str, str, str | None]:
    """Return a state's symbol, its symbol for a screen without Unicode, and its colour."""
    return _LOOKS.get(word, (" ", " ", None))


def state_cell(word: str, terminal: Terminal, detail: str = "") -> Styled:
    """Return a cell such as `● active`, or `✗ unroutable 12` with a detail."""
    symbol, ascii_symbol, style = symbol_of(word)
    text = f"{terminal.glyph(symbol, ascii_symbol)} {word}"
    return Styled(f"{text} {detail}" if detail else text, style)
