"""What schedules, failures and events have in common: one table over what one part has read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from textual.app import ComposeResult

from rediq_cli.dash.keymap import Scope
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.view_model import Demand, Place
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Span, say
from rediq_cli.dash.widgets.table import Table


class Listed(View):
    """A view of one table.

    Attributes:
        columns: Its columns.
        heading: Its title.
        nothing: Said when there is no row.
    """

    columns: ClassVar[Sequence[Column[Any]]] = ()
    heading: ClassVar[str] = ""
    nothing: ClassVar[str] = ""
    key: ClassVar[staticmethod[[Any], str]] = staticmethod(str)
    text: ClassVar[staticmethod[[Any], str]] = staticmethod(str)
    scope: ClassVar[Scope] = Scope.TABLE

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield Table(self.columns, type(self).key, id=f"list-{self.name_of_view.value}")

    @property
    def table(self) -> Table[Any]:
        """The table."""
        return self.query_one(Table)

    def focus_main(self) -> None:
        """Begin in the table."""
        self.table.focus()

    def demand(self, place: Place) -> Demand:
        """Need what the view's part reads."""
        del place
        return Demand(self.name_of_view)

    def scopes(self) -> tuple[Scope, ...]:
        """Show the view's own keys first."""
        return (self.scope, Scope.TABLE, Scope.GLOBAL)

    def show(self, scene: Scene) -> None:
        """Show the rows that hold every word of the filter."""
        snapshot, name = scene.snapshot, self.name_of_view.value
        found = cast("Sequence[object] | None", snapshot.extra.get(self.name_of_view))
        words = scene.place.filter.lower().split()
        rows = [row for row in found or () if _holds(type(self).text(row), words)]
        problem = snapshot.problems.get(name)
        self.table.title = (Span(self.heading, "title"), Span(f" {len(rows)}", "dim"))
        if scene.place.filter:
            self.table.title += say(f" · filter {scene.place.filter}", "accent")
        if problem:
            self.table.empty = say(problem, "bad")
        elif found is None:
            self.table.empty = (Span("reading…", "dim"),)
        else:
            self.table.empty = say(self.nothing, "dim")
        self.table.show(rows, scene.look)

    def on_table_moved(self, message: Table.Moved) -> None:
        """Keep the footer true."""
        message.stop()
        self.post_message(self.DemandChanged())


def _holds(text: str, words: list[str]) -> bool:
    lowered = text.lower()
    return all((word.lstrip("!") in lowered) != word.startswith("!") for word in words)
