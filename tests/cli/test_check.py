"""`rediq check` speaks the language of monitoring plugins: one line, and 0, 1, 2 or 3."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Rediq
from tests.support.cli import run
from tests.support.desk import Desk, worker_row

NO_SERVER = "redis://127.0.0.1:1/0"


@pytest.fixture
def payment(desk: Desk) -> Desk:
    desk.dead("payment", 3)
    desk.pending("payment", 12)
    desk.announce(worker_row(queues=("payment",)))
    return desk


def without_ages(text: str) -> str:
    return re.sub(r"oldest'=[\d.]+s", "oldest'=AGEs", text)


def test_all_is_well(rediq: Rediq, payment: Desk) -> None:
    ended = rediq("check")

    assert (ended.code, ended.err) == (0, "")
    assert without_ages(ended.out) == (
        "REDIQ OK - 1 queue, 12 pending | 'pending'=12;;;0 'retry'=0;;;0 'dead'=3;;;0"
        " 'oldest'=AGEs;;;0 'payment pending'=12;1000;;0 'payment retry'=0;100;;0"
        " 'payment dead'=3;10;;0 'payment oldest'=AGEs;600;;0\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--dead", "2"], 1, "WARNING - payment: 3 dead (over 2)"),
        (["--pending", "5:10"], 2, "CRITICAL - payment: 12 pending (over 10)"),
        (["--pending", "5:20"], 1, "WARNING - payment: 12 pending (over 5)"),
        (["--pending", "12", "--dead", "3"], 0, "OK - 1 queue, 12 pending"),
        (
            ["--pending", "1:2", "--dead", "1"],
            2,
            "CRITICAL - payment: 12 pending (over 2); payment: 3 dead (over 1)",
        ),
    ],
)
def test_thresholds(words: list[str], code: int, text: str, rediq: Rediq, payment: Desk) -> None:
    ended = rediq("check", *words)

    assert ended.code == code
    assert ended.out.startswith(f"REDIQ {text} | ")
    assert ended.out.count("\n") == 1


def test_the_age_of_the_oldest(rediq: Rediq, desk: Desk) -> None:
    rig = desk.queue("payment")
    rig.advance(-120_000)
    desk.pending("payment", 1)
    desk.announce(worker_row(queues=("payment",)))

    assert rediq("check", "--oldest", "1m").out.startswith(
        "REDIQ WARNING - payment: oldest pending 2m (over 1m) | "
    )
    assert rediq("check", "--oldest", "1m:90s").code == 2
    assert rediq("check", "--oldest", "3m").code == 0


def test_pending_tasks_that_nobody_takes_are_critical_unless_paused(
    rediq: Rediq, desk: Desk
) -> None:
    desk.pending("payment", 1)

    ended = rediq("check")
    desk.admin.pause("payment", "ada@host")

    assert ended.code == 2
    assert ended.out.startswith("REDIQ CRITICAL - payment: 1 pending and no live worker | ")
    assert rediq("check").code == 0


def test_json(rediq: Rediq, payment: Desk) -> None:
    ended = rediq("check", "payment", "--dead", "2", "--json")

    assert ended.code == 1
    assert isinstance(ended.json, dict)
    assert (ended.json["status"], ended.json["code"]) == ("warning", 1)
    assert ended.json["problems"] == [
        {
            "queue": "payment",
            "metric": "dead",
            "value": 3,
            "status": "warning",
            "text": "payment: 3 dead (over 2)",
        }
    ]
    (queue,) = ended.json["queues"]
    assert {name: queue[name] for name in ("name", "pending", "retry", "dead", "workers")} == {
        "name": "payment",
        "pending": 12,
        "retry": 0,
        "dead": 3,
        "workers": 1,
    }
    assert rediq("check", "--dead", "2", "-o", "ids").out == "payment\n"


def test_no_redis_is_critical() -> None:
    ended = run("check", env={"REDIQ_URL": NO_SERVER, "REDIQ_REDIS_DEADLINE": "100ms"})

    assert ended.code == 2
    assert ended.out.startswith("REDIQ CRITICAL - E001 no Redis at redis://127.0.0.1:1/0")
    assert ended.err.startswith("E001 ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--pending", "many"], "E005 --pending 'many' is not a threshold."),
        (["--oldest", "soon"], "E005 --oldest 'soon' is not a duration."),
        (["--pendig", "1"], "E005 no such option: --pendig"),
        (["paymnt"], "E003 there is no queue paymnt."),
    ],
)
def test_what_cannot_be_decided_is_unknown(
    words: list[str], says: str, rediq: Rediq, payment: Desk
) -> None:
    ended = rediq("check", *words)

    assert ended.code == 3
    assert ended.out.startswith(f"REDIQ UNKNOWN - {says}")
    assert ended.err.startswith(says)
    assert ended.out.count("\n") == 1


def test_a_bar_in_no_text_begins_performance_data(rediq: Rediq, payment: Desk) -> None:
    ended = rediq("check", "pay|ment")

    assert ended.code == 3
    assert "|" not in ended.out
