"""The keys that move a cursor through rows: by one, by half a screen, by a screen, to the ends."""

from __future__ import annotations

from typing import Protocol


class Rows(Protocol):
    """What has a cursor that moves through rows."""

    @property
    def visible_rows(self) -> int:
        """Rows that fit."""

    @property
    def last(self) -> int:
        """Place of the last row."""

    def step(self, rows: int) -> None:
        """Go down by some rows, up if negative."""

    def move_to(self, at: int) -> None:
        """Go to a row by its place."""


class Moving:
    """The actions of these keys, for widgets that are `Rows`."""

    def action_down(self: Rows) -> None:
        """Go down by one row."""
        self.step(1)

    def action_up(self: Rows) -> None:
        """Go up by one row."""
        self.step(-1)

    def action_half_down(self: Rows) -> None:
        """Go down by half a screen."""
        self.step(max(self.visible_rows // 2, 1))

    def action_half_up(self: Rows) -> None:
        """Go up by half a screen."""
        self.step(-max(self.visible_rows // 2, 1))

    def action_page_down(self: Rows) -> None:
        """Go down by a screen."""
        self.step(self.visible_rows)

    def action_page_up(self: Rows) -> None:
        """Go up by a screen."""
        self.step(-self.visible_rows)

    def action_first(self: Rows) -> None:
        """Go to the first row."""
        self.move_to(0)

    def action_last(self: Rows) -> None:
        """Go to the last row."""
        self.move_to(self.last)
