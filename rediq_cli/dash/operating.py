"""Deeds on the screen: the question before one, what is said of it, and the way back.

The half of the app that changes something. Without hands (reading only) every wish ends in a
sentence that says so; nothing here could reach Redis then. Deeds are carried out by the runner's
thread; this file only asks, hands over and tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import on
from textual.message import Message

from rediq_cli.dash.deeds import Deed, Entry, Form, Outcome, Tier, Wish, command_line, tier_of
from rediq_cli.dash.hands import NOTHING_GIVEN, Counted, Given, Hands, Reader
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.runner import Ended, Job, Runner
from rediq_cli.dash.screens.dialog import Dialog
from rediq_cli.dash.screens.view import View, reason_of
from rediq_cli.dash.stage import Stage
from rediq_cli.dash.task_deeds import counted, undo_found
from rediq_cli.dash.view_model import Snapshot
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, say
from rediq_cli.dash.widgets.sheet import Answer, Question
from rediq_cli.dash.widgets.task_text import clock_stamp
from rediq_cli.dash.widgets.toast import Notice
from rediq_cli.output.humanise import ago
from rediq_core.clock import Clock
from rediq_core.errors import RediqError
from rediq_core.model.rates import parse_rate

if TYPE_CHECKING:
    from rediq_core.model.operations import Operation

_CONFIRM, _RATE = "confirm", "rate"


class Operator(Stage):
    """The stage, and what is done from it.

    Attributes:
        hands: What can change something, or None when reading only.
        reader: Reads whole tasks for copies and the pager, or None where there is no server.
        snapshot: What is shown.
    """

    snapshot: Snapshot

    class News(Message):
        """The runner's thread has something to tell."""

    def __init__(
        self, options: DashOptions, clock: Clock, hands: Hands | None, reader: Reader | None
    ) -> None:
        """Take what can change something, if anything may."""
        super().__init__(options, clock)
        self.hands = hands
        self.reader = reader
        self._undo: Deed | None = None
        self.runner = Runner(self._announce_news, self._close_hands)

    async def on_mount(self) -> None:
        """Begin the thread that acts."""
        self.runner.start()

    def on_unmount(self) -> None:
        """End it."""
        self.runner.close()

    def _announce_news(self) -> None:
        if self.is_running:
            self.post_message(self.News())

    def _close_hands(self) -> None:
        for part in (self.hands, self.reader):
            if part is not None:
                part.close()

    def after_deed(self) -> None:
        """Take notice that something was changed."""

    def clear_marks(self) -> bool:
        """Take the marks away; returns whether there were any."""
        return False

    # Wishes.

    @on(View.Asked)
    async def _on_asked(self, message: View.Asked) -> None:
        await self.wish(message.wish)

    async def wish(self, wish: Wish) -> None:
        """Do a deed, asking first what its tier asks; of a form, ask for what it needs."""
        hands, reason = self.hands, self._why_not()
        if reason or hands is None:
            self.say(reason, "warn")
            self.after_deed()  # Redis may be back
        elif isinstance(wish, Form):
            await self._fill_in(wish)
        elif wish.count is None:
            await self._confirm(wish)
        else:
            count = wish.count
            done = partial(self._counted, wish)
            self.runner.submit(Job("counting", lambda _: count(hands), done, is_deed=False))

    def _why_not(self) -> str:
        if self.options.is_read_only or self.hands is None:
            profile = f" profile {self.options.profile}" if self.options.profile else ""
            return f"read-only{profile}: nothing can be changed from here"
        if self.snapshot.trouble is not None:
            return f"{self.snapshot.trouble.title}: actions are off until it is back"
        return ""

    async def _counted(self, deed: Deed, found: object) -> None:
        if not isinstance(found, Counted) or not found.number:
            self.say(f"{deed.title}: there are none", "warn")
            return
        await self._confirm(deed, found)

    async def _fill_in(self, form: Form) -> None:
        def preview(answer: Answer) -> str:
            return command_line(form.make(answer.values).command, self.options.profile)

        question = Question(
            form.title,
            form.go,
            preview,
            facts=[self._server_line(), *(say(fact, "dim") for fact in form.facts)],
            entries=form.entries,
        )

        async def answered(answer: Answer | None) -> None:
            if answer is None:
                self.say("nothing was changed", "dim")
                return
            try:
                deed = form.make(answer.values)
            except RediqError as error:
                self.say(reason_of(error), "bad")
                return
            await self.wish(deed)

        await self.push_screen(Dialog(question, self.clock), answered)

    async def _confirm(self, deed: Deed, found: Counted | None = None) -> None:
        shown = deed if found is None else counted(deed, found)
        tier = tier_of(shown, shown.number, is_protected=self.options.is_protected)
        if tier is Tier.AT_ONCE:
            self._begin(deed, NOTHING_GIVEN)
            return
        file = self._file_of(deed)

        async def answered(answer: Answer | None) -> None:
            if answer is None:
                self.say("nothing was changed", "dim")
                return
            asked_ms = found.at_ms if found is not None else 0
            self._begin(deed, replace(_given(answer, file), asked_ms=asked_ms))

        question = self._question(shown, tier, file)
        await self.push_screen(Dialog(question, self.clock), answered)

    def _question(self, deed: Deed, tier: Tier, file: str) -> Question:
        facts: list[Line] = [self._server_line()]
        facts += [EMPTY, *(say(f"  {line}") for line in deed.samples)] if deed.samples else []
        facts += [EMPTY, *(say(line, "dim") for line in deed.facts)] if deed.facts else []
        entries: list[Entry] = []
        must: dict[str, str] = {}
        if deed.has_rate:
            entries.append(Entry(_RATE, "At most", "5/s or 100/m; empty: as fast as it goes"))
        if tier >= Tier.NAME:
            name = f"{self.options.profile}/{deed.name}" if tier is Tier.PROFILE else deed.name
            entries.append(Entry(_CONFIRM, f"Type {name}", "to go on"))
            must[_CONFIRM] = name

        def preview(answer: Answer) -> str:
            return command_line(deed.words(_given(answer, file)), self.options.profile)

        return Question(
            deed.title,
            _button(deed),
            preview,
            facts=facts,
            entries=entries,
            must=must,
            tick=f"first save them to ./{file}" if file else "",
            is_ticked=bool(file) and tier >= Tier.NAME,
            is_guarded=True,
            is_grave=deed.is_removal or deed.tier >= Tier.NAME,
        )

    def _server_line(self) -> Line:
        role = "alarm" if self.options.is_protected else "bold"
        profile = (
            (Span(f" {self.options.profile} ", role), Span(" ")) if self.options.profile else ()
        )
        return (Span("on  ", "dim"), *profile, *say(self.options.label))

    def _file_of(self, deed: Deed) -> str:
        if not deed.save:
            return ""
        stamp = clock_stamp(self.clock.now_ms())
        return f"rediq-{deed.save}-{stamp}.jsonl"

    def _begin(self, deed: Deed, given: Given) -> None:
        hands, reason = self.hands, self._why_not()
        if reason or hands is None:
            self.say(reason, "warn")
            return
        self.clear_marks()
        self.runner.submit(
            Job(
                deed.doing,
                lambda conduct: deed.act(hands, conduct, given),
                partial(self._done, deed, given),
            )
        )

    # What is said.

    @on(News)
    async def _on_news(self) -> None:
        ended, progress = self.runner.take()
        if progress is not None and progress.total > 1:
            share = progress.done / progress.total
            text = f"{progress.job.doing} {progress.done:,}/{progress.total:,} ({share:.0%})"
            self.say(f"{text} · ctrl+c stops it", "info")
        for each in ended:
            await self._tell(each)

    async def _tell(self, ended: Ended) -> None:
        if ended.defect is not None:
            raise ended.defect
        if ended.error is not None:
            self.fail(ended.error, ended.job.doing)
            if ended.job.is_deed:
                self.after_deed()
            return
        await ended.job.done(ended.returned)

    async def _done(self, deed: Deed, given: Given, returned: object) -> None:
        if not isinstance(returned, Outcome):
            return
        self._undo = returned.undo
        command = command_line(deed.words(given), self.options.profile)
        role = "warn" if returned.is_partial else "good"
        undo = "u takes it back" if returned.undo is not None else ""
        saved = f"copies in ./{given.save}" if given.save else ""
        self.tell(Notice(returned.text, role, returned.note, command, undo, saved))
        self.say(returned.text, role)
        self.after_deed()

    def tell(self, notice: Notice) -> None:
        """Show a toast."""
        self.toast.has_unicode = self.options.has_unicode
        self.toast.open(notice, self.clock.monotonic())

    def fail(self, error: RediqError, doing: str = "") -> None:
        """Show an error in its three parts."""
        self.tell(Notice(f"{error.code} {error.message}", "bad", error.cause, error.next_step))
        self.say(f"{doing} failed: {error.message}" if doing else error.message, "bad")

    # The way back.

    async def action_undo(self) -> None:
        """Take marks away; without any, take back what was last done."""
        if self.clear_marks():
            return
        deed, self._undo = self._undo, None
        if deed is not None:
            await self.wish(deed)
            return
        hands, reason = self.hands, self._why_not()
        if reason or hands is None:
            self.say(reason, "warn")
            return

        def look(_: object) -> tuple[Operation, str]:
            operation = hands.admin.operations.undoable(hands.by)
            return operation, ago(operation.at_ms, hands.admin.access.now_ms())

        async def found(returned: object) -> None:
            operation, when = cast("tuple[Operation, str]", returned)
            await self._confirm(undo_found(operation, when))

        self.runner.submit(Job("looking for what to take back", look, found, is_deed=False))

    def action_close_toast(self) -> None:
        """Close what is said of the last deed."""
        self.toast.close()

    def stop_deed(self) -> bool:
        """Stop the deed that is under way after its present batch; returns whether there is one."""
        job = self.runner.current
        if job is None or not job.is_deed:
            return False
        self.runner.stop_current()
        self.say(f"stopping: {job.doing}", "warn")
        return True


def _button(deed: Deed) -> str:
    """Return what stands on the button: the verb and the number, or the title if it is short."""
    verb, number = deed.title.partition(" ")[0], deed.title.rpartition(": ")[2]
    return f"{verb} {number}" if deed.count is not None and number else deed.title


def _given(answer: Answer, file: str) -> Given:
    """Return what an answer adds to a deed.

    Raises:
        InvalidOption: The rate is none.
    """
    values: Mapping[str, str] = answer.values
    rate = values.get(_RATE, "").strip()
    return replace(
        NOTHING_GIVEN,
        save=file if answer.is_ticked else "",
        rate=str(parse_rate(rate, "rate")) if rate else "",
    )
