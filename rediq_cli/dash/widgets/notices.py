"""What is said when there is nothing to show, or nothing that can be trusted.

A banner over stale data, a card for an empty install, a card for a terminal that is too small.
Each names the next step.
"""

from __future__ import annotations

from rediq_cli.dash.figures import span_text
from rediq_cli.dash.view_model import Trouble
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, say
from rediq_cli.dash.widgets.pane import Pane
from rediq_cli.dash.widgets.task_text import wrapped

MIN_WIDTH, MIN_HEIGHT = 60, 12


class Banner(Pane):
    """Why the last reading failed, over the last good one.

    Attributes:
        trouble: What is the matter, or None to be hidden.
        age_s: Age of what is shown below, or None if nothing was ever read.
        now_s: Time on the monotonic clock.
    """

    DEFAULT_CSS = "Banner { height: 5; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.trouble: Trouble | None = None
        self.age_s: float | None = None
        self.clock_text = ""
        self.now_s = 0.0

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the reason, what to do, what is shown instead, and the keys."""
        trouble = self.trouble
        if trouble is None:
            return []
        room = max(width - 2, 10)
        told = wrapped(f"{trouble.title}: {trouble.reason}", room, 2)
        lines: list[Line] = [(Span(f" {line}", "bad"),) for line in told]
        next_step = wrapped(trouble.next_step, room, 2) if trouble.next_step else ()
        lines += [(Span(f" {line}", "bold"),) for line in next_step]
        shown = "Nothing has been read yet."
        if self.age_s is not None:
            shown = f"Showing the last snapshot from {self.clock_text}."
        lines.append(say(f" {shown} Actions are off until it is back."))
        wait = span_text(max(trouble.retry_at_s - self.now_s, 0) * 1_000)
        keys = (Span("R", "key"), Span(" retry now · "), Span("q", "key"), Span(" quit"))
        lines.append((Span(f" try {trouble.tries} failed, next in {wait} · ", "dim"), *keys))
        return lines[:height]

    def room_for(self, width: int, height: int) -> int:
        """Return how many lines it takes, its frame included, on a screen of a size."""
        return min(len(self.draw(width - 2, height)) + 2, max(height // 2, 5))


class Card(Pane):
    """A few lines in the middle of nothing.

    Attributes:
        lines: What it says.
    """

    DEFAULT_CSS = "Card { display: none; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.lines: list[Line] = []

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the lines, in the middle of the height."""
        del width
        above = max((height - len(self.lines)) // 2, 0)
        return [*[EMPTY] * above, *((Span("  "), *line) for line in self.lines)]


class SizeCard(Pane):
    """Says how large the terminal must be. Alone on the screen then."""

    DEFAULT_CSS = "SizeCard { display: none; }"
    is_framed = False

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the card, as much of it as fits."""
        needs = f"rediq dash needs {MIN_WIDTH}x{MIN_HEIGHT}"
        lines: list[Line] = [
            (Span(f"Terminal {width}x{height}", "bold"),),
            (Span(needs, "warn"),),
            (Span("`rediq queue list` works here"),),
            (Span("q", "key"), Span(" quit")),
        ]
        return lines[:height]


NO_QUEUES: list[Line] = [
    (Span("No queues yet.", "bold"),),
    EMPTY,
    (Span("Enqueue a task:  "), Span("rediq task enqueue email:send --payload '{}'", "accent")),
    (Span("Or see it work:  "), Span("rediq demo", "accent")),
]
