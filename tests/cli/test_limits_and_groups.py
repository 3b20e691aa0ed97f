"""`rediq queue limit` and `rediq group`: what they say is what is in force."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rediq_core.model.groups import GroupRule
from rediq_core.model.limits import Limits
from rediq_core.model.task import Task
from rediq_core.verbs.groups import declare_groups
from rediq_core.verbs.limits import declare_limits
from tests.cli.conftest import Rediq
from tests.support.desk import Desk

Stable = Callable[[str], str]


@pytest.fixture
def pay(desk: Desk) -> Desk:
    desk.pending("pay", 1)
    rig = desk.queue("pay")
    desk.admin.access.run(declare_limits(rig.space, "pay", Limits(concurrency=20), by="w"))
    return desk


@pytest.fixture
def mail(desk: Desk) -> Desk:
    rig = desk.queue("mail")
    desk.admin.access.run(
        declare_groups(rig.space, "mail", {"batch": GroupRule(2, 60_000, 300_000)})
    )
    rig.enqueue(*[Task("batch", id=f"t{n}", queue="mail", group="ripe") for n in range(2)])
    rig.enqueue(Task("batch", id="t2", queue="mail", group="collects"))
    return desk


def test_limit_overrides_and_says_what_stands(rediq: Rediq, pay: Desk) -> None:
    ended = rediq("queue", "limit", "pay", "--concurrency", "3", "--rate", "100/m")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "pay\n"
        "  concurrency  3 (set by hand; the configuration has 20)\n"
        "  rate         100/m (set by hand; the configuration has none)\n"
    )
    assert rediq("queue", "limit", "pay").out == ended.out
    page = rediq("queue", "inspect", "pay").out
    assert "3 (set by hand; the configuration has 20)" in page


def test_limit_as_json_shows_live_and_declared(rediq: Rediq, pay: Desk) -> None:
    none = {"concurrency": None, "rate": None, "aging_ms": None, "max_len": None}
    shown = {
        "limits": {**none, "concurrency": 20, "aging_ms": 60_000},
        "declared_limits": {**none, "concurrency": 20},
        "overridden_limits": ["aging"],
    }

    ended = rediq("queue", "limit", "pay", "--aging", "60s", "--json")

    assert ended.json == {"name": "pay", **shown}
    inspected = rediq("queue", "inspect", "pay", "--json").json
    assert isinstance(inspected, dict)
    assert {name: inspected[name] for name in shown} == shown


def test_reset_follows_the_configuration_again(rediq: Rediq, pay: Desk) -> None:
    rediq("queue", "limit", "pay", "--concurrency", "none", "--max-len", "7")

    ended = rediq("queue", "limit", "pay", "--reset")

    assert ended.out == "pay\n  concurrency  20\n"
    assert rediq("queue", "limit", "pay", "-o", "ids").out == "pay\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nope", "--rate", "1/s"], 3),
        (["pay", "--rate", "fast"], 2),
        (["pay", "--concurrency", "0"], 2),
        (["pay", "--reset", "--rate", "1/s"], 2),
        (["pay", "--rate", "1/s", "--read-only"], 5),
    ],
)
def test_a_limit_that_cannot_be_changes_nothing(
    rediq: Rediq, pay: Desk, words: list[str], code: int
) -> None:
    before = pay.everything()

    assert rediq("queue", "limit", *words).code == code
    assert pay.everything() == before


def test_groups_are_listed(rediq: Rediq, mail: Desk, stable: Stable) -> None:
    ended = rediq("group", "list")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == (
        "GROUP  MEMBERS  RUNS\n"
        "mail/batch/collects  1  in AGE\n"
        "mail/batch/ripe  2  when a worker is free\n"
    )
    assert rediq("group", "ls", "-o", "ids").out == "mail/batch/collects\nmail/batch/ripe\n"
    assert "--limit" in rediq("group", "list", "mail", "--limit", "1").err


def test_a_group_is_shown(rediq: Rediq, mail: Desk, stable: Stable) -> None:
    assert stable(rediq("group", "show", "mail/batch/collects").out) == (
        "mail/batch/collects\n"
        "  members  1\n"
        "  runs  in AGE\n"
        "  first  t2\n"
        "  max size  2\n"
        "  grace  AGE\n"
        "  max delay  AGE\n"
    )
    shown = rediq("group", "inspect", "mail/batch/ripe", "--json").json
    assert isinstance(shown, dict)
    assert (shown["members"], shown["ripe"], shown["due_at"]) == (2, True, None)


def test_a_group_is_run_now(rediq: Rediq, mail: Desk) -> None:
    ended = rediq("group", "run", "mail/batch/collects")

    assert ended.out == "mail/batch/collects is ripe with 1 member\n"
    assert mail.admin.group("mail/batch/collects").is_ripe


def test_no_groups_are_said_on_stderr(rediq: Rediq, desk: Desk) -> None:
    ended = rediq("group", "list", "--json")

    assert (ended.code, ended.json) == (0, [])
    assert "No group" in ended.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["inspect", "mail/batch/nope"], 3),
        (["run", "mail/batch/nope"], 3),
        (["run", "mail"], 2),
        (["list", "nope"], 3),
        (["run", "mail/batch/collects", "--read-only"], 5),
    ],
)
def test_a_group_command_that_cannot_be_says_why(
    rediq: Rediq, mail: Desk, words: list[str], code: int
) -> None:
    assert rediq("group", *words).code == code
