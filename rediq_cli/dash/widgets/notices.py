"""What is said when there is nothing to show, or nothing that can be trusted.

A banner over stale data, a card for an empty install, a card for a terminal that is too small.
Each names the next step.
"""

from __future__ import annotations

from rediq_cli.dash.figures import span_text
from rediq_cli.dash.view_model import Trouble
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, say
from rediq_cli.dash.widgets.pane import Pane

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
        """Return the reason, what is shown instead, and the keys."""
        del width
        trouble = self.trouble
        if trouble is None:
            return []
        lines = [(Span(" "), *say(f"{trouble.title}: {trouble.reason}", "bad"))]
        shown = "Nothing has been read yet."
        if self.age_s is not None:
            shown = f"Showing the last snapshot from {self.clock_text}."
        hint = trouble.next_step or "Actions are off until it is back."
        lines.append((Span(" "), *say(f"{shown} {hint}")))
        wait = span_text(max(trouble.retry_at_s - self.now_s, 0) * 1_000)
        keys = (Span("R", "key"), Span(" retry now · "), Span("q", "key"), Span(" quit"))
        lines.append((Span(f" try {trouble.tries} failed, next in {wait} · ", "dim"), *keys))
        return lines[:height]


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
