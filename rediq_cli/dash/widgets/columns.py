"""Columns of a table: what a cell says, how wide it is, and which column goes when room is short.

A column with `drop` 0 always stays; the others go by descending `drop`. Text is cut with a mark,
figures never are: a figure's column is as wide as its longest form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rediq_cli.dash.widgets.lines import Line, Span, fill, width_of
from rediq_cli.dash.widgets.look import Look

R = TypeVar("R")
Cell = Line | Span | str
# Cells before the first column: the cursor's and the marks' place.
GUTTER = 2


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column.

    Attributes:
        title: What stands above it.
        cell: Returns what stands in it, neutralised, for a row.
        width: Cells it takes at least.
        narrow: Cells it takes in a compact table; 0 for `width`.
        drop: When room is short, columns with the highest number go first; 0 stays.
        grow: Share of the room that is left; 0 for none.
        is_right: Stand at the right, as figures do.
        sort: Returns what rows are sorted by; None if it cannot be sorted by.
        is_wide: Shown only in a wide table.
    """

    title: str
    cell: Callable[[R, Look], Cell]
    width: int
    narrow: int = 0
    drop: int = 0
    grow: int = 0
    is_right: bool = False
    sort: Callable[[R], Any] | None = None
    is_wide: bool = False

    def room(self, look: Look) -> int:
        """Return how many cells it takes at least."""
        return self.narrow if look.is_compact and self.narrow else self.width


@dataclass(frozen=True, slots=True)
class Placed(Generic[R]):
    """A column that is shown, and its width."""

    column: Column[R]
    width: int


def arrange(
    columns: Sequence[Column[R]], width: int, look: Look, *, is_wide: bool = False
) -> list[Placed[R]]:
    """Choose the columns that fit and share out the room.

    Args:
        columns: All columns, in order.
        width: Cells for them, without the gutter.
        look: Says whether the table is compact.
        is_wide: Show the columns of wide tables too.
    """
    shown = [column for column in columns if is_wide or not column.is_wide]
    gap = gap_of(look)

    def taken() -> int:
        return sum(column.room(look) + gap for column in shown) - gap

    while taken() > width:
        worst = max(shown, key=lambda column: column.drop)
        if not worst.drop:
            break
        shown.remove(worst)
    spare = max(width - taken(), 0)
    shares = sum(column.grow for column in shown)
    placed = []
    for column in shown:
        # Each takes its share of what those before it have left, so that no cell is left over.
        more = spare * column.grow // shares if shares else 0
        spare, shares = spare - more, shares - column.grow
        placed.append(Placed(column, column.room(look) + more))
    return placed


def gap_of(look: Look) -> int:
    """Return the cells between two columns."""
    return 1 if look.is_compact else 2


def cell_line(cell: Cell, width: int, *, is_right: bool) -> Line:
    """Bring a cell to its width."""
    line: Line = (Span(cell),) if isinstance(cell, str) else (cell,) if _is_span(cell) else cell  # type: ignore[assignment]  # a Span is a tuple too, told apart by its first part
    room = width - width_of(line)
    if is_right and room > 0:
        return (Span(" " * room), *line)
    return fill(line, width)


def _is_span(cell: Cell) -> bool:
    return isinstance(cell, Span)


def row_line(placed: Sequence[Placed[R]], row: R, look: Look) -> Line:
    """Return a row's cells as one line, without the gutter."""
    gap = Span(" " * gap_of(look))
    spans: list[Span] = []
    for number, place in enumerate(placed):
        if number:
            spans.append(gap)
        column = place.column
        spans.extend(cell_line(column.cell(row, look), place.width, is_right=column.is_right))
    return tuple(spans)
