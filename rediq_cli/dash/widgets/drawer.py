"""The task drawer: what a task is, its tabs, and the text of the tab that is open.

Shows one `TaskView` as it was last read. A task that has left, or is gone, says so and stays
readable, because a person was looking at it.
"""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.widgets import task_text
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, say
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.textview import TextView
from rediq_core.model.views import TaskView


class Drawer(TextView):
    """One task.

    Attributes:
        task_view: The task, or None before it was read.
        tab: Number of the open tab.
        why: Why it does not run, and what to do about it.
        link_lines: Its dependencies, as lines.
        notice: Says that the task has left its list, or "".
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DRAWER), *bindings(Scope.TEXT)]

    class NeighbourWanted(Message):
        """The next or the previous task of the list is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.task_view: TaskView | None = None
        self.look = Look()
        self.tab = 0
        self.why: tuple[str, ...] = ()
        self.link_lines: tuple[str, ...] = ()
        self.notice = ""
        self.is_hex = False
        self.has_secrets = False

    def show_task(self, task: TaskView | None, look: Look, *, notice: str = "") -> None:
        """Show a task; another one than before begins at its beginning."""
        is_new = task is not None and (self.task_view is None or self.task_view.id != task.id)
        if is_new:
            self.is_hex = self.has_secrets = False
        if task is not None:
            self.task_view = task
        self.look, self.notice = look, notice
        self._lay_out(is_new=is_new)

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the facts, the tabs and what is seen of the open tab."""
        task = self.task_view
        if task is None:
            return [(Span(" reading…", "dim"),)]
        head = self._head(task, width - 2, height)
        body = super().draw(width, max(height - len(head), 1))
        return [(Span(" "), *line) for line in [*head, *body]]

    def _head(self, task: TaskView, width: int, height: int) -> list[Line]:
        """Return what stands above the text: at most half of the height, what matters most."""
        name, *facts = task_text.facts(task, self.look, width)
        words = [say(self.notice, "warn+bold")] if self.notice else []
        for reason in self.why[:3]:
            words += [(Span(line, "warn"),) for line in task_text.wrapped(reason, width, 3)]
        room = max(height // 2 - 2, 0)
        words = words[:room]
        return [name, *facts[: room - len(words)], *words, self._tabs()]

    def _tabs(self) -> Line:
        spans: list[Span] = [Span("──", "border")]
        for number, name in enumerate(task_text.TABS):
            is_open = number == self.tab
            spans.append(
                Span(f"[{name}]" if is_open else f" {name} ", "title" if is_open else "dim")
            )
        return (*spans, Span("──", "border"))

    def _lay_out(self, *, is_new: bool) -> None:
        task = self.task_view
        if task is not None:
            self.show(self._body(task), is_new=is_new)
        self.redraw()

    def _body(self, task: TaskView) -> list[Line]:
        width = max(self.inner_width - 2, 10)
        match task_text.TABS[self.tab]:
            case "Payload" if not self.is_hex:
                return task_text.payload(task, self.look, has_secrets=self.has_secrets)
            case "Payload" | "Raw":
                return task_text.raw_bytes(task.payload_json)
            case "Error":
                return task_text.error(task, self.look, width)
            case "Attempts":
                return task_text.attempts(task, self.look, width)
            case _:
                return [
                    *task_text.links(task, self.link_lines),
                    EMPTY,
                    *task_text.extra_lines(task, self.look),
                ]

    @property
    def inner_height(self) -> int:
        """Lines of the open tab that are seen."""
        height = super().inner_height
        task = self.task_view
        if task is None:
            return height
        return max(height - len(self._head(task, max(self.inner_width - 2, 10), height)), 1)

    def on_resize(self) -> None:
        """Lay the text out for the new width."""
        self._lay_out(is_new=False)

    def action_tab(self, step: int) -> None:
        """Open the next tab, or the previous one."""
        self.tab = (self.tab + step) % len(task_text.TABS)
        self._lay_out(is_new=True)

    def action_neighbour(self, step: int) -> None:
        """Ask for the next task, or the previous one."""
        self.post_message(self.NeighbourWanted(step))

    def action_hex(self) -> None:
        """Show the payload as bytes, or as text again."""
        self.is_hex = not self.is_hex
        self._lay_out(is_new=True)

    def action_secrets(self) -> None:
        """Show the values of secret fields, or hide them again."""
        self.has_secrets = not self.has_secrets
        self._lay_out(is_new=False)
