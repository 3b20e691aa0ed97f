"""How many terminal cells a text takes, and cutting it to fit.

Wide East Asian characters take two cells, combining marks none. Text must be neutralised first:
a control character has no width that could be relied on.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rediq_cli.output.neutralise import ELLIPSIS

_COMBINING = frozenset({"Mn", "Me", "Cf"})


def cells(text: str) -> int:
    """Return the number of terminal cells of a neutralised line."""
    if text.isascii():
        return len(text)
    return _cells_of_wide(text)


# A dashboard measures the same few symbols and trends again and again.
@lru_cache(maxsize=4_096)
def _cells_of_wide(text: str) -> int:
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in _COMBINING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """Cut a line to at most `width` cells, marking the cut.

    A wide character that would stand across the edge is left out, so the result may be one cell
    shorter than allowed.
    """
    if cells(text) <= width:
        return text
    mark = ellipsis[:width]
    room = width - len(mark)
    kept: list[str] = []
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


def pad(text: str, width: int, *, is_right: bool = False) -> str:
    """Fill a line with spaces up to `width` cells, on the left if `is_right`."""
    fill = " " * (width - cells(text))
    return fill + text if is_right else text + fill
