"""The palette: type a few letters, see what can be done here and which key does it, choose.

It hears every key while it is open. What was chosen is the app's to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from rediq_cli.dash.offers import Offer
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, cut, fill, overlay, say
from rediq_cli.dash.widgets.pane import Pane
from rediq_cli.dash.widgets.typed import Typed
from rediq_cli.output.neutralise import safe

Find = Callable[[str], Sequence[Offer]]


class FinderList(Pane, can_focus=True):
    """The line that is typed in, and the offers below it.

    Attributes:
        offers: What can be chosen.
    """

    def __init__(self, find: Find, choose: Callable[[Offer | None], None]) -> None:
        """Take where offers come from, and who is told of the choice; None for leaving."""
        super().__init__(id="finder")
        self._find = find
        self._choose = choose
        self._typed = Typed()
        self._at = self._offset = 0
        self.offers: Sequence[Offer] = ()
        self.title = (Span("Find a command or a key", "title"),)
        self._look_up()

    def _look_up(self) -> None:
        self.offers = self._find(self._typed.text)
        self._at = self._offset = 0

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line and as many offers as fit."""
        before, under, after = self._typed.seen(width - 6)
        line = (
            Span(" › ", "key"),
            Span(safe(before, 0)),
            Span(safe(under, 0), "badge"),
            Span(safe(after, 0)),
        )
        room = max(height - 2, 1)
        self._offset = min(max(self._offset, self._at - room + 1), self._at)
        seen = self.offers[self._offset : self._offset + room]
        rows = [self._row(offer, at + self._offset, width) for at, offer in enumerate(seen)]
        self.note = (Span(f"{len(self.offers)} · ⏎ do it · ⇥ complete · esc close", "dim"),)
        nothing: list[Line] = [(Span("   Nothing is called so.", "dim"),)]
        return [line, EMPTY, *(rows or nothing)]

    def _row(self, offer: Offer, at: int, width: int) -> Line:
        key = f"{offer.shortcut:>4}"
        half = max((width - 10) * 13 // 20, 10)
        name = fill(cut(say(offer.name, "bold" if offer.line else ""), half), half)
        line: Line = (Span(f" {key} ", "key"), *name, Span("  "), *say(offer.text, "dim"))
        line = fill(cut(line, width), width)
        return overlay(line, "cursor") if at == self._at else line

    def on_key(self, event: events.Key) -> None:
        """Take every key."""
        event.stop()
        event.prevent_default()
        offer = self.offers[self._at] if self.offers else None
        if event.key == "escape":
            self._choose(None)
        elif event.key in ("down", "ctrl+n", "up", "ctrl+p"):
            step = 1 if event.key in ("down", "ctrl+n") else -1
            self._at = min(max(self._at + step, 0), max(len(self.offers) - 1, 0))
        elif event.key in ("pagedown", "pageup"):
            step = self.inner_height if event.key == "pagedown" else -self.inner_height
            self._at = min(max(self._at + step, 0), max(len(self.offers) - 1, 0))
        elif event.key in ("tab", "enter") and offer is not None:
            if offer.line and (event.key == "tab" or offer.is_open):
                self._typed.set(f"{offer.line} ")
                self._look_up()
            elif event.key == "enter":
                self._choose(offer)
        elif self._typed.press(event.key, event.character):
            self._look_up()
        self.redraw()

    def on_paste(self, event: events.Paste) -> None:
        """Type what was pasted."""
        event.stop()
        self._typed.insert(event.text)
        self._look_up()
        self.redraw()


class Finder(ModalScreen[Offer | None]):
    """The palette over the view."""

    def __init__(self, find: Find) -> None:
        """Take where offers come from."""
        super().__init__()
        self._find = find

    def compose(self) -> ComposeResult:
        """Show the list."""
        yield FinderList(self._find, self._choose)

    def on_mount(self) -> None:
        """Take the keys."""
        self.query_one(FinderList).focus()

    def _choose(self, offer: Offer | None) -> None:
        # Awaiting it in a handler of the screen itself would never end.
        _ = self.dismiss(offer)
