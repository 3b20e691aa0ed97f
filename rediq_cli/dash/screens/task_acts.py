"""What the keys of tasks do: on the open task, the marked ones, all that match, or the cursor's.

The tasks are taken as they are shown at the key press; what they are by the time of the deed is
checked by the engine, task by task.
"""

from __future__ import annotations

from collections.abc import Callable

from rediq_cli.actions import ACTIONS, FLUSH, Action
from rediq_cli.dash import task_deeds
from rediq_cli.dash.deeds import Deed
from rediq_cli.dash.screens.view import View
from rediq_cli.dash.view_model import Place, ViewName
from rediq_core.errors import InvalidOption
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where


class TaskActs(View):
    """The keys of tasks."""

    @property
    def is_all(self) -> bool:
        """All that match are meant, loaded or not."""
        return False

    def targets(self) -> list[TaskView]:
        """Return the tasks that are meant, as they are shown now."""
        return []

    def matching(self) -> Where:
        """Return what picks all that match here."""
        return Where()

    def source_words(self) -> str:
        """Return where the tasks are listed, such as "dead:payment"."""
        return str(self.matching())

    def _act(self, verb: str) -> None:
        self._wish(
            ACTIONS[verb],
            lambda tasks: task_deeds.on_tasks(ACTIONS[verb], tasks, self.source_words()),
        )

    def _wish(self, action: Action, on_tasks: Callable[[list[TaskView]], Deed]) -> None:
        self._wish_for(self.targets(), action, on_tasks)

    def _wish_for(
        self,
        tasks: list[TaskView],
        action: Action,
        on_tasks: Callable[[list[TaskView]], Deed],
    ) -> None:
        if tasks and self.is_all:
            where = self.matching()
            self.ask(lambda: task_deeds.on_all(action, where))
        elif tasks:
            self.ask(lambda: on_tasks(tasks))

    def action_again(self) -> None:
        """Run again, now, or out of the trash."""
        tasks = self.targets()
        state = self.matching().state or (tasks[0].state if tasks else None)
        verb = task_deeds.again_verb(state) if state is not None else ""
        action = ACTIONS[verb or "retry"]
        self._wish_for(tasks, action, lambda tasks: task_deeds.again(tasks, self.source_words()))

    def action_cancel(self) -> None:
        """Cancel; running ones are asked to stop."""
        self._act("cancel")

    def action_delete(self) -> None:
        """Delete to trash."""
        self._act("delete")

    def action_flush(self) -> None:
        """Flush the state that is listed."""
        where = self.matching()

        def flush() -> Deed:
            if where.queue is None or where.state is None or where.terms:
                raise InvalidOption(
                    "a flush takes a whole state of one queue.",
                    next_step="Open the queue without a filter. Or mark what matches: A, then X.",
                )
            return task_deeds.on_all(FLUSH, where)

        self.ask(flush)

    def action_reschedule(self) -> None:
        """Give them another time."""
        tasks = self.targets()
        if tasks and self.is_all:
            self.post_message(
                self.Said("Only marked tasks are moved. All: rediq task reschedule WHERE", "warn")
            )
        elif tasks:
            self.ask(lambda: task_deeds.reschedule(tasks, self.source_words()))

    def action_related(self) -> None:
        """List the tasks that it depends on, that wait for it, or that are of its group."""
        tasks = self.targets()
        if not tasks:
            return
        task = tasks[0]
        kin = [task.id, *task.depends_on, *self.child_ids()]
        if len(kin) > 1:
            self.post_message(self.Goto(Place(ViewName.TASKS, filter=" ".join(kin[:20]))))
        elif task.group:
            text = f"all:{task.queue} group:{task.group}"
            self.post_message(self.Goto(Place(ViewName.TASKS, filter=text)))
        else:
            self.post_message(self.Said("It depends on nothing and is of no group.", "dim"))

    def child_ids(self) -> list[str]:
        """Return the ids of the tasks that wait for the open one, as far as they are known."""
        return []

    def _local(self, what: str) -> None:
        tasks = self.targets()
        if tasks:
            ids = [task.id for task in tasks]
            self.post_message(self.Wanted(what, ids, self.source_words()))

    def action_copy(self) -> None:
        """Copy the id, or the ids of the marked ones."""
        self._local("copy")

    def action_copy_payload(self) -> None:
        """Copy the payload."""
        self._local("payload")

    def action_pager(self) -> None:
        """Show the whole task in the pager."""
        self._local("pager")

    def action_save(self) -> None:
        """Save copies to a file."""
        self._local("save")

    def action_edit(self) -> None:
        """Edit the payload."""
        self._local("edit")
