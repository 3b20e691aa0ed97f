"""What the keys of queues do: on the marked queues, else the one under the cursor.

Where the cursor stands on something that needs attention, its queue is meant: the key that repairs
it works there too.
"""

from __future__ import annotations

from rediq_cli.actions import ACTIONS, FLUSH
from rediq_cli.dash import queue_deeds, task_deeds
from rediq_cli.dash.screens.view import View
from rediq_cli.dash.view_model import QueueRow
from rediq_core.model.state import TaskState
from rediq_core.model.where import Where


class QueueActs(View):
    """The keys of queues."""

    def targets(self) -> list[QueueRow]:
        """Return the queues that are meant, as they are shown now."""
        return []

    def _one(self) -> QueueRow | None:
        """Return the queue that is meant, where a deed is of one queue."""
        rows = self.targets()
        if len(rows) > 1:
            self.post_message(self.Said("This works on one queue; several are marked.", "warn"))
            return None
        if not rows:
            self.post_message(self.Said("Nothing here is a queue.", "warn"))
        return rows[0] if rows else None

    def action_pause(self) -> None:
        """Pause the queues, or resume them if all are paused."""
        rows = self.targets()
        if rows:
            self.ask(lambda: queue_deeds.toggle([row.view for row in rows]))

    def action_pause_why(self) -> None:
        """Pause the queues with a reason and an end."""
        rows = self.targets()
        if rows:
            self.ask(lambda: queue_deeds.pause_form([row.name for row in rows]))

    def action_enqueue(self) -> None:
        """Enqueue a task."""
        row = self._one()
        if row is not None:
            self.ask(lambda: queue_deeds.enqueue_form(row.name))

    def action_limit(self) -> None:
        """Override limits."""
        row = self._one()
        if row is not None:
            self.ask(lambda: queue_deeds.limit_form(row.view))

    def action_retry_dead(self) -> None:
        """Retry all dead tasks of the queue."""
        row = self._one()
        if row is not None:
            where = Where(queue=row.name, state=TaskState.DEAD)
            self.ask(lambda: task_deeds.on_all(ACTIONS["retry"], where))

    def action_flush(self) -> None:
        """Flush the pending tasks of the queue."""
        row = self._one()
        if row is not None:
            self.ask(lambda: task_deeds.on_all(FLUSH, Where(queue=row.name, is_bare_queue=True)))

    def action_remove(self) -> None:
        """Remove the queue, if it is empty."""
        row = self._one()
        if row is not None:
            self.ask(lambda: queue_deeds.remove(row.view))
