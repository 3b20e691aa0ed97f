"""The table of keys: nothing is bound twice, everything is bound to something, the page is true."""

from __future__ import annotations

from collections import Counter

import pytest

from rediq_cli.dash.app import Dash
from rediq_cli.dash.commands import WORDS, complete, parse
from rediq_cli.dash.deeds import Deed
from rediq_cli.dash.keymap import KEYS, Key, Scope
from rediq_cli.dash.offers import offers
from rediq_cli.dash.screens import VIEWS
from rediq_cli.dash.view_model import Place, ViewName
from rediq_cli.dash.widgets.drawer import Drawer
from rediq_cli.dash.widgets.table import Table
from rediq_cli.dash.widgets.textview import TextView
from rediq_cli.dash.words import Known
from rediq_core.errors import RediqError
from tests.dash import keys_doc

_PARTS: dict[Scope, type] = {
    Scope.GLOBAL: Dash,
    Scope.TABLE: Table,
    Scope.QUEUES: VIEWS[ViewName.OVERVIEW],
    Scope.TASKS: VIEWS[ViewName.TASKS],
    Scope.DRAWER: Drawer,
    Scope.TEXT: TextView,
    Scope.WORKERS: VIEWS[ViewName.WORKERS],
    Scope.SCHEDULES: VIEWS[ViewName.SCHEDULES],
    Scope.FAILURES: VIEWS[ViewName.FAILURES],
    Scope.EVENTS: VIEWS[ViewName.EVENTS],
}
KNOWN = Known(["mail", "payment"], ["mono"], Place())


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_each_key_is_bound_to_something_that_exists(key: Key) -> None:
    name = key.action.partition("(")[0]
    part = _PARTS.get(key.scope)
    if part is not None and not name.startswith("app."):
        assert hasattr(part, f"action_{name}")


def test_no_key_means_two_things_in_one_place() -> None:
    pressed = [(key.scope, name) for key in KEYS for name in key.keys.split(",")]
    assert [each for each, number in Counter(pressed).items() if number > 1] == []


def test_lower_case_never_asks_about_a_loss_and_what_asks_says_so() -> None:
    grave = {"flush", "remove", "delete", "delete_cause", "cancel", "stop", "retry_dead"}
    for key in KEYS:
        if key.action in grave:
            assert key.text.endswith("…"), key.id
            assert key.keys.isupper(), key.id


def test_the_page_names_the_keys_that_exist() -> None:
    text = keys_doc.PATH.read_text(encoding="utf-8")
    assert keys_doc.with_table(text) == text


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("pause mail", "queue pause mail"),
        ("pause mail bank is down", "queue pause mail --reason bank is down"),
        ("resume mail", "queue resume mail"),
        ("retry dead:payment error:Timeout*", "task retry dead:payment error:Timeout*"),
        ("run delayed:mail", "task run delayed:mail"),
        ("cancel pending:mail", "task cancel pending:mail"),
        ("delete dead:mail", "task delete dead:mail"),
        ("restore trash:mail", "task restore trash:mail"),
        ("flush mail", "queue flush pending:mail"),
        ("group mail/sms/7", "group run mail/sms/7"),
    ],
)
def test_a_command_is_the_command_line_that_it_names(line: str, command: str) -> None:
    wish = parse(line, KNOWN).wish
    assert isinstance(wish, Deed)
    assert " ".join(wish.command) == command


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("retry payment", "needs a state"),
        ("retry", "retry what?"),
        ("retry active:payment", "takes no active tasks"),
        ("flush dead:paymnet", "there is no queue"),
        ("delete dead:mail nokey:x", "nokey"),
        ("pause nowhere", "there is no queue"),
        ("group mail", "QUEUE/TYPE/GROUP"),
    ],
)
def test_a_command_that_cannot_be_meant_says_why(line: str, reason: str) -> None:
    with pytest.raises(RediqError) as caught:
        parse(line, KNOWN)
    assert reason in str(caught.value)


def test_commands_are_completed() -> None:
    assert complete("retry dead:p", KNOWN) == ["retry dead:payment"]
    assert complete("pause m", KNOWN) == ["pause mail"]
    assert "pause" in complete("pa", KNOWN)
    assert all(word.text for word in WORDS.values())


def test_the_palette_finds_keys_that_work_here_and_commands() -> None:
    scopes = (Scope.QUEUES, Scope.TABLE, Scope.GLOBAL)
    found = offers("limi", KNOWN, scopes)
    assert [offer.shortcut for offer in found][:1] == ["L"]
    assert offers("pause ", KNOWN, scopes)[0].line.startswith("pause")
    assert {"mail", "payment"} <= {offer.name for offer in offers("", KNOWN, scopes)}
    # The key of another view is not offered.
    assert all(offer.key_id != "worker.stop" for offer in offers("", KNOWN, scopes))
