"""What the last deed did, over the lower right corner for a while: result, way back, command line.

One at a time. It lies over the view and takes no room from it; an error stays longer than a
success, since there is more to read.
"""

from __future__ import annotations

from dataclasses import dataclass

from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, cut, say, width_of
from rediq_cli.dash.widgets.pane import Pane

# Seconds that it stays.
SHOWN_S = 8.0
ERROR_S = 20.0


@dataclass(frozen=True, slots=True)
class Notice:
    """What a toast says.

    Attributes:
        text: What was done, or what went wrong.
        role: "good", "warn" or "bad".
        note: What else is worth knowing, or why it went wrong.
        command: The command line that does the same, or the next step.
        undo: How it is taken back, such as "u takes it back", or "".
        more: A line of its own, such as where copies are, or "".
    """

    text: str
    role: str = "good"
    note: str = ""
    command: str = ""
    undo: str = ""
    more: str = ""


class Toast(Pane):
    """The toast.

    Attributes:
        notice: What it says, or None.
        until_s: It goes then, on the monotonic clock.
    """

    DEFAULT_CSS = "Toast { display: none; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.notice: Notice | None = None
        self.until_s = 0.0
        self.has_unicode = True

    def open(self, notice: Notice, now_s: float) -> None:
        """Say something for a while."""
        self.notice = notice
        self.until_s = now_s + (ERROR_S if notice.role == "bad" else SHOWN_S)
        lines = self._body(notice)
        width = min(max(max(map(width_of, lines)) + 4, 44), max(self.app.size.width - 2, 20))
        height = len(lines) + 2
        self.styles.width, self.styles.height = width, height
        # Above the status line and the keys, with the corner's edge left free.
        screen = self.app.size
        self.styles.offset = (max(screen.width - width - 1, 0), max(screen.height - height - 2, 0))
        self.display = True
        self.redraw()

    def on_resize(self) -> None:
        """Stay in the corner."""
        self.redraw()

    def tick(self, now_s: float) -> None:
        """Go when the time is over."""
        if self.display and now_s >= self.until_s:
            self.close()

    def close(self) -> None:
        """Go at once."""
        self.notice = None
        self.display = False

    def draw(self, width: int, height: int) -> list[Line]:
        """Return what is said."""
        lines = self._body(self.notice) if self.notice is not None else []
        return [(Span(" "), *cut(line, width - 2)) for line in lines[:height]]

    def _body(self, notice: Notice) -> list[Line]:
        signs = {"good": ("✓", "+"), "warn": ("▲", "^"), "bad": ("✗", "x")}
        sign = signs[notice.role][0 if self.has_unicode else 1]
        lines: list[Line] = [(Span(f"{sign} ", notice.role), *say(notice.text, "bold"))]
        notes = [say(part) for part in (notice.undo, notice.note) if part]
        lines += [(Span("  "), *line) for line in notes[:1]]
        if len(notes) > 1:
            lines[-1] = (*lines[-1], Span(" · ", "dim"), *notes[1])
        if notice.more:
            lines.append((Span("  "), *say(notice.more, "dim")))
        if notice.command:
            lines.append((Span("  "), *say(notice.command, "accent")))
        return lines or [EMPTY]
