"""Make text from data harmless to a terminal, without hiding that something was there.

Task types, ids, errors, payloads, worker names: whoever can enqueue can write them, and a
terminal obeys what it is sent. Every such string passes `safe` before a person sees it. JSON
output does not: it is ASCII-only and escapes by itself. No imports, because the dashboard calls
this for every cell it draws.
"""

from __future__ import annotations

# Characters a cell or a sentence may hold. Longer text has its own view (`task inspect`).
LIMIT_CHARS = 512
ELLIPSIS = "…"

_DOT = 0x00B7
_REPLACEMENT = 0xFFFD
# Soft hyphen, bidirectional controls, zero-width characters, line and paragraph separators,
# interlinear marks, byte order mark and tags: invisible, or able to reorder what is shown.
_INVISIBLE = (
    0x00AD,
    0x061C,
    0x180E,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
)
# Control pictures for C0 and DEL; a replacement character for C1 and lone surrogates.
_VISIBLE: dict[int, int] = (
    {code: 0x2400 + code for code in range(0x20)}
    | {0x7F: 0x2421}
    | dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), _REPLACEMENT)
    | dict.fromkeys(_INVISIBLE, _DOT)
)


def safe(text: str | bytes, limit: int = LIMIT_CHARS) -> str:
    r"""Return one line in which no character can act on the terminal.

    Args:
        text: Untrusted text; bytes are read as UTF-8 and undecodable ones shown as `\xNN`.
        limit: Most characters kept; 0 keeps all. What is cut is marked with an ellipsis.

    Returns:
        Text whose control, escape, bidirectional and invisible characters are visible symbols.
    """
    if isinstance(text, bytes):
        # A prefix is enough: one character takes at most four bytes.
        head = text[: limit * 4 + 4] if limit else text
        text = head.decode("utf-8", "backslashreplace")
    if limit and len(text) > limit:
        return text[: limit - 1].translate(_VISIBLE) + ELLIPSIS
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_VISIBLE)


def safe_lines(text: str | bytes, limit: int = 0) -> list[str]:
    """Split at newlines and neutralise each line, for tracebacks and indented payloads."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    return [safe(line.rstrip("\r"), limit) for line in text.split("\n")]
