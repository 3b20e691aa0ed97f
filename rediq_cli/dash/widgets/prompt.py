"""The line at the bottom that is typed in: a filter after `/`, a command after `:`.

It keeps what was typed before, and completes with Tab from what it is offered. What a line means
is decided by whoever opened it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.message import Message
from textual.widgets import Input

from rediq_cli.dash.widgets.bars import StatusBar
from rediq_cli.dash.widgets.lines import Span, say

Completer = Callable[[str], Sequence[str]]
# Lines remembered for each kind of prompt.
REMEMBERED = 50


class Prompt(Horizontal):
    """A line that is typed in.

    Attributes:
        kind: "filter" or "command".
    """

    class Entered(Message):
        """A line was finished with Enter."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Left(Message):
        """The prompt was left with Escape."""

        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.kind = "filter"
        self._complete: Completer = lambda _: ()
        self._lines: dict[str, list[str]] = {"filter": [], "command": []}
        self._back = 0
        self._offered: list[str] = []

    def compose(self) -> ComposeResult:
        """Lay out the sign, the line and the hint."""
        sign = StatusBar(id="prompt-sign")
        sign.styles.width = 3
        yield sign
        yield Input(id="prompt-line", select_on_focus=False)
        hint = StatusBar(id="prompt-hint")
        hint.styles.width = "1fr"
        yield hint

    @property
    def line(self) -> Input:
        """The field that is typed in."""
        return self.query_one(Input)

    @property
    def is_open(self) -> bool:
        """Something is being typed."""
        return self.has_class("is-open")

    def open(self, kind: str, text: str = "", complete: Completer = lambda _: ()) -> None:
        """Open the prompt with a text, and take the keys."""
        self.kind, self._complete, self._back, self._offered = kind, complete, 0, []
        sign = self.query_one("#prompt-sign", StatusBar)
        sign.left = (Span("/" if kind == "filter" else ":", "key"),)
        sign.redraw()
        self.add_class("is-open")
        self.line.value = text
        self.line.cursor_position = len(text)
        self.line.focus()
        self.hint("")

    def close(self) -> None:
        """Close the prompt."""
        self.remove_class("is-open")

    def hint(self, text: str, role: str = "dim") -> None:
        """Say something beside the line."""
        bar = self.query_one("#prompt-hint", StatusBar)
        bar.left = say(text, role)
        bar.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand on the line."""
        event.stop()
        lines = self._lines.setdefault(self.kind, [])
        if event.value and event.value not in lines[-1:]:
            lines.append(event.value)
            del lines[:-REMEMBERED]
        self.post_message(self.Entered(self.kind, event.value))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what Tab would complete to."""
        event.stop()
        if event.value and event.value in self._offered:
            return
        self._offered = list(self._complete(event.value))
        self.hint("  ".join(self._offered[:6]))

    def on_key(self, event: Key) -> None:
        """Take Escape, Tab and the arrows before the field does."""
        if event.key == "escape":
            self.post_message(self.Left(self.kind))
        elif event.key == "tab":
            self._take_offer()
        elif event.key in ("up", "down"):
            self._remember(1 if event.key == "up" else -1)
        else:
            return
        event.stop()
        event.prevent_default()

    def _take_offer(self) -> None:
        if self._offered:
            offer = self._offered.pop(0)
            self._offered.append(offer)
            self.line.value = offer
            self.line.cursor_position = len(offer)

    def _remember(self, step: int) -> None:
        lines = self._lines.get(self.kind, [])
        self._back = min(max(self._back + step, 0), len(lines))
        self.line.value = lines[-self._back] if self._back else ""
        self.line.cursor_position = len(self.line.value)
