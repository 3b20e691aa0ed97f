"""Workers: who is alive, and what are they running now?"""

from __future__ import annotations

from textual.app import ComposeResult

from rediq_cli.dash.figures import of_all
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.other_deeds import tell_workers
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.screens.worker_columns import WORKER_COLUMNS
from rediq_cli.dash.view_model import Demand, Place, ViewName
from rediq_cli.dash.widgets.lines import Span
from rediq_cli.dash.widgets.table import Table
from rediq_core.admin import Do
from rediq_core.model.views import WorkerView

# States of workers that are told nothing any more.
GONE = ("lost", "stopped")


class Workers(View):
    """The third view."""

    name_of_view = ViewName.WORKERS
    BINDINGS = bindings(Scope.WORKERS)

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield Table(WORKER_COLUMNS, lambda worker: worker.id, id="workers", has_marks=True)

    @property
    def table(self) -> Table[WorkerView]:
        """The table of workers."""
        return self.query_one("#workers", Table)

    def focus_main(self) -> None:
        """Begin in the table."""
        self.table.focus()

    def demand(self, place: Place) -> Demand:
        """Need nothing besides what is always read."""
        del place
        return Demand(ViewName.WORKERS)

    def scopes(self) -> tuple[Scope, ...]:
        """Show the keys of workers."""
        return (Scope.WORKERS, Scope.TABLE, Scope.GLOBAL)

    def show(self, scene: Scene) -> None:
        """Show the workers that match the filter."""
        words = scene.place.filter.lower().split()
        rows = [worker for worker in scene.snapshot.workers if _matches(worker, words)]
        live = [worker for worker in rows if worker.state not in GONE]
        busy, slots = sum(w.busy for w in live), sum(w.concurrency for w in live)
        self.table.title = (
            Span("Workers", "title"),
            Span(f" {len(live)} live", "bold"),
            Span(f" · {of_all(busy, slots, 9)} busy", "dim"),
            Span(f" · {len(rows) - len(live)} gone" if len(rows) > len(live) else "", "warn"),
        )
        self.table.empty = (
            Span("No worker in the last day. Start one: rediq worker start", "dim"),
        )
        self.table.show(rows, scene.look)

    def unmark(self) -> bool:
        """Take the marks away."""
        return self.table.unmark()

    def step_back(self) -> bool:
        """Clear the marks."""
        return self.unmark()

    def targets(self) -> list[WorkerView]:
        """Return the marked workers, else the one under the cursor; those that are gone not."""
        live = [worker for worker in self.meant(self.table) if worker.state not in GONE]
        if not live:
            self.post_message(self.Said("No live worker is meant.", "warn"))
        return live

    def action_pause(self) -> None:
        """Have the workers claim nothing more, or go on if all are paused."""
        live = self.targets()
        running = [worker for worker in live if worker.state != "paused"]
        if live:
            do = Do.PAUSE if running else Do.RESUME
            self.ask(lambda: tell_workers(running or live, do))

    def action_stop(self) -> None:
        """Have the workers finish what runs, and exit."""
        live = self.targets()
        if live:
            self.ask(lambda: tell_workers(live, Do.STOP))

    def on_table_opened(self, message: Table.Opened) -> None:
        """Show the tasks that the worker runs."""
        message.stop()
        worker = self.table.cursor
        if worker is not None:
            self.post_message(
                self.Goto(Place(ViewName.TASKS, filter=f"active worker:{worker.id}*"))
            )

    def on_table_moved(self, message: Table.Moved) -> None:
        """Keep the footer true."""
        message.stop()
        self.post_message(self.DemandChanged())


def _matches(worker: WorkerView, words: list[str]) -> bool:
    text = " ".join((worker.id, worker.host, worker.state, *worker.queues)).lower()
    return all((word.lstrip("!") in text) != word.startswith("!") for word in words)
