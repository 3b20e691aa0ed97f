"""The last net before the terminal: nothing but our own sequences gets through.

Text is neutralised where it enters a line; should a path ever be missed, this filter deletes what
a terminal would obey. Textual's own control segments pass.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


class Guard(LineFilter):
    """Delete what cannot be printed from every line that is drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments without characters that act on a terminal."""
        del background
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment("".join(filter(str.isprintable, segment.text)), segment.style)
            for segment in segments
        ]
