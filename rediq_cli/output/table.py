"""Write rows as aligned columns of plain text.

Own code because a table library costs more start-up time than the command itself. Every cell is
neutralised here, so a caller cannot forget it. On a screen the table is made to fit: what can be
spared is left out, then the flexible columns are cut; into a pipe everything goes. It does not
fetch, sort or page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rediq_cli.output.humanise import NOTHING
from rediq_cli.output.neutralise import ELLIPSIS, safe
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.width import cells, fit, pad

GAP = "  "
# A flexible column is never cut below this many cells: less does not identify anything.
MIN_FLEXIBLE_CELLS = 8
# Columns that can be spared are left out before a flexible one is cut below this many cells.
READABLE_CELLS = 16


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column.

    Attributes:
        title: Heading, upper case.
        is_right: Align to the right, for numbers and durations.
        is_flexible: May be cut when the screen is narrow.
        is_wide: Shown only by `-o wide`.
        spare: When it is left out of a screen that is too narrow: 1 first; 0 never.
    """

    title: str
    is_right: bool = False
    is_flexible: bool = False
    is_wide: bool = False
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Styled:
    """A cell that is coloured where colour is allowed."""

    text: str
    style: str | None = None


Cell = None | int | str | bytes | Styled


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], terminal: Terminal
) -> Iterator[str]:
    """Yield the heading and one line per row, without newlines.

    Args:
        columns: What to show, in order.
        rows: One cell per column. Integers get thousands separators on a screen; None is a dash.
        terminal: Where the lines go; its width 0 means nothing is cut.
    """
    yield from Grid(columns, rows, terminal).lines()


class Grid:
    """Columns of settled widths: each line can be written on its own."""

    def __init__(
        self,
        columns: Sequence[Column],
        sample: Iterable[Sequence[Cell]],
        terminal: Terminal,
        *,
        is_sample_all: bool = True,
    ) -> None:
        """Fit the columns to what is known of the rows.

        Args:
            columns: What to show, in order.
            sample: The rows that the widths are made for.
            terminal: Where the lines go; its width 0 means nothing is cut.
            is_sample_all: No other rows come. Otherwise flexible columns get the room that is
                left, and only they are cut.
        """
        self._terminal = terminal
        self._rows = [[Styled(column.title, "bold") for column in columns]]
        self._rows += ([_styled(cell, terminal) for cell in row] for row in sample)
        widths = [max(cells(row[at].text) for row in self._rows) for at in range(len(columns))]
        self._shown = list(range(len(columns)))
        if terminal.width:
            self._shown = _affordable(widths, columns, terminal.width)
        self._columns = [columns[at] for at in self._shown]
        self._widths = [widths[at] for at in self._shown]
        if terminal.width:
            room = terminal.width - len(GAP) * (len(self._columns) - 1)
            if not is_sample_all:
                _stretch(self._widths, self._columns, room)
            _shrink(self._widths, self._columns, room)
        self._is_cut = [is_sample_all or column.is_flexible for column in self._columns]

    def lines(self) -> Iterator[str]:
        """Yield the heading and the rows that the widths were made for."""
        return map(self._line, self._rows)

    def line(self, row: Sequence[Cell]) -> str:
        """Return the line of another row."""
        return self._line([_styled(cell, self._terminal) for cell in row])

    def _line(self, row: Sequence[Styled]) -> str:
        row = [row[at] for at in self._shown]
        terminal, columns = self._terminal, self._columns
        ellipsis = terminal.glyph(ELLIPSIS, "~")
        texts = [
            pad(
                fit(cell.text, width, ellipsis) if is_cut else cell.text,
                width,
                is_right=column.is_right,
            )
            for cell, column, width, is_cut in zip(
                row, columns, self._widths, self._is_cut, strict=True
            )
        ]
        if not columns[-1].is_right:
            texts[-1] = texts[-1].rstrip()
        plain = GAP.join(texts).rstrip()
        if terminal.width and cells(plain) > terminal.width:
            # Nothing could shrink further: cut at the edge rather than wrap. Colour codes would be
            # cut with it, so such a line goes without.
            return fit(plain, terminal.width, ellipsis)
        painted = (terminal.paint(text, cell.style) for text, cell in zip(texts, row, strict=True))
        return GAP.join(painted).rstrip()


def _styled(cell: Cell, terminal: Terminal) -> Styled:
    if cell is None:
        return Styled(NOTHING, "dim")
    if isinstance(cell, Styled):
        return Styled(safe(cell.text), cell.style)
    if isinstance(cell, int):
        return Styled(f"{cell:,}" if terminal.is_tty else str(cell))
    return Styled(safe(cell))


def _affordable(widths: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """Return which columns a screen has room for: the spare ones go until the rest can be read."""
    shown = list(range(len(columns)))
    spare = sorted((at for at in shown if columns[at].spare), key=lambda at: columns[at].spare)

    def needed() -> int:
        least = (
            min(widths[at], READABLE_CELLS) if columns[at].is_flexible else widths[at]
            for at in shown
        )
        return sum(least) + len(GAP) * (len(shown) - 1)

    for at in spare:
        if needed() <= width:
            break
        shown.remove(at)
    return shown


def _shrink(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """Take cells from the widest flexible column until the row fits or none can give."""
    flexible = [index for index, column in enumerate(columns) if column.is_flexible]
    excess = sum(widths) - room
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda index: widths[index])
        if widths[widest] <= MIN_FLEXIBLE_CELLS:
            return
        others = [widths[index] for index in flexible if index != widest]
        # Down to the next widest at once; equal columns then give a cell each in turn.
        step = max(1, widths[widest] - max([MIN_FLEXIBLE_CELLS, *others]))
        taken = min(step, excess)
        widths[widest] -= taken
        excess -= taken


def _stretch(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """Share what is left of the room among the flexible columns."""
    flexible = [at for at, column in enumerate(columns) if column.is_flexible]
    left = room - sum(widths)
    if left <= 0 or not flexible:
        return
    share, more = divmod(left, len(flexible))
    for number, at in enumerate(flexible):
        widths[at] += share + (number < more)


def pairs(rows: Iterable[tuple[str, Cell]], terminal: Terminal, indent: str = "") -> Iterator[str]:
    """Yield one `name  value` line a row, values aligned; a row whose value is None is left out."""
    shown = [(name, _styled(cell, terminal)) for name, cell in rows if cell is not None]
    width = max((cells(name) for name, _ in shown), default=0)
    for name, cell in shown:
        text = cell.text
        if terminal.width:
            room = max(MIN_FLEXIBLE_CELLS, terminal.width - width - len(GAP) - len(indent))
            text = fit(text, room, terminal.glyph(ELLIPSIS, "~"))
        label = terminal.paint(pad(name, width), "dim")
        yield f"{indent}{label}{GAP}{terminal.paint(text, cell.style)}"
