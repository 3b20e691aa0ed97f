"""Tasks: find one anywhere, or walk the states of one queue, with the task drawer beside them.

Without a queue it shows what a filter picks (a WHERE, run on the server, piece by piece); with one
it shows pages of a state, read by rank, so a queue of millions costs what a page costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult

from rediq_cli.dash.figures import number
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.screens.task_acts import TaskActs
from rediq_cli.dash.screens.task_columns import ANY_COLUMNS, COLUMNS_BY_STATE, ID_END
from rediq_cli.dash.screens.view import Scene, reason_of
from rediq_cli.dash.view_model import PAGE_SIZE, Demand, Place, TaskList, ViewName
from rediq_cli.dash.widgets.bars import Tab
from rediq_cli.dash.widgets.drawer import Drawer
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, joined, say
from rediq_cli.dash.widgets.table import Table
from rediq_cli.output.neutralise import safe
from rediq_core.errors import InvalidOption
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where, is_id_like, parse_where

# What a tab calls a state, long and short.
_TAB_NAMES = {
    TaskState.PENDING: ("Pending", "Pend"),
    TaskState.ACTIVE: ("Active", "Act"),
    TaskState.DELAYED: ("Scheduled", "Sched"),
    TaskState.RETRY: ("Retry", "Rtry"),
    TaskState.WAITING: ("Waiting", "Wait"),
    TaskState.DEAD: ("Dead", "Dead"),
    TaskState.COMPLETED: ("Done", "Done"),
    TaskState.CANCELLED: ("Cancelled", "Canc"),
    TaskState.TRASH: ("Trash", "Trash"),
}
TAB_STATES = tuple(_TAB_NAMES)
_LATEST_FIRST = FINAL_STATES | {TaskState.TRASH}


class Tasks(TaskActs):
    """The second view, and what opens for a queue."""

    name_of_view = ViewName.TASKS
    BINDINGS = bindings(Scope.TASKS)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._place = Place(ViewName.TASKS)
        self._start = 0
        self._is_tail = False
        self._list: TaskList | None = None
        # The cursor has yet to find the task that was opened.
        self._is_new_task = False

    def compose(self) -> ComposeResult:
        """Lay out the table and the drawer."""
        yield Table(ANY_COLUMNS, lambda task: task.id, id="tasks", has_marks=True)
        yield Drawer(id="drawer")

    @property
    def table(self) -> Table[TaskView]:
        """The table of tasks."""
        return self.query_one("#tasks", Table)

    @property
    def drawer(self) -> Drawer:
        """The task drawer."""
        return self.query_one(Drawer)

    def focus_main(self) -> None:
        """Begin in the table."""
        self.table.focus()

    def enter(self, place: Place) -> None:
        """Begin another list at its beginning."""
        mine = self._place
        is_same = (mine.queue, mine.state, mine.filter) == (place.queue, place.state, place.filter)
        if not is_same:
            self._start, self._is_tail, self._list = 0, False, None
            self.table.clear()
            self.table.columns = list(COLUMNS_BY_STATE[place.state] if place.queue else ANY_COLUMNS)
            self.table.sort_title = ""
        if place.task_id != mine.task_id:
            self._is_new_task = bool(place.task_id)
            self.drawer.task_view = None
        self._place = place
        self.drawer.display = bool(place.task_id)
        self.set_class(bool(place.task_id), "has-drawer")
        if not place.task_id and self.drawer.has_focus:
            self.table.focus()

    @staticmethod
    def where(place: Place) -> Where | None:
        """Return what is searched for, or None if a page is read.

        Raises:
            InvalidOption: The filter cannot be read.
        """
        if not place.filter.strip():
            return None
        if not place.queue:
            return parse_where(place.filter.split())
        selector = f"{place.state.value}:{place.queue}"
        return parse_where([selector, *place.filter.split()])

    @classmethod
    def check_filter(cls, text: str, place: Place) -> str:
        """Return why a filter cannot be used, or "" if it can."""
        try:
            cls.where(replace(place, filter=text))
        except InvalidOption as error:
            return reason_of(error)
        return ""

    def demand(self, place: Place) -> Demand:
        """Need a page of the state, or what the filter picks, and the open task."""
        return Demand(
            ViewName.TASKS,
            place.queue,
            place.state,
            start=self._start,
            limit=PAGE_SIZE,
            is_reversed=(place.state in _LATEST_FIRST) != self._is_tail if place.queue else False,
            where=self.where(place),
            task_id=place.task_id,
        )

    def scopes(self) -> tuple[Scope, ...]:
        """Show the drawer's keys while it has the focus."""
        if self.drawer.has_focus:
            return (Scope.DRAWER, Scope.TEXT, Scope.TASKS, Scope.GLOBAL)
        return (Scope.TASKS, Scope.TABLE, Scope.GLOBAL)

    def show(self, scene: Scene) -> None:
        """Show the list and the drawer, as far as the snapshot was read for them."""
        place, snapshot = scene.place, scene.snapshot
        found = snapshot.tasks
        if found is not None and found.demand.is_same_list(self.demand(place)):
            self._list = found
        listed = self._list
        table = self.table
        look = (
            scene.look
            if scene.width >= 110 and not place.task_id
            else scene.look._replace(is_compact=True)
        )
        table.empty = self._empty(scene, listed)
        rows: Sequence[TaskView] = listed.tasks if listed is not None else ()
        table.title = self._title(place, table)
        table.note = self._note(listed)
        table.show(rows, look)
        if self._is_new_task and table.move_to_key(place.task_id):
            self._is_new_task = False
        self._show_drawer(scene)

    def _show_drawer(self, scene: Scene) -> None:
        place, detail = scene.place, scene.snapshot.detail
        if not place.task_id:
            return
        drawer = self.drawer
        row = next((task for task in self.table.rows if task.id == place.task_id), None)
        task, notice = row, ""
        if detail is not None and detail.task_id == place.task_id:
            task = detail.task or row
            drawer.why, drawer.link_lines = detail.why, detail.links
            if detail.task is None and scene.snapshot.trouble is None:
                notice = "This task is gone: deleted, or older than tasks are kept."
            elif place.queue and task is not None and task.state is not place.state:
                notice = f"This task has left {place.state.value}: it is {task.state.value}."
        at = f" {self.table.position + 1}/{len(self.table.rows)}" if row else ""
        drawer.title = (Span("task", "title"), Span(at))
        drawer.note = (Span("⇥ focus · ←→ tabs · esc close", "dim"),)
        drawer.show_task(task, scene.look, notice=notice)

    def _title(self, place: Place, table: Table[TaskView]) -> Line:
        name = f"{place.queue} · {place.state.value}" if place.queue else "Tasks"
        return joined(
            [
                (Span(safe(name, 140), "title"),),
                self._marked(),
                say(f"filter {place.filter}", "accent") if place.filter else EMPTY,
                (Span(f"sort {table.sort_title.lower()}, loaded rows", "dim"),)
                if table.sort_title
                else EMPTY,
            ],
            " · ",
            "dim",
        )

    def _marked(self) -> Line:
        marks, listed = len(self.table.marks), self._list
        if not self.table.is_all or listed is None:
            return (Span(f"marked {marks}", "mark"),) if marks else EMPTY
        is_search = listed.demand.where is not None
        total = len(listed.tasks) if is_search else listed.total
        how = "" if listed.is_complete or not is_search else " or more"
        return (Span(f"all {number(total, 13)}{how} matching", "mark"),)

    def _note(self, listed: TaskList | None) -> Line:
        if listed is None or not listed.tasks:
            return EMPTY
        total = number(listed.total, 13)
        if listed.demand.where is not None:
            how = "" if listed.is_complete else " so far"
            text = f"{len(listed.tasks):,} hits{how} · scanned {listed.scanned:,} of {total}"
            return (Span(text, "dim"),)
        first = listed.start + 1
        last = listed.start + len(listed.tasks)
        if self._is_tail:
            first, last = listed.total - last + 1, listed.total - listed.start
        return (Span(f"rows {first:,}–{last:,} of {total}", "dim"),)

    def _empty(self, scene: Scene, listed: TaskList | None) -> Line:
        place, snapshot = scene.place, scene.snapshot
        problem = snapshot.problems.get("tasks")
        if problem:
            return say(problem, "bad")
        text, role = "No tasks.", "dim"
        if listed is None:
            text = "reading…"
        elif place.filter:
            text = "Nothing matches the filter. esc clears it."
        elif place.queue and snapshot.seq and snapshot.queue(place.queue) is None:
            text, role = f"There is no queue {place.queue}.", "warn"
        elif place.queue:
            text = f"No {place.state.value} tasks in {place.queue}."
        return say(text, role)

    def tabs(self, scene: Scene) -> tuple[Sequence[Tab], str, Line] | None:
        """Return the states of the queue, with their counts."""
        place = scene.place
        if not place.queue:
            return None
        row = scene.snapshot.queue(place.queue)
        tabs = []
        for state, (name, short_name) in _TAB_NAMES.items():
            count = row.count(state) if row else 0
            role = "bad" if state is TaskState.DEAD else "warn" if state is TaskState.RETRY else ""
            badge = f" {number(count, 7)}"
            tabs.append(Tab(state.value, name, short_name, badge, role if count else "dim"))
        return tabs, place.state.value, EMPTY

    def crumbs(self, scene: Scene) -> Sequence[Line]:
        """Return the way here, and what the queue holds."""
        place = scene.place
        if not place.queue:
            return ()
        way = f"{place.queue} › {place.state.value}"
        if place.task_id and scene.width < 110:
            way += f" › …{place.task_id[-ID_END:]}"
        row = scene.snapshot.queue(place.queue)
        parts: list[Line] = [say(way, "bold")]
        if row is not None:
            if row.view.pause is not None:
                pause = row.view.pause
                parts.append(say(f"‖ paused by {pause.by}: {pause.reason}".rstrip(": "), "warn"))
            facts = (
                f"{number(row.view.pending)} pending · {number(row.count(TaskState.ACTIVE))} active"
            )
            parts.append((Span(facts, "dim"),))
        return parts

    # What the keys do.

    def step_back(self) -> bool:
        """Close the drawer, then clear the marks."""
        if self._place.task_id:
            self._goto(replace(self._place, task_id=""))
            self.table.focus()
            return True
        return self.unmark()

    def unmark(self) -> bool:
        """Take the marks away."""
        return self.table.unmark()

    @property
    def is_all(self) -> bool:
        """All that match are meant, and not the open task."""
        return self.table.is_all and not self.drawer.has_focus

    def targets(self) -> list[TaskView]:
        """Return the open task if the drawer has the focus, else the marked, else the cursor's."""
        if self.drawer.has_focus and self.drawer.task_view is not None:
            return [self.drawer.task_view]
        return self.meant(self.table)

    def matching(self) -> Where:
        """Return what picks everything that is listed."""
        place = self._place
        where = self.where(place)
        if where is not None:
            return where
        return Where(queue=place.queue, state=place.state) if place.queue else Where()

    def child_ids(self) -> list[str]:
        """Return the ids that stand in the drawer's links."""
        open_id = self._place.task_id
        words = [line.split()[-1] for line in self.drawer.link_lines if line.split()]
        return [word for word in words if open_id and is_id_like(word)]

    def action_mark_matching(self) -> None:
        """Mean all that match, loaded or not."""
        self.table.mark_matching()

    def _goto(self, place: Place) -> None:
        self.post_message(self.Goto(place))

    def action_state(self, step: int) -> None:
        """Go to the next state of the queue, or the previous one."""
        if self._place.queue:
            at = TAB_STATES.index(self._place.state)
            state = TAB_STATES[(at + step) % len(TAB_STATES)]
            self._goto(replace(self._place, state=state, task_id=""))

    def action_drawer(self) -> None:
        """Open the task under the cursor beside the list, or close it."""
        task = self.table.cursor
        if task is not None:
            task_id = "" if self._place.task_id == task.id else task.id
            self._goto(replace(self._place, task_id=task_id))

    def on_table_opened(self, message: Table.Opened) -> None:
        """Open the task, and go into the drawer if it is open already."""
        message.stop()
        task = self.table.cursor
        if task is None:
            return
        if self._place.task_id == task.id or self.app.size.width < 110:
            self._goto(replace(self._place, task_id=task.id))
            self.drawer.display = True
            self.drawer.focus()
        else:
            self._goto(replace(self._place, task_id=task.id))

    def on_table_moved(self, message: Table.Moved) -> None:
        """Let the drawer follow the cursor, but not where a reading has put it."""
        message.stop()
        task = self.table.cursor
        is_followed = bool(self._place.task_id) and message.is_by_hand
        if is_followed and task is not None and task.id != self._place.task_id:
            self._goto(replace(self._place, task_id=task.id))
        self.post_message(self.DemandChanged())

    def on_table_edge_reached(self, message: Table.EdgeReached) -> None:
        """Read the next page, or the previous one, and stay where the eye is."""
        message.stop()
        listed = self._list
        if listed is None or listed.demand.where is not None or not self._place.queue:
            return
        half = PAGE_SIZE // 2
        if message.is_end and listed.start + len(listed.tasks) < listed.total:
            self._start = listed.start + half
        elif not message.is_end and listed.start > 0:
            self._start = max(listed.start - half, 0)
        else:
            return
        self.post_message(self.DemandChanged())

    def action_tail(self) -> None:
        """Go to the end of the state, or back to its beginning."""
        self._is_tail = not self._is_tail
        self._start, self._list = 0, None
        self.post_message(self.DemandChanged())

    def on_drawer_neighbour_wanted(self, message: Drawer.NeighbourWanted) -> None:
        """Put the cursor on the next task; the drawer follows."""
        message.stop()
        self.table.move_to(self.table.position + message.step)
