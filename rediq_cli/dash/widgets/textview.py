"""Lines that can be scrolled: payloads, tracebacks, help, figures of the server.

Holds lines that were laid out before; nothing is wrapped or parsed while scrolling, so a long text
costs no more than a screen of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.widgets.lines import Line
from rediq_cli.dash.widgets.pane import Pane


class TextView(Pane, can_focus=True):
    """A text with a scroll position.

    Attributes:
        lines: The whole text.
        offset: The first line that is seen.
    """

    BINDINGS = bindings(Scope.TEXT)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()
        self.offset_lines = 0

    def show(self, lines: Sequence[Line], *, is_new: bool = False) -> None:
        """Show lines; a new text begins at its beginning, else the position stays."""
        self.lines = lines
        if is_new:
            self.offset_lines = 0
        self.scroll_lines(0)

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the lines that are seen."""
        del width
        return list(self.lines[self.offset_lines : self.offset_lines + height])

    def scroll_lines(self, lines: int) -> None:
        """Scroll by some lines, down if positive, within the text."""
        most = max(len(self.lines) - self.inner_height, 0)
        self.offset_lines = min(max(self.offset_lines + lines, 0), most)
        self.redraw()

    def action_down(self) -> None:
        """Scroll down by a line."""
        self.scroll_lines(1)

    def action_up(self) -> None:
        """Scroll up by a line."""
        self.scroll_lines(-1)

    def action_half_down(self) -> None:
        """Scroll down by half a screen."""
        self.scroll_lines(max(self.inner_height // 2, 1))

    def action_half_up(self) -> None:
        """Scroll up by half a screen."""
        self.scroll_lines(-max(self.inner_height // 2, 1))

    def action_page_down(self) -> None:
        """Scroll down by a screen."""
        self.scroll_lines(max(self.inner_height, 1))

    def action_page_up(self) -> None:
        """Scroll up by a screen."""
        self.scroll_lines(-max(self.inner_height, 1))

    def action_first(self) -> None:
        """Go to the beginning."""
        self.scroll_lines(-len(self.lines))

    def action_last(self) -> None:
        """Go to the end."""
        self.scroll_lines(len(self.lines))

    def on_mouse_scroll_down(self) -> None:
        """Scroll down three lines."""
        self.scroll_lines(3)

    def on_mouse_scroll_up(self) -> None:
        """Scroll up three lines."""
        self.scroll_lines(-3)
