"""No key does more than it says: reading only, frozen targets, questions, counts, the way out."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from rediq_cli.dash.deeds import Deed, Outcome, Tier, tier_of
from rediq_cli.dash.hands import Hands
from rediq_cli.dash.keymap import KEYS
from rediq_cli.dash.view_model import Trouble, ViewName
from rediq_cli.dash.widgets import sheet, table
from rediq_cli.dash.widgets.prompt import Prompt
from rediq_cli.dash.widgets.sheet import Answer, Question, Sheet
from rediq_core.admin import MoveVerb
from rediq_core.model.schedule import Schedule
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from tests.dash.conftest import Open
from tests.support.clock import ManualClock
from tests.support.desk import Desk, worker_row
from tests.support.waiting import wait_until

_S = TaskState
# Keys that leave, stop or hand the terminal away; they are pressed in tests of their own.
_LEAVING = {"q", "ctrl+c", "ctrl+q", "ctrl+z"}


def _every_key() -> list[str]:
    names = [name for key in KEYS for name in key.keys.split(",")]
    return [name for name in dict.fromkeys(names) if name not in _LEAVING]


def _writes(desk: Desk) -> dict[str, int]:
    """Return how often each command that writes was called, in scripts too."""
    writing = {name for name, facts in desk.client.command().items() if "write" in facts["flags"]}
    calls = desk.client.info("commandstats")
    counted = {
        name.removeprefix("cmdstat_").split("|")[0]: row["calls"] for name, row in calls.items()
    }
    return {name: number for name, number in counted.items() if name in writing and number}


@pytest.mark.slow
async def test_reading_only_no_key_writes_anything(
    desk: Desk, open_dash: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a picture of the screen is among what the keys do
    desk.pending("mail", 3)
    desk.dead("mail", 3)
    desk.announce(worker_row())
    task: Task[object] = Task("report", queue="mail")
    desk.admin.add_schedule(Schedule.of("nightly", "30 2 * * *", task), "ana")
    before = desk.everything()
    desk.client.config_resetstat()
    async with open_dash(is_read_only=True) as dash:
        assert dash.app.hands is None
        assert not any(isinstance(each, Hands) for each in gc.get_objects())
        for view in ViewName:
            await dash.press(str(list(ViewName).index(view) + 1))
            for key in _every_key():
                await dash.press(key)
                if len(dash.app.screen_stack) > 1 or dash.app.query_one(Prompt).is_open:
                    # What a key opened is answered, and must not swallow the keys that follow.
                    await dash.press("y", "enter", "escape", "escape")
    assert desk.everything() == before
    assert _writes(desk) == {}


async def test_reading_only_says_so(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 3)
    async with open_dash(is_read_only=True, profile="prod") as dash:
        await dash.press("p")
        await dash.see("read-only profile prod: nothing can be changed from here")


@pytest.mark.parametrize(
    ("deed", "number", "plain", "protected"),
    [
        ({}, 0, Tier.AT_ONCE, Tier.YES),
        ({}, 1, Tier.AT_ONCE, Tier.YES),
        ({}, 2, Tier.YES, Tier.NAME),
        ({"is_selected": True}, 1, Tier.YES, Tier.NAME),
        ({"tier": Tier.YES}, 1, Tier.YES, Tier.NAME),
        ({"is_removal": True}, 1, Tier.YES, Tier.NAME),
        ({"is_removal": True}, 100, Tier.YES, Tier.NAME),
        ({"is_removal": True}, 101, Tier.NAME, Tier.PROFILE),
        ({"is_removal": True, "is_selected": True}, 1, Tier.NAME, Tier.PROFILE),
        ({"tier": Tier.NAME}, 0, Tier.NAME, Tier.PROFILE),
    ],
)
def test_what_is_asked(deed: dict[str, object], number: int, plain: Tier, protected: Tier) -> None:
    asked = replace(Deed("", "", (), lambda *_: Outcome("")), **deed)  # type: ignore[arg-type]
    assert tier_of(asked, number, is_protected=False) is plain
    assert tier_of(asked, number, is_protected=True) is protected


async def test_a_protected_profile_asks_one_more(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 120)
    async with open_dash(is_protected=True, profile="prod") as dash:
        await dash.press("p")
        await dash.see("Pause mail")
        await dash.press("n")
        assert desk.admin.queue("mail").pause is None

        await dash.press("F")
        await dash.see("Type prod/mail")
        await dash.type("mail")
        await dash.press("enter")
        await dash.see("That is not what is to be typed.")
        await dash.press("ctrl+u")
        await dash.type("prod/mail")
        await dash.press("tab", "space", "shift+tab", "enter")
        await dash.see("rediq --profile prod queue flush pending:mail")
    assert desk.admin.queue("mail").pending == 0


async def test_a_reading_between_key_and_answer_leads_no_deed_to_another_task(
    desk: Desk, open_dash: Open
) -> None:
    (aimed,) = desk.dead("mail", 1)
    async with open_dash() as dash:
        await dash.command("dead mail")
        await dash.see("rows 1")
        await dash.press("X")
        await dash.see("Delete task")

        desk.admin.move(MoveVerb.RETRY, [aimed], by="bob@there")
        (other,) = desk.dead("mail", 1)
        await dash.read_again()
        assert [row.id for row in dash.app.snapshot.tasks.tasks] == [other]  # type: ignore[union-attr]
        await dash.press("y")

        await dash.see("skipped 1 now")
    assert desk.admin.task(other).state is _S.DEAD
    assert desk.admin.task(aimed).state is not _S.TRASH


async def test_a_reading_between_key_and_answer_leads_no_deed_to_another_queue(
    desk: Desk, open_dash: Open
) -> None:
    desk.dead("mail", 2)
    async with open_dash() as dash:
        await dash.press("R")
        await dash.see("Retry dead:mail: 2 tasks")
        desk.dead("album", 3)  # now the first row, where the cursor was
        await dash.read_again()
        await dash.press("y")
        await dash.see("retried 2 tasks of dead:mail")
    assert desk.admin.queue("album").counts[_S.DEAD] == 3


async def test_a_row_that_a_reading_put_under_the_cursor_is_no_target(
    desk: Desk, open_dash: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.dead("mail", 2)
    async with open_dash() as dash:
        await dash.command("dead mail")
        await dash.see("rows 1")
        monkeypatch.setattr(table, "SLIP_S", 3_600.0)
        aimed = dash.app.view.targets()[0].id  # type: ignore[union-attr]
        desk.admin.move(MoveVerb.DELETE, [aimed], by="bob@there")
        await dash.read_again()
        await dash.press("r")
        await dash.see("The row under the cursor has just left; nothing was done.")
    assert desk.admin.queue("mail").counts[_S.DEAD] == 1


async def test_marks_that_have_left_do_not_give_way_to_the_cursor(
    desk: Desk, open_dash: Open
) -> None:
    desk.dead("mail", 3)
    async with open_dash() as dash:
        await dash.command("dead mail")
        await dash.see("rows 1")
        marked = dash.app.view.targets()[0].id  # type: ignore[union-attr]
        await dash.press("space")
        await dash.see("marked 1")
        desk.admin.move(MoveVerb.DELETE, [marked], by="bob@there")
        await dash.read_again()
        await dash.press("r")
        await dash.see("What was marked has left the list; nothing was done.")
    assert desk.admin.queue("mail").counts[_S.DEAD] == 2


async def test_what_comes_after_the_question_is_not_touched(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 110)
    async with open_dash() as dash:
        await dash.press("F")
        await dash.see("110 tasks")
        later = _later(desk)
        await dash.type("mail")
        await dash.press("tab", "space", "shift+tab", "enter")
        await dash.see("flushed 110 tasks of pending:mail")
    assert [task.id for task in desk.admin.page("mail", _S.PENDING).tasks] == later


def _later(desk: Desk) -> list[str]:
    """Enqueue tasks that are younger than a question that stands on the screen."""
    asked_ms = desk.server_ms()
    wait_until(lambda: desk.server_ms() > asked_ms + 1, "a later millisecond")
    desk.queue("mail").now_ms = desk.server_ms()
    return desk.pending("mail", 40)


async def test_ctrl_c_stops_a_long_deed_and_then_leaves(desk: Desk, open_dash: Open) -> None:
    desk.dead("mail", 300)
    async with open_dash() as dash:
        await dash.press("R")
        await dash.see("300 tasks")
        await dash.press("up")
        await dash.paste("100/s")
        await dash.press("tab", "y")
        await dash.see("ctrl+c stops it")
        await dash.press("ctrl+c")
        await dash.see("go on: rediq op resume op-")
        left = desk.admin.queue("mail").counts[_S.DEAD]
        assert 0 < left < 300
        await dash.press("ctrl+c")
    assert dash.app.return_code == 0


async def test_an_error_is_told_in_three_parts(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 2)
    async with open_dash() as dash:
        await dash.press("X")
        await dash.type("mail")
        await dash.press("enter")
        frame = await dash.see("E012")
        assert "2 pending" in frame
        assert "rediq queue flush" in frame or "rediq task" in frame


async def test_without_redis_nothing_is_asked_and_nothing_waits(
    desk: Desk, open_dash: Open
) -> None:
    desk.pending("mail", 2)
    async with open_dash() as dash:
        dash.app.snapshot = replace(
            dash.app.snapshot, trouble=Trouble("Redis does not answer", "refused")
        )
        await dash.press("p")
        await dash.see("Redis does not answer: actions are off until it is back")
    assert desk.admin.queue("mail").pause is None


class Key:
    """A key as a card gets it."""

    def __init__(self, key: str, character: str | None = None) -> None:
        self.key = key
        self.character = character

    def stop(self) -> None: ...

    def prevent_default(self) -> None: ...


def test_what_was_typed_ahead_answers_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, answers = ManualClock(), []
    question = Question("Delete?", "Delete", lambda _: "rediq", is_guarded=True)
    card = Sheet(question, clock)
    monkeypatch.setattr(card, "post_message", lambda message: answers.append(message.answer))

    card.on_key(Key("y", "y"))  # type: ignore[arg-type]
    clock.advance(sheet.GUARD_S * 1_000 - 1)
    card.on_key(Key("y", "y"))  # type: ignore[arg-type]
    assert answers == []
    clock.advance(2)
    card.on_key(Key("y", "y"))  # type: ignore[arg-type]

    assert answers == [Answer({}, is_ticked=False)]


def test_enter_leaves_a_question_as_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, answers = ManualClock(), []
    card = Sheet(Question("Delete?", "Delete", lambda _: "rediq", is_guarded=True), clock)
    monkeypatch.setattr(card, "post_message", lambda message: answers.append(message.answer))
    clock.advance(1_000)

    card.on_key(Key("enter"))  # type: ignore[arg-type]

    assert answers == [None]


def test_what_must_be_typed_cannot_be_pasted() -> None:
    clock = ManualClock()
    entry = sheet.Entry("confirm", "Type mail")
    question = Question(
        "Flush?", "Flush", lambda _: "rediq", entries=[entry], must={"confirm": "mail"}
    )
    card = Sheet(question, clock)

    class Paste:
        text = "mail"

        def stop(self) -> None: ...

    card.on_paste(Paste())  # type: ignore[arg-type]

    assert card.answer.values == {"confirm": ""}
