"""A part of the screen that draws lines, and redraws only those that changed.

A subclass says what it shows in `draw`, which reads its own fields and does nothing else. After a
change it calls `redraw`: lines are compared as values and only the different ones are sent to the
terminal. That is what keeps a busy dashboard at a few milliseconds of processor a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from rediq_cli.dash.widgets.lines import EMPTY, Line, fill, framed

if TYPE_CHECKING:
    from rediq_cli.dash.widgets.palette import Palette
    from rediq_core.clock import Clock


class Pane(Widget):
    """Lines, with or without a frame around them.

    Attributes:
        title: Stands in the upper edge of the frame.
        note: Stands in the lower edge of the frame.
        is_framed: Draw the frame.
    """

    DEFAULT_CSS = "Pane { height: 1fr; width: 1fr; }"
    is_framed = True

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, classes=classes)
        self.title: Line = EMPTY
        self.note: Line = EMPTY
        self._lines: list[Line] = []
        self._strips: list[Strip | None] = []
        self._drawn_width = -1

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the lines inside the frame, at most `height` of them, no wider than `width`.

        Shows nothing unless a subclass says what.
        """
        del width, height
        return []

    @property
    def inner_height(self) -> int:
        """Lines inside the frame."""
        return max(self.size.height - (2 if self.is_framed else 0), 0)

    @property
    def inner_width(self) -> int:
        """Cells inside the frame."""
        return max(self.size.width - (2 if self.is_framed else 0), 0)

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """Return every line of the part at a size, its frame included."""
        if not self.is_framed:
            lines = [fill(line, width) for line in self.draw(width, height)[:height]]
            return lines + [fill(EMPTY, width)] * (height - len(lines))
        body = self.draw(max(width - 2, 0), max(height - 2, 0))
        role = "focus" if self.has_focus_within else "border"
        return framed(body, width, height, title=self.title, note=self.note, role=role)

    def redraw(self) -> None:
        """Draw again; lines that did not change cost nothing further."""
        width, height = self.size
        if not width or not height:
            return
        lines = self.compose_lines(width, height)
        if width != self._drawn_width or len(lines) != len(self._lines):
            self._keep(lines, width)
            self.refresh()
            return
        changed = [at for at, line in enumerate(lines) if line != self._lines[at]]
        for at in changed:
            self._lines[at] = lines[at]
            self._strips[at] = None
        if changed:
            self.refresh(*(Region(0, at, width, 1) for at in changed))

    def forget(self) -> None:
        """Forget what was drawn, as after a change of colours, and draw again."""
        self._drawn_width = -1
        self.redraw()

    def _keep(self, lines: list[Line], width: int) -> None:
        self._lines = lines
        self._strips = [None] * len(lines)
        self._drawn_width = width

    def render_line(self, y: int) -> Strip:
        """Return one line for Textual."""
        width, height = self.size
        if width != self._drawn_width or height != len(self._lines):
            self._keep(self.compose_lines(width, height), width)
        if y >= len(self._lines):
            return Strip.blank(width)
        strip = self._strips[y]
        if strip is None:
            palette = self.palette
            segments = [Segment(span.text, palette.style(span.role)) for span in self._lines[y]]
            strip = self._strips[y] = Strip(segments).adjust_cell_length(width)
        return strip

    @property
    def palette(self) -> Palette:
        """The colours of the theme in use."""
        return cast("HasPalette", self.app).palette

    @property
    def monotonic_s(self) -> float:
        """Time on the monotonic clock."""
        return cast("HasPalette", self.app).clock.monotonic()

    def on_resize(self) -> None:
        """Draw at the new size."""
        self.redraw()

    def on_focus(self) -> None:
        """Show the focus in the frame."""
        self.redraw()

    def on_blur(self) -> None:
        """Show the lost focus in the frame."""
        self.redraw()


class HasPalette:
    """What a pane needs of its app."""

    palette: Palette
    clock: Clock
