"""The help: every key that works here first, then all others. Made from the table of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from rediq_cli.dash.keymap import Scope, help_rows
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span
from rediq_cli.dash.widgets.textview import TextView


class Help(ModalScreen[None]):
    """All keys, over the view they belong to."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,f1", "dismiss", "close")]

    def __init__(self, scopes: Sequence[Scope]) -> None:
        super().__init__()
        self._scopes = scopes

    def compose(self) -> ComposeResult:
        """Show the table of keys."""
        view = TextView(id="help")
        view.title = (Span("Keys", "title"),)
        view.note = (Span("* changes something · esc close · j k scroll", "dim"),)
        yield view

    def on_mount(self) -> None:
        """Lay out the keys."""
        view = self.query_one(TextView)
        view.focus()
        view.show(help_lines(self._scopes))


def help_lines(scopes: Sequence[Scope]) -> list[Line]:
    """Return the table of keys as lines, these scopes first."""
    lines: list[Line] = []
    for scope, keys in help_rows(scopes):
        lines.append((Span(f" {scope.value}", "head+bold"),))
        for key in keys:
            mark = Span(" * ", "warn") if key.is_write else Span("   ")
            lines.append((mark, Span(f"{key.label:<14}", "key"), Span(key.text)))
        lines.append(EMPTY)
    return lines
