"""A table that draws only the rows that are seen, and whose cursor stays with its row.

A row is known by its key, not by its place: after every reading the cursor, the marks and the
scroll position follow the key, and where a row is gone the cursor goes to the neighbour that is
left. Sorting and marks live here; what a row means and does is the view's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from textual import events
from textual.message import Message

from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.widgets.columns import GUTTER, Column, Placed, arrange, gap_of, row_line
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, cut, fill, overlay
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.moving import Moving
from rediq_cli.dash.widgets.pane import Pane

R = TypeVar("R")

# A row that came under the cursor by a reading is no target for so long, in seconds: the key was
# meant for the row that stood there.
SLIP_S = 0.4


class Table(Moving, Pane, Generic[R], can_focus=True):
    """Rows with a cursor.

    Attributes:
        look: What cells need besides their row.
        rows: The rows in the order they are shown.
        marks: Keys of the marked rows.
        is_all: All rows are meant, also those that are not loaded; the loaded ones are marked.
        is_wide: Show the columns of wide tables too.
        empty: Shown when there is no row.
    """

    BINDINGS = bindings(Scope.TABLE)
    DEFAULT_CSS = "Table { height: 1fr; }"

    class Moved(Message):
        """The cursor stands on another row: moved there, or because its row is gone."""

        def __init__(self, table: Table[R], *, is_by_hand: bool = True) -> None:
            super().__init__()
            self.table = table
            self.is_by_hand = is_by_hand

    class Opened(Message):
        """Enter or a second click on the row under the cursor."""

        def __init__(self, table: Table[R]) -> None:
            super().__init__()
            self.table = table

    class EdgeReached(Message):
        """The cursor was moved beyond the first or the last row."""

        def __init__(self, table: Table[R], *, is_end: bool) -> None:
            super().__init__()
            self.table = table
            self.is_end = is_end

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], str],
        *,
        id: str | None = None,  # noqa: A002  # Textual's name
        has_header: bool = True,
        has_marks: bool = False,
    ) -> None:
        """Take the columns and how a row is known.

        Args:
            columns: All columns; those that do not fit are not shown.
            key: Returns what a row is known by.
            id: Textual's id.
            has_header: Show the titles of the columns.
            has_marks: Rows can be marked.
        """
        super().__init__(id=id)
        self.columns = list(columns)
        self.key = key
        self.has_header = has_header
        self.has_marks = has_marks
        self.look = Look()
        self.rows: list[R] = []
        self.marks: set[str] = set()
        self.is_all = False
        self.is_wide = False
        self.empty: Line = EMPTY
        self.sort_title = ""
        self.is_descending = False
        self._source: Sequence[R] = ()
        self._keys: list[str] = []
        self._at = 0
        self._offset = 0
        self._anchor = ""
        # Cells of rows as they were drawn, for as long as columns and look stay: a key moves the
        # cursor over lines that are there already.
        self._layout: tuple[list[Placed[R]], Look] | None = None
        self._cells: dict[str, tuple[R, Line]] = {}
        self._slipped_s = float("-inf")
        self._has_lost_marks = False

    # What is shown.

    @property
    def cursor(self) -> R | None:
        """The row under the cursor, or None without rows."""
        return self.rows[self._at] if self.rows else None

    @property
    def cursor_key(self) -> str:
        """The key of the row under the cursor, or ""."""
        return self._keys[self._at] if self._keys else ""

    @property
    def position(self) -> int:
        """Place of the cursor, from 0."""
        return self._at

    @property
    def marked(self) -> list[R]:
        """The marked rows, in order."""
        return [row for row, key in zip(self.rows, self._keys, strict=True) if key in self.marks]

    @property
    def visible_rows(self) -> int:
        """Rows that fit."""
        return max(self.inner_height - self._header_lines, 1)

    @property
    def last(self) -> int:
        """Place of the last row."""
        return len(self.rows) - 1

    @property
    def _header_lines(self) -> int:
        return 1 if self.has_header and self.inner_height > 1 else 0

    def show(self, rows: Sequence[R], look: Look) -> None:
        """Show rows; the cursor stays on its row, or goes to the nearest that is left."""
        self._source = rows
        self.look = look
        before, old_keys, old_at = self.cursor_key, self._keys, self._at
        self._arrange_rows()
        self._at = self._find(before, old_keys, old_at)
        self._offset += self._at - old_at if before and before == self.cursor_key else 0
        left = set(self._keys) if self.is_all else self.marks & set(self._keys)
        self._has_lost_marks |= bool(self.marks) and not left
        self.marks = left
        self._clamp()
        self.redraw()
        if self.cursor_key != before:
            if before:
                self._slipped_s = self.monotonic_s
            self.post_message(self.Moved(self, is_by_hand=False))

    def clear(self) -> None:
        """Forget all rows and marks, as when another list is shown."""
        self.rows, self._keys, self._source = [], [], ()
        self.marks, self.is_all, self._has_lost_marks = set(), False, False
        self._at = self._offset = 0

    def doubt(self) -> str:
        """Return why what is meant may not be what was seen, once; "" if there is no doubt."""
        if self._has_lost_marks:
            self._has_lost_marks = False
            return "What was marked has left the list; nothing was done."
        if not self.marks and self.monotonic_s - self._slipped_s < SLIP_S:
            return "The row under the cursor has just left; nothing was done."
        return ""

    def _arrange_rows(self) -> None:
        column = self._sort_column()
        rows = list(self._source)
        if column is not None and column.sort is not None:
            rows.sort(key=column.sort, reverse=self.is_descending)
        self.rows = rows
        self._keys = [self.key(row) for row in rows]

    def _sort_column(self) -> Column[R] | None:
        return next((column for column in self.columns if column.title == self.sort_title), None)

    def _find(self, key: str, old_keys: list[str], old_at: int) -> int:
        places = {key: at for at, key in enumerate(self._keys)}
        if key in places:
            return places[key]
        # The row is gone: the nearest of its old neighbours that is left, below it first.
        for distance in range(1, len(old_keys)):
            for at in (old_at + distance, old_at - distance):
                if 0 <= at < len(old_keys) and old_keys[at] in places:
                    return places[old_keys[at]]
        return min(old_at, max(len(self.rows) - 1, 0))

    def _clamp(self) -> None:
        last = max(len(self.rows) - 1, 0)
        self._at = min(max(self._at, 0), last)
        room = self.visible_rows
        self._offset = min(max(self._offset, self._at - room + 1, 0), self._at)
        self._offset = min(self._offset, max(len(self.rows) - room, 0))

    # Drawing.

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the header and the rows that are seen."""
        placed = arrange(self.columns, width - GUTTER - 1, self.look, is_wide=self.is_wide)
        if self._layout != (placed, self.look):
            self._layout = (placed, self.look)
            self._cells.clear()
        lines = [self._header(placed, width)] if self._header_lines else []
        if not self.rows:
            return [*lines, (Span(" "), *self.empty)]
        room = height - len(lines)
        seen = range(self._offset, min(self._offset + room, len(self.rows)))
        return [*lines, *(self._row(placed, at, width) for at in seen)]

    def _header(self, placed: Sequence[Placed[R]], width: int) -> Line:
        spans = [Span(" " * GUTTER)]
        for number, place in enumerate(placed):
            if number:
                spans.append(Span(" " * gap_of(self.look)))
            title = place.column.title
            role = "head"
            if title and title == self.sort_title:
                role = "head+bold"
            shown = cut((Span(title, role),), place.width)
            room = Span(" " * (place.width - sum(len(span.text) for span in shown)))
            spans.extend((room, *shown) if place.column.is_right else (*shown, room))
        return fill(tuple(spans), width)

    def _row(self, placed: Sequence[Placed[R]], at: int, width: int) -> Line:
        is_cursor, is_marked = at == self._at, self._keys[at] in self.marks
        sign = " "
        if is_marked:
            sign = self.look.glyph("✓", "*")
        elif is_cursor:
            sign = self.look.glyph("▏", ">")
        gutter = (Span(" "), Span(sign, "mark" if is_marked else "focus"))
        row, known = self.rows[at], self._cells.get(self._keys[at])
        if known is None or known[0] is not row:
            known = self._cells[self._keys[at]] = (row, row_line(placed, row, self.look))
        line = fill((*gutter, *known[1]), width)
        if is_cursor:
            return overlay(line, "cursor" if self.has_focus else "rest")
        return line

    # Moving.

    def move_to(self, at: int) -> None:
        """Put the cursor on a row by its place; beyond the ends it stays at the end."""
        before, self._has_lost_marks = self._at, False
        self._at = at
        self._clamp()
        self.redraw()
        if self._at != before:
            self.post_message(self.Moved(self))

    def move_to_key(self, key: str) -> bool:
        """Put the cursor on the row with a key; returns whether there is one."""
        if key not in self._keys:
            return False
        self.move_to(self._keys.index(key))
        return True

    def step(self, rows: int) -> None:
        """Go down by some rows, up if negative, and tell when that leads beyond the ends."""
        target = self._at + rows
        if target < 0 or target >= len(self.rows):
            self.post_message(self.EdgeReached(self, is_end=rows > 0))
        self.move_to(target)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.rows:
            self.post_message(self.Opened(self))

    # Sorting and marking.

    def action_sort(self) -> None:
        """Sort by the next column that can be sorted by; after the last, as it was read."""
        titles = ["", *(column.title for column in self.columns if column.sort)]
        at = titles.index(self.sort_title) if self.sort_title in titles else 0
        self.sort_by(titles[(at + 1) % len(titles)])

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.is_descending = not self.is_descending
        self._sorted()

    def sort_by(self, title: str, *, is_descending: bool | None = None) -> None:
        """Sort by a column, figures from the largest down unless told otherwise."""
        self.sort_title = title
        column = self._sort_column()
        if is_descending is None:
            is_descending = column is not None and column.is_right
        self.is_descending = is_descending
        self._sorted()

    def _sorted(self) -> None:
        key = self.cursor_key
        self._arrange_rows()
        if key in self._keys:
            self._at = self._keys.index(key)
        self._clamp()
        self.redraw()
        self.post_message(self.Moved(self))

    def action_mark(self) -> None:
        """Mark the row, or take its mark away, and go down."""
        if self.has_marks and self.rows:
            self._anchor, self.is_all = self.cursor_key, False
            self.marks ^= {self.cursor_key}
            self.move_to(self._at + 1)
            self.post_message(self.Moved(self))

    def action_mark_range(self) -> None:
        """Mark everything from the last marked row to this one."""
        if not self.has_marks or not self.rows:
            return
        start = self._keys.index(self._anchor) if self._anchor in self._keys else self._at
        first, last = sorted((start, self._at))
        self.marks |= set(self._keys[first : last + 1])
        self.redraw()
        self.post_message(self.Moved(self))

    def action_mark_all(self) -> None:
        """Mark every row that is loaded."""
        self._mark_loaded(is_all=False)

    def mark_matching(self) -> None:
        """Mean all rows, also those that are not loaded; taking one mark away ends that."""
        self._mark_loaded(is_all=True)

    def _mark_loaded(self, *, is_all: bool) -> None:
        if self.has_marks and self.rows:
            self.is_all = is_all
            self.marks = set(self._keys)
            self.redraw()
            self.post_message(self.Moved(self))

    def unmark(self) -> bool:
        """Take all marks away; returns False if there were none."""
        if not self.marks:
            return False
        self.marks, self.is_all = set(), False
        self.redraw()
        self.post_message(self.Moved(self))
        return True

    def action_wide(self) -> None:
        """Show more columns, or fewer again."""
        self.is_wide = not self.is_wide
        self.redraw()

    # The mouse.

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._clamp()
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a row, open the one that has it; a title sorts."""
        y = event.y - (1 if self.is_framed else 0)
        if y < self._header_lines:
            self._click_title(event.x - (1 if self.is_framed else 0))
            return
        at = self._offset + y - self._header_lines
        if not 0 <= at < len(self.rows) or y >= self.inner_height:
            return
        if at == self._at and event.chain > 1:
            self.action_open()
        self.move_to(at)

    def _click_title(self, x: int) -> None:
        left = GUTTER
        width = self.inner_width - GUTTER - 1
        for place in arrange(self.columns, width, self.look, is_wide=self.is_wide):
            if left <= x < left + place.width + gap_of(self.look):
                if place.column.title == self.sort_title:
                    self.action_reverse()
                elif place.column.sort is not None:
                    self.sort_by(place.column.title)
                return
            left += place.width + gap_of(self.look)

    def on_mouse_scroll_down(self) -> None:
        """Go down three rows."""
        self.move_to(self._at + 3)

    def on_mouse_scroll_up(self) -> None:
        """Go up three rows."""
        self.move_to(self._at - 3)
