"""Events: what happened last, live. The newest stands at the top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rediq_cli.dash.figures import NOTHING
from rediq_cli.dash.screens.listed import Listed
from rediq_cli.dash.screens.view import Scene
from rediq_cli.dash.view_model import Place, ViewName
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span
from rediq_cli.dash.widgets.look import Look, state_span
from rediq_cli.dash.widgets.table import Table
from rediq_cli.dash.widgets.task_text import clock_text
from rediq_cli.output.neutralise import safe
from rediq_core.admin import Event


def _kind(event: Event, look: Look) -> Line:
    return (state_span(event.kind, look, safe(event.kind, 12)),)


class Events(Listed):
    """The seventh view: what happened last. The newest stands at the top."""

    name_of_view = ViewName.EVENTS
    heading = "Events"
    nothing = "Nothing yet: failures, deaths and what operators did appear here."
    key = staticmethod(
        lambda event: f"{event.at_ms}/{event.queue}/{event.kind}/{event.task_id}/{event.worker}"
    )
    text = staticmethod(
        lambda event: f"{event.kind} {event.queue} {event.task_type} {event.task_id} {event.detail}"
    )
    columns: ClassVar[Sequence[Column[Event]]] = (
        Column("TIME", lambda event, _: Span(clock_text(event.at_ms), "dim"), 8),
        Column("KIND", _kind, 12),
        Column("QUEUE", lambda event, _: Span(safe(event.queue)), 10, drop=30, grow=1),
        Column(
            "TYPE",
            lambda event, _: Span(safe(event.task_type) or NOTHING, "bold"),
            12,
            drop=20,
            grow=1,
        ),
        Column(
            "ID", lambda event, _: Span(safe(event.task_id[-7:]) or NOTHING, "accent"), 7, drop=10
        ),
        Column(
            "BY",
            lambda event, _: Span(safe(event.by or event.worker) or NOTHING),
            12,
            drop=50,
            grow=1,
        ),
        Column("DETAIL", lambda event, _: Span(safe(event.detail, 300)), 12, drop=40, grow=3),
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._is_following = True

    def show(self, scene: Scene) -> None:
        """Show the events; while it follows, the cursor stays with the newest."""
        super().show(scene)
        rows = self.table.rows
        if self._is_following and rows:
            self.table.move_to(0)
            how: Line = (Span(" · following", "good"),)
        else:
            above = self.table.position
            how = (Span(f" · {above} newer above · l follows", "warn"),) if above else EMPTY
        self.table.title = (*self.table.title, *how)
        self.table.redraw()

    def action_follow(self) -> None:
        """Stay with the newest event, or stay where the cursor is."""
        self._is_following = not self._is_following
        self.post_message(self.Said("following" if self._is_following else "not following"))
        self.post_message(self.DemandChanged())

    def on_table_moved(self, message: Table.Moved) -> None:
        """Stop following when the cursor is moved away from the newest, go on when it is back."""
        super().on_table_moved(message)
        if self.table.has_focus:
            self._is_following = self.table.position == 0

    def on_table_opened(self, message: Table.Opened) -> None:
        """Find the task of the event."""
        message.stop()
        event = self.table.cursor
        if isinstance(event, Event) and event.task_id:
            self.post_message(self.Goto(Place(ViewName.TASKS, filter=event.task_id)))
