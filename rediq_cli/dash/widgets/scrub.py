"""The line of a replay: where it stands in the recording, and where something happened."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from rediq_cli.dash.widgets.bars import Bar
from rediq_cli.dash.widgets.lines import Line, Span, say, width_of


class Scrub(Bar):
    """The length of the recording as a line with a knob.

    Attributes:
        left: Stands before the line: playing or not, how fast.
        right: Stands behind it: which reading of how many.
        times: Server time of each reading, in ms.
        moments: Numbers of the readings at which something needed attention.
        ms: The instant that is shown.
        has_unicode: The terminal can show more than ASCII.
    """

    DEFAULT_CSS = "Scrub { height: 1; }"

    class Sought(Message):
        """A place of the line was clicked."""

        def __init__(self, ms: float) -> None:
            super().__init__()
            self.ms = ms

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.left = self.right = ""
        self.times: Sequence[int] = (0,)
        self.moments: Sequence[int] = ()
        self.ms = 0
        self.has_unicode = True

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        del height
        left, right = say(f" {self.left} ", "bold"), say(f" {self.right} ", "dim")
        room = max(width - width_of(left) - width_of(right), 3)
        return [(*left, *self._track(room), *right)]

    def _track(self, room: int) -> Line:
        knob, done, left, mark = "●━─▲" if self.has_unicode else "o=-^"
        signs = [
            (done, "accent") if cell < self._cell(self.ms, room) else (left, "dim")
            for cell in range(room)
        ]
        for number in self.moments:
            signs[self._cell(self.times[number], room)] = (mark, "bad")
        signs[self._cell(self.ms, room)] = (knob, "accent+bold")
        return tuple(Span(sign, role) for sign, role in signs)

    def _cell(self, ms: float, room: int) -> int:
        first, last = self.times[0], self.times[-1]
        share = (ms - first) / (last - first) if last > first else 0.0
        return round(min(max(share, 0.0), 1.0) * (room - 1))

    def on_click(self, event: events.Click) -> None:
        """Go to the instant that was clicked."""
        before = len(self.left) + 2
        room = max(self.size.width - before - len(self.right) - 2, 3)
        share = min(max((event.x - before) / max(room - 1, 1), 0.0), 1.0)
        first, last = self.times[0], self.times[-1]
        self.post_message(self.Sought(first + share * (last - first)))
