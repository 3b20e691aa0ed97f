"""The one-line parts of the screen: header, tabs, status and keys.

Each draws values it was given; none reads anything. What has to give way in a narrow terminal is
decided here, because only here is it known how many cells there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from rediq_cli.dash.keymap import Key
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, ends, fill, joined, width_of
from rediq_cli.dash.widgets.pane import Pane


class Bar(Pane):
    """One line without a frame."""

    DEFAULT_CSS = "Bar { height: 1; }"
    is_framed = False


class HeaderBar(Bar):
    """The first line: where this is, and whether what is shown is true now.

    Attributes:
        left: Parts from the left; those behind go first when room is short.
        right: The state of the connection and the time.
        role: Style of the line, such as "alarm".
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.left: Sequence[Line] = ()
        self.right: Line = EMPTY
        self.gap = " "

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        del height
        parts = list(self.left)
        room = width - width_of(self.right) - 3
        while len(parts) > 1 and width_of(joined(parts, self.gap)) > room:
            parts.pop()
        left = (Span(" "), *joined(parts, self.gap, "dim"))
        return [ends(left, (Span(" "), *self.right, Span(" ")), width)]


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of a bar.

    Attributes:
        key: What a click on it means.
        text: Its name in a wide terminal.
        short: Its name in a narrow one.
        badge: A figure behind it, or "".
        role: Style of the figure.
    """

    key: str
    text: str
    short: str
    badge: str = ""
    role: str = "bad"


class TabBar(Bar):
    """The second line: the views, or the states of a queue.

    Attributes:
        tabs: All tabs.
        current: Key of the one that is shown.
        right: What stands at the right.
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, bar: TabBar, key: str) -> None:
            super().__init__()
            self.bar = bar
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.tabs: Sequence[Tab] = ()
        self.current = ""
        self.right: Line = EMPTY
        self._places: list[tuple[int, int, str]] = []

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line, names short if long ones do not fit."""
        del height
        room = width - width_of(self.right) - 2
        line, places = self._laid_out(is_short=False)
        if width_of(line) > room:
            line, places = self._laid_out(is_short=True)
        if width_of(line) > room:
            line, places = self._around_current(room)
        self._places = places
        return [ends(line, (*self.right, Span(" ")), width)]

    def _laid_out(
        self, *, is_short: bool, tabs: Sequence[Tab] | None = None
    ) -> tuple[Line, list[tuple[int, int, str]]]:
        spans: list[Span] = [Span(" ")]
        places: list[tuple[int, int, str]] = []
        left = 1
        for tab in self.tabs if tabs is None else tabs:
            part = self._tab(tab, is_short=is_short)
            width = width_of(part)
            places.append((left, left + width, tab.key))
            gap = "" if is_short and tab.key == self.current else " "
            spans.extend((*part, Span(gap)))
            left += width + len(gap)
        return tuple(spans), places

    def _around_current(self, room: int) -> tuple[Line, list[tuple[int, int, str]]]:
        """Leave out tabs at the far end until the current one fits."""
        tabs = list(self.tabs)
        while len(tabs) > 1:
            at = next((n for n, tab in enumerate(tabs) if tab.key == self.current), 0)
            tabs.pop(0 if at > len(tabs) // 2 else -1)
            line, places = self._laid_out(is_short=True, tabs=tabs)
            if width_of(line) <= room:
                return line, places
        return self._laid_out(is_short=True, tabs=tabs)

    def _tab(self, tab: Tab, *, is_short: bool) -> Line:
        name = tab.short if is_short else tab.text
        badge = (Span(tab.badge, tab.role),) if tab.badge else EMPTY
        if tab.key == self.current:
            return (Span("[", "title"), Span(name, "title"), *badge, Span("]", "title"))
        space = EMPTY if is_short else (Span(" "),)
        return (Span(name, "dim"), *badge, *space)

    def on_click(self, event: events.Click) -> None:
        """Tell which tab was meant."""
        for left, right, key in self._places:
            if left <= event.x < right:
                self.post_message(self.Chosen(self, key))


class StatusBar(Bar):
    """The line above the keys: what the last deed did.

    Attributes:
        left: What is said.
        right: When.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.left: Line = EMPTY
        self.right: Line = EMPTY

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        del height
        return [ends((Span(" "), *self.left), (Span(" "), *self.right, Span(" ")), width)]


class KeyBar(Bar):
    """The last line: which keys do what here.

    Attributes:
        keys: What can be pressed, most important first.
        off: Ids of those that do nothing now.
        words: Other words for keys, by id, such as a count.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.keys: Sequence[Key] = ()
        self.off: frozenset[str] = frozenset()
        self.words: dict[str, str] = {}

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line; keys of low rank give way, help and the way out last."""
        del height
        shown = list(self.keys)
        gap = "  " if width >= 110 else " "
        while len(shown) > 1 and width_of(self._line(shown, gap)) > width:
            shown.remove(max(shown, key=_gives_way))
        return [fill(self._line(shown, gap), width)]

    def _line(self, keys: Sequence[Key], gap: str) -> Line:
        return (Span(" "), *joined((self._part(key) for key in keys), gap))

    def _part(self, key: Key) -> Line:
        word = self.words.get(key.id, key.footer)
        if key.id in self.off:
            return (Span(f"{key.first} {word}", "dim"),)
        return (Span(key.first, "key"), Span(f" {word}"))


def _gives_way(key: Key) -> int:
    # Help and the way out stay as long as anything does.
    return -1 if key.id in ("help", "back") else key.rank
