"""`rediq failures`, `audit`, `queue wait-empty` and `queue delete`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from rediq_cli.session import actor
from rediq_core.model.state import TaskState
from tests.cli.conftest import Rediq
from tests.support.desk import NAMESPACE, Desk
from tests.support.rig import completed
from tests.support.seeding import seed

Stable = Callable[[str], str]


@pytest.fixture
def failing(desk: Desk) -> Desk:
    at_ms = desk.server_ms() - 1_000
    causes = ("4f2a0000", "77777777")
    seed(desk.client, NAMESPACE, "payment", "dead", 6, at_ms=at_ms, causes=causes)
    seed(desk.client, NAMESPACE, "mail", "dead", 2, at_ms=at_ms, causes=causes[:1])
    return desk


def test_failures_shows_a_row_a_cause(
    rediq: Rediq, failing: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    ended = rediq("failures")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot
    assert rediq("failures", "mail", "-o", "ids").out == "4f2a0000\n"


def test_failures_as_json(rediq: Rediq, failing: Desk) -> None:
    first, second = rediq("failures", "--json").json  # type: ignore[misc]  # it is an array

    assert (first["cause"], first["tasks"], first["queues"]) == ("4f2a0000", 5, ["mail", "payment"])
    assert (second["error"], second["types"], second["seen"]) == (
        "ValueError: 77777777",
        ["mail"],
        3,
    )
    assert second["last_at"].endswith("Z")


def test_a_cause_is_retried_as_failures_says(rediq: Rediq, failing: Desk) -> None:
    ended = rediq("task", "retry", "dead", "cause:4f2a", "--yes")

    assert (ended.code, ended.out) == (0, "retried 5 tasks of dead:* cause:4f2a\n")
    assert failing.admin.queue("payment").counts[TaskState.DEAD] == 3


def test_no_failures_and_no_queue(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 1)

    none = rediq("failures", "--json")
    unknown = rediq("failures", "mial")

    assert (none.code, none.json, none.err) == (
        0,
        [],
        "No task is in retry or dead for an error.\n",
    )
    assert (unknown.code, unknown.out) == (3, "")
    assert "Did you mean mail?" in unknown.err


def test_audit_lists_what_operators_did(
    rediq: Rediq, failing: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    rediq("queue", "pause", "mail", "--reason", "bank is down")
    rediq("task", "enqueue", "mail:send", "--queue", "mail")
    rediq("queue", "flush", "dead:payment", "--reason", "old")
    rediq("undo")

    ended = rediq("audit")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out.replace(actor(), "SOMEBODY")) == snapshot


def test_audit_as_json_in_a_time_and_by_a_user(rediq: Rediq, failing: Desk) -> None:
    rediq("task", "retry", "dead:mail", "--yes", "--reason", "fixed")

    (entry,) = rediq("audit", "--since", "1h", "--by", actor(), "--json").json  # type: ignore[misc]  # it is an array
    earlier = rediq("audit", "--until", "2020-01-01T00:00Z")
    others = rediq("audit", "--by", "nobody-else", "--json")

    assert (entry["verb"], entry["tasks"], entry["where"]) == ("retry", 2, "dead:mail")
    assert (entry["by"], entry["reason"], entry["queues"]) == (actor(), "fixed", ["mail"])
    assert (earlier.code, earlier.err) == (0, "Nobody did anything in that time.\n")
    assert others.json == []
    assert rediq("audit", "--since", "yesterday").code == 2


def test_audit_between_two_times_of_day(rediq: Rediq, failing: Desk) -> None:
    rediq("queue", "pause", "mail")
    at = datetime.fromtimestamp(failing.server_ms() / 1_000).astimezone()
    since, until, later = (f"{at + timedelta(minutes=n):%H:%M}" for n in (-2, 2, 3))

    (entry,) = rediq("audit", "--since", since, "--until", until, "--json").json  # type: ignore[misc]  # it is an array
    last_night = rediq("audit", "--until", later)

    assert entry["verb"] == "pause"
    assert (last_night.code, last_night.err) == (0, "Nobody did anything in that time.\n")
    assert rediq("audit", "--since", "25:10").code == 2


def test_wait_empty_returns_when_nothing_is_left(rediq: Rediq, desk: Desk) -> None:
    worker = desk.queue("mail").worker("w#1")
    desk.pending("mail", 2)
    desk.pending("mail", 1, delay="1h")

    def work() -> None:
        worker.settle(*[completed(task) for task in worker.claim(2)], is_last=True)

    later = threading.Timer(0.1, work)
    later.start()
    ended = rediq("queue", "wait-empty", "mail", "--timeout", "20s")
    later.join()

    assert (ended.code, ended.out, ended.err) == (0, "mail: empty\n", "")


def test_wait_empty_exits_6_when_the_time_is_over(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 2)

    ended = rediq("queue", "wait-empty", "mail", "--timeout", "50ms", "--json")

    assert (ended.code, ended.json) == (
        6,
        {"name": "mail", "empty": False, "left": {"pending": 2}},
    )
    assert ended.err == "Not empty after 50ms. See why: rediq why mail\n"
    assert rediq("queue", "wait-empty", "mial").code == 3


def test_delete_asks_for_the_name_and_takes_an_empty_queue_only(rediq: Rediq, desk: Desk) -> None:
    ids = desk.pending("mail", 1)

    full = rediq("queue", "delete", "mail", "--confirm", "mail")
    desk.admin.move("delete", ids, by="ada@host", hard=True)
    refused = rediq("queue", "delete", "mail")
    done = rediq("queue", "rm", "mail", "--confirm", "mail", "--json")

    assert (full.code, full.out) == (1, "")
    assert full.err == (
        "E012 queue mail is not empty, so it was not deleted.\n"
        "     It has 1 pending.\n"
        "     Delete its tasks first: rediq task delete all:mail --hard\n"
    )
    assert refused.code == 5
    assert refused.err.endswith("To go on: rediq queue delete mail --confirm mail\n")
    assert (done.code, done.json) == (0, {"name": "mail", "deleted": True})
    assert desk.admin.queue_names() == []


def test_delete_is_refused_read_only(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 1)

    assert rediq("queue", "delete", "mail", "--confirm", "mail", "--read-only").code == 5


def test_a_search_streams_its_hits_and_says_its_coverage(rediq: Rediq, desk: Desk) -> None:
    at_ms = desk.server_ms() - 1_000
    ids = seed(desk.client, NAMESPACE, "mail", "pending", 3_000, at_ms=at_ms)

    ended = rediq(
        "task", "list", "mail", "payload.n:12*", "--limit", "200", "--scan", "1300", "-o", "ids"
    )

    assert ended.out.split() == [ids[12], *ids[120:130], *ids[1200:1300]]
    assert ended.err == "scanned 1,300 of 3,000, 111 hits. More: --scan N\n"
