"""What is done with tasks on this machine: copy, page, save, edit. Only the last changes Redis.

Programs of the person's own (editor, pager) get the whole terminal for as long as they run; the
poller goes on meanwhile and the latest reading wins. What they are given is a file or a pipe that
nobody else can read.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from textual import on
from textual.app import SuspendNotSupported

from rediq_cli.dash.clipboard import fits_terminal, run_tool, tool_of
from rediq_cli.dash.deeds import command_line
from rediq_cli.dash.leaving import catch_signals, deaf_to_interrupts
from rediq_cli.dash.operating import Operator
from rediq_cli.dash.runner import Job
from rediq_cli.dash.screens.view import View
from rediq_cli.dash.task_deeds import ID_END, edit
from rediq_cli.dash.widgets.lines import text_of
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.task_text import clock_stamp, whole
from rediq_cli.dash.widgets.toast import Notice
from rediq_cli.editing import content_of, difference, in_editor
from rediq_cli.output import pager
from rediq_cli.output.humanise import count
from rediq_core.errors import InvalidOption, RediqError
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where

T = TypeVar("T")

# States from which an edited task is run again with fresh attempts.
_ENDED = frozenset({TaskState.DEAD, TaskState.CANCELLED, TaskState.RETRY})


class Handing(Operator):
    """The stage, its deeds, and what stays on this machine."""

    @on(View.Wanted)
    async def _on_wanted(self, message: View.Wanted) -> None:
        ids, where = message.ids, message.where
        match message.what:
            case "copy":
                what = f"id of …{ids[0][-ID_END:]}" if len(ids) == 1 else f"{len(ids)} ids"
                self.copy("\n".join(ids), what)
            case "save":
                self._save(ids, where)
            case _:
                self._with_whole(ids[0], message.what)

    def _with_whole(self, task_id: str, what: str) -> None:
        """Read the task as it is now, then copy, page or edit it."""
        reader = self.reader
        if what == "edit" and (reason := self._why_not()):
            self.say(reason, "warn")
            return
        if reader is None:
            self.say("there is no server to read it from", "warn")
            return
        do: Callable[[TaskView], Awaitable[None]] = {
            "payload": self._copy_payload,
            "pager": self._page,
            "edit": self._edit,
        }[what]

        async def done(found: object) -> None:
            if isinstance(found, TaskView):
                await do(found)

        self.runner.submit(Job("reading", lambda _: reader.task(task_id), done, is_deed=False))

    # Copies.

    def copy(self, text: str, what: str) -> None:
        """Put text into the clipboard, and say which way it went."""
        tool = tool_of(os.environ)
        if tool and not self.is_headless and run_tool(tool, text):
            self.say(f"copied {what} with {tool[0]}", "good")
        elif fits_terminal(text):
            self.copy_to_clipboard(text)
            self.say(f"copied {what} through the terminal (OSC 52), if it lets programs", "good")
        else:
            self.say(f"{what} is too long for the terminal: W saves it, P pages it", "warn")

    async def _copy_payload(self, task: TaskView) -> None:
        text = task.payload_json.decode("utf-8", "replace")
        self.copy(text, f"payload of …{task.id[-ID_END:]}, {len(task.payload_json):,} bytes")

    def _save(self, ids: Sequence[str], where: str) -> None:
        reader = self.reader
        if reader is None:
            self.say("there is no server to read them from", "warn")
            return
        plain = "".join(sign if sign.isalnum() else "-" for sign in where).strip("-")[:40]
        path = f"rediq-{plain or 'tasks'}-{clock_stamp(self.clock.now_ms())}.jsonl"
        short = " ".join(id_[-ID_END:] for id_ in ids[:3])

        async def done(number: object) -> None:
            text = f"saved {count(int(str(number)), 'task')} in ./{path}"
            words = ("task", "export", *short.split(), "--save", path)
            note = "only you can read it; rediq task import takes it back"
            self.tell(Notice(text, note=note, command=command_line(words, self.options.profile)))
            self.say(text, "good")

        self.runner.submit(
            Job("saving", lambda _: reader.export(Where(ids=tuple(ids)), path), done, is_deed=False)
        )

    # Programs of the person's own.

    async def _page(self, task: TaskView) -> None:
        look = Look(self.snapshot.at_ms, secret_fields=self.options.secret_fields)
        text = "\n".join(text_of(line).rstrip() for line in whole(task, look)) + "\n"
        try:
            problem = self._alone(lambda: pager.page(text, os.environ))
        except RediqError as error:
            self.fail(error)
            return
        if problem:
            self.say(problem, "bad")

    async def _edit(self, task: TaskView) -> None:
        try:
            content = self._alone(lambda: in_editor(task))
        except RediqError as error:
            self.fail(error)
            return
        if content == content_of(task):
            self.say(f"task …{task.id[-ID_END:]} is as it was", "dim")
            return
        lines = difference(task, content, self.options.secret_fields)
        await self.wish(edit(task, content, lines, is_retried=task.state in _ENDED))

    def _alone(self, run: Callable[[], T]) -> T:
        """Give the terminal to a program for as long as `run` takes.

        Raises:
            InvalidOption: It cannot be given away.
        """
        failed: RediqError | None = None
        answer: list[T] = []
        try:
            with deaf_to_interrupts(), self.suspend():
                # An error that left this block would leave the screen to the program for good.
                try:
                    answer.append(run())
                except RediqError as error:
                    failed = error
        except SuspendNotSupported as error:
            raise InvalidOption(
                "this terminal cannot be given to another program.",
                next_step="On a command line: rediq task inspect, rediq task edit",
            ) from error
        finally:
            if not self.is_headless:
                catch_signals(self.leave_by_signal)
            self.refresh(layout=True)
        if failed is not None:
            raise failed
        return answer[0]

    def leave_by_signal(self, code: int) -> None:
        """Leave in order, with the exit code of a signal."""
        self.exit(return_code=code)
