"""Schedules: what will fire, and did the last one work?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from rediq_cli.dash import other_deeds
from rediq_cli.dash.deeds import Wish
from rediq_cli.dash.figures import NOTHING, ago_text, number
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.screens.listed import Listed
from rediq_cli.dash.view_model import Place, ViewName
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Span
from rediq_cli.dash.widgets.look import Look, state_span
from rediq_cli.dash.widgets.table import Table
from rediq_cli.output.neutralise import safe
from rediq_core.model.schedule import ScheduleView


def _next(row: ScheduleView, look: Look) -> Span:
    if row.pause is not None:
        return state_span("PAUSED", look, "paused")
    return Span(ago_text(row.next_ms, look.now_ms))


def _last(row: ScheduleView, look: Look) -> Span:
    return Span(ago_text(row.last.due_ms, look.now_ms) if row.last else NOTHING)


def _result(row: ScheduleView, look: Look) -> Span:
    if row.last is None:
        return Span(NOTHING, "dim")
    if row.last.task is not None:
        return state_span(row.last.task.state.value, look)
    return Span(safe(row.last.kind, 16))


class Schedules(Listed):
    """The fourth view: what will fire, and did the last one work?"""

    name_of_view = ViewName.SCHEDULES
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.SCHEDULES)
    heading = "Schedules"
    scope = Scope.SCHEDULES
    nothing = "No schedules. Add one: rediq schedule add"
    key = staticmethod(lambda row: row.name)
    text = staticmethod(lambda row: f"{row.name} {row.type} {row.queue}")
    columns: ClassVar[Sequence[Column[ScheduleView]]] = (
        Column("NAME", lambda row, _: Span(safe(row.name), "bold"), 14, grow=2),
        Column("CRON", lambda row, _: Span(safe(row.cron, 64)), 12, drop=20, grow=1),
        Column("ZONE", lambda row, _: Span(safe(row.timezone, 40)), 8, drop=60),
        Column("NEXT", _next, 10, is_right=True, sort=lambda row: row.next_ms),
        Column("LAST", _last, 10, drop=30, is_right=True),
        Column("RESULT", _result, 11, drop=40),
        Column("MISSED", lambda row, _: Span(number(row.missed, 6)), 6, drop=50, is_right=True),
        Column("QUEUE", lambda row, _: Span(safe(row.queue)), 10, drop=70, grow=1),
    )

    def _ask(self, make: Callable[[ScheduleView], Wish]) -> None:
        """Ask for a deed on the schedule under the cursor."""
        for row in self.meant(self.table)[:1]:
            self.ask(partial(make, row))

    def action_run_now(self) -> None:
        """Enqueue an occurrence now."""
        self._ask(lambda row: other_deeds.run_schedule(row.name))

    def action_pause(self) -> None:
        """Pause it, or resume it."""
        self._ask(other_deeds.toggle_schedule)

    def action_pause_why(self) -> None:
        """Pause it with a reason."""
        self._ask(lambda row: other_deeds.pause_schedule_form(row.name))

    def action_delete(self) -> None:
        """Delete it with its history."""
        self._ask(other_deeds.delete_schedule)

    def on_table_opened(self, message: Table.Opened) -> None:
        """List the tasks of its type in its queue."""
        message.stop()
        row = self.table.cursor
        if isinstance(row, ScheduleView):
            text = f"all:{row.queue} type:{row.type}"
            self.post_message(self.Goto(Place(ViewName.TASKS, filter=text)))
