"""A question over the view: it waits for one answer, and nothing below hears a key meanwhile."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from rediq_cli.dash.widgets.sheet import Answer, Question, Sheet
from rediq_core.clock import Clock

# Widest card, in cells.
WIDTH = 84


class Dialog(ModalScreen[Answer | None]):
    """A card in the middle of the screen; on a small terminal it is the screen."""

    def __init__(self, question: Question, clock: Clock) -> None:
        """Take what is asked, and the clock of the guard."""
        super().__init__()
        self._question = question
        self._clock = clock

    def compose(self) -> ComposeResult:
        """Show the card."""
        yield Sheet(self._question, self._clock)

    @property
    def sheet(self) -> Sheet:
        """The card."""
        return self.query_one(Sheet)

    def on_mount(self) -> None:
        """Take the keys."""
        self._fit()
        self.sheet.focus()

    def on_resize(self) -> None:
        """Fit the card to the terminal."""
        self._fit()

    def _fit(self) -> None:
        width, height = self.app.size
        self.sheet.styles.width = min(width - (0 if width < 80 else 2), WIDTH)
        self.sheet.styles.height = min(self.sheet.lines_needed, height)

    def on_sheet_answered(self, message: Sheet.Answered) -> None:
        """Close with the answer."""
        message.stop()
        # Awaiting it in a handler of the screen itself would never end.
        _ = self.dismiss(message.answer)
