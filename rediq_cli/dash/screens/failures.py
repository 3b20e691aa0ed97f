"""Failures: what is failing, and why? Dead and retry tasks by what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from rediq_cli.actions import ACTIONS
from rediq_cli.dash import task_deeds
from rediq_cli.dash.figures import NOTHING, ago_text, number
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.screens.listed import Listed
from rediq_cli.dash.view_model import Place, ViewName
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Line, Span
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.table import Table
from rediq_cli.output.neutralise import safe
from rediq_core.model.failures import Failure
from rediq_core.model.state import TaskState
from rediq_core.model.where import Where, parse_where


def _types(row: Failure, look: Look) -> Line:
    del look
    more = f" +{len(row.types) - 1}" if len(row.types) > 1 else ""
    return (Span(safe(row.types[0] if row.types else NOTHING), "bold"), Span(more, "dim"))


class Failures(Listed):
    """The fifth view: every cause with its tasks, however many, from the server's own index."""

    name_of_view = ViewName.FAILURES
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.FAILURES)
    heading = "Failures by cause"
    scope = Scope.FAILURES
    nothing = "Nothing is dead and nothing waits for a retry."
    key = staticmethod(lambda row: row.fingerprint)
    text = staticmethod(
        lambda row: f"{row.fingerprint} {row.summary} {' '.join(row.queues)} {' '.join(row.types)}"
    )
    columns: ClassVar[Sequence[Column[Failure]]] = (
        Column(
            "TASKS",
            lambda row, _: Span(number(row.tasks, 7), "bad"),
            6,
            is_right=True,
            sort=lambda row: row.tasks,
        ),
        Column(
            "SEEN",
            lambda row, _: Span(number(row.seen, 7)),
            6,
            drop=60,
            is_right=True,
            sort=lambda row: row.seen,
        ),
        Column("CAUSE", lambda row, _: Span(safe(row.fingerprint[:8]), "accent"), 8, drop=55),
        Column("TYPE", _types, 14, grow=1),
        Column("ERROR", lambda row, _: Span(safe(row.summary, 300), "bad"), 18, grow=4),
        Column(
            "FIRST",
            lambda row, look: Span(ago_text(row.first_ms, look.now_ms)),
            10,
            drop=50,
            is_right=True,
            sort=lambda row: row.first_ms,
        ),
        Column(
            "LAST",
            lambda row, look: Span(ago_text(row.last_ms, look.now_ms)),
            10,
            drop=20,
            is_right=True,
            sort=lambda row: row.last_ms,
        ),
        Column("QUEUES", lambda row, _: Span(safe(",".join(row.queues), 200)), 10, drop=40, grow=1),
    )

    def target(self) -> Failure | None:
        """Return the cause under the cursor."""
        row = next(iter(self.meant(self.table)), None)
        return row if isinstance(row, Failure) else None

    def on_table_opened(self, message: Table.Opened) -> None:
        """List the tasks of the cause."""
        message.stop()
        row = self.target()
        if row is not None:
            self.post_message(
                self.Goto(Place(ViewName.TASKS, filter=f"all cause:{row.fingerprint}"))
            )

    @staticmethod
    def _dead_of(row: Failure) -> Where:
        queue = row.queues[0] if len(row.queues) == 1 else "*"
        return parse_where([f"{TaskState.DEAD.value}:{queue}", f"cause:{row.fingerprint}"])

    def action_retry_cause(self) -> None:
        """Retry the dead tasks of the cause; those in retry run by themselves."""
        row = self.target()
        if row is not None:
            self.ask(lambda: task_deeds.on_all(ACTIONS["retry"], self._dead_of(row)))

    def action_delete_cause(self) -> None:
        """Delete the dead tasks of the cause."""
        row = self.target()
        if row is not None:
            self.ask(lambda: task_deeds.on_all(ACTIONS["delete"], self._dead_of(row)))

    def action_edit_sample(self) -> None:
        """Edit the latest task of the cause."""
        row = self.target()
        if row is not None:
            self.post_message(self.Wanted("edit", [row.sample]))
