"""Put a command's result on stdout in the format that was asked for.

A command says once what its columns, its JSON record and its ids are; which of them is written
is decided here. Only results come here: talk goes to `diagnostics`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rediq_cli.output import pager
from rediq_cli.output.json import Json, document, line
from rediq_cli.output.neutralise import safe
from rediq_cli.output.table import Cell, Column, Grid, table
from rediq_cli.output.terminal import Terminal

FORMATS = ("table", "wide", "json", "jsonl", "ids")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """Say how items of one kind are shown.

    Attributes:
        columns: All columns, those of `-o wide` included.
        row: One cell per column.
        record: The JSON object.
        id_of: What `-o ids` prints.
    """

    columns: Sequence[Column]
    row: Callable[[T], Sequence[Cell]]
    record: Callable[[T], Json]
    id_of: Callable[[T], str]


class Output:
    """Write to stdout.

    Attributes:
        format: One of FORMATS.
        terminal: What stdout can show.
    """

    def __init__(self, output_format: str, terminal: Terminal) -> None:
        self.format = output_format
        self.terminal = terminal

    @property
    def is_for_people(self) -> bool:
        """Return True for a table, False for what scripts read."""
        return self.format in ("table", "wide")

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines that are already neutralised, through a pager if they are many."""
        text = "".join(f"{text}\n" for text in lines)
        pager.write(text, self.terminal)

    def items(self, items: Iterable[T], listing: Listing[T]) -> None:
        """Write many items; `jsonl` and `ids` write each as it comes."""
        if self.format == "json":
            self._write(document([listing.record(item) for item in items]))
        elif self.format == "jsonl":
            for item in items:
                self._write(line(listing.record(item)))
        elif self.format == "ids":
            for item in items:
                self._write(safe(listing.id_of(item), limit=0))
        else:
            self.lines(self.rows(items, listing))

    def rows(self, items: Iterable[T], listing: Listing[T]) -> Iterable[str]:
        """Return the lines of a table, with the wide columns if they were asked for."""
        shown = self._shown(listing)
        columns = [listing.columns[at] for at in shown]
        rows = ([cells[at] for at in shown] for cells in map(listing.row, items))
        return table(columns, rows, self.terminal)

    def unfold(self, items: Iterable[T], listing: Listing[T]) -> Callable[[T], None]:
        """Begin a table whose rows are not all known; returns what writes another."""
        shown = self._shown(listing)
        columns = [listing.columns[at] for at in shown]
        rows = ([cells[at] for at in shown] for cells in map(listing.row, items))
        grid = Grid(columns, rows, self.terminal, is_sample_all=False)
        for text in grid.lines():
            self._write(text)

        def add(item: T) -> None:
            cells = listing.row(item)
            self._write(grid.line([cells[at] for at in shown]))

        return add

    def _shown(self, listing: Listing[T]) -> list[int]:
        is_wide = self.format == "wide"
        return [at for at, column in enumerate(listing.columns) if is_wide or not column.is_wide]

    def one(
        self, *, lines: Callable[[], Iterable[str]], record: Callable[[], Json], ids: Iterable[str]
    ) -> None:
        """Write one result: its lines for people, else its record or its ids.

        A record that is a list is one array in `json` and a line each in `jsonl`.
        """
        if self.format == "json":
            self._write(document(record()))
        elif self.format == "jsonl":
            value = record()
            for each in value if isinstance(value, list) else [value]:
                self._write(line(each))
        elif self.format == "ids":
            for id_ in ids:
                self._write(safe(id_, limit=0))
        else:
            self.lines(lines())

    def _write(self, text: str) -> None:
        sys.stdout.write(text + "\n")
