"""Schedules, failures and events: views of one table over what one part has read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from rediq_cli.dash.figures import NOTHING, ago_text, number
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.parts import Cause
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.view_model import Demand, Place, ViewName
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Line, Span, say
from rediq_cli.dash.widgets.look import Look, state_span
from rediq_cli.dash.widgets.table import Table
from rediq_cli.dash.widgets.task_text import clock_text
from rediq_cli.output.neutralise import safe
from rediq_core.admin import Event
from rediq_core.model.schedule import ScheduleView
from rediq_core.model.state import TaskState


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


def _count(cause: Cause, look: Look) -> Span:
    del look
    return Span(f"{len(cause.tasks)}{'' if cause.is_whole else '+'}", "bad")


class Failures(Listed):
    """The fifth view: what is failing, and why? Dead and retry tasks by what they have in common.

    Groups the latest of them; a figure that may be larger has a plus behind it.
    """

    name_of_view = ViewName.FAILURES
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.FAILURES)
    heading = "Failures by cause"
    scope = Scope.FAILURES
    nothing = "Nothing is dead and nothing waits for a retry."
    key = staticmethod(lambda cause: cause.fingerprint)
    text = staticmethod(lambda cause: f"{cause.sample} {' '.join(cause.queues)}")
    columns: ClassVar[Sequence[Column[Cause]]] = (
        Column("COUNT", _count, 5, is_right=True, sort=lambda cause: len(cause.tasks)),
        Column("TYPE", lambda cause, _: Span(safe(cause.tasks[0].type), "bold"), 14, grow=1),
        Column("ERROR", lambda cause, _: Span(safe(cause.sample, 300), "bad"), 18, grow=4),
        Column(
            "FIRST",
            lambda cause, look: Span(ago_text(cause.first_ms, look.now_ms)),
            10,
            drop=50,
            is_right=True,
            sort=lambda cause: cause.first_ms,
        ),
        Column(
            "LAST",
            lambda cause, look: Span(ago_text(cause.last_ms, look.now_ms)),
            10,
            drop=20,
            is_right=True,
            sort=lambda cause: cause.last_ms,
        ),
        Column(
            "QUEUES", lambda cause, _: Span(safe(",".join(cause.queues), 200)), 10, drop=40, grow=1
        ),
    )

    def on_table_opened(self, message: Table.Opened) -> None:
        """List the tasks of the cause that are dead, or else those that wait for a retry."""
        message.stop()
        cause = self.table.cursor
        if isinstance(cause, Cause):
            states = {task.state for task in cause.tasks}
            state = TaskState.DEAD if TaskState.DEAD in states else TaskState.RETRY
            text = f"{state.value} cause:{cause.fingerprint}"
            self.post_message(self.Goto(Place(ViewName.TASKS, filter=text)))


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

    def on_table_opened(self, message: Table.Opened) -> None:
        """Find the task of the event."""
        message.stop()
        event = self.table.cursor
        if isinstance(event, Event) and event.task_id:
            self.post_message(self.Goto(Place(ViewName.TASKS, filter=event.task_id)))
