"""`rediq queue`: what it shows is what is there, and it changes exactly what it says."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from rediq_core.model.state import TaskState
from tests.cli.conftest import Rediq
from tests.support.desk import Desk, where, worker_row

Stable = Callable[[str], str]
PINNED = {
    "name",
    "paused",
    *TaskState,
    "oldest_age_ms",
    "done_per_s",
    "failed_per_s",
    "eta_s",
    "workers",
}


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Queues in each of the states that `queue list` tells apart."""
    desk.pending("orphan", 3)
    desk.pending("paused", 2)
    desk.admin.pause("paused", "ada@host", "bank is down")
    desk.held("unroutable", 1)
    desk.active("run", 1)
    desk.dead("idle", 1)
    desk.retry("idle", 2)
    desk.completed("idle", 1)
    desk.announce(worker_row(queues=("paused", "unroutable", "run", "idle")))
    return desk


def test_list_tells_what_moves_and_what_does_not(
    rediq: Rediq, busy: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    ended = rediq("queue", "list")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot


def test_list_wide_adds_columns(
    rediq: Rediq, busy: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    assert stable(rediq("queue", "ls", "-o", "wide").out) == snapshot


def test_list_as_json_has_the_pinned_fields(rediq: Rediq, busy: Desk) -> None:
    ended = rediq("queue", "list", "--json")

    assert isinstance(ended.json, list)
    by_name = {queue["name"]: queue for queue in ended.json}
    assert list(by_name) == ["idle", "orphan", "paused", "run", "unroutable"]
    assert all(set(queue) >= PINNED for queue in by_name.values())
    assert {name for name, queue in by_name.items() if queue["paused"]} == {"paused"}
    assert by_name["paused"]["pause"]["reason"] == "bank is down"
    assert [by_name["idle"][state] for state in ("dead", "retry", "completed", "pending")] == [
        1,
        2,
        1,
        0,
    ]
    assert (by_name["orphan"]["workers"], by_name["run"]["workers"]) == (0, 1)


def test_list_writes_a_line_or_a_name_each(rediq: Rediq, busy: Desk) -> None:
    lines = rediq("queue", "list", "-o", "jsonl").out.splitlines()

    assert [json.loads(line)["name"] for line in lines] == rediq(
        "queue", "list", "-o", "ids"
    ).out.split()


def test_list_without_queues_says_so_beside_the_data(rediq: Rediq) -> None:
    ended = rediq("queue", "list", "--json")

    assert (ended.code, ended.json) == (0, [])
    assert ended.err == "There are no queues yet. The first task makes one: rediq task enqueue\n"
    assert rediq("queue", "list", "--json", "-q").err == ""


def test_inspect_shows_a_queue(
    rediq: Rediq, busy: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    assert stable(rediq("queue", "inspect", "paused").out) == snapshot
    assert stable(rediq("queue", "show", "idle", "unroutable").out) == snapshot


def test_inspect_as_json_is_one_object_or_an_array(rediq: Rediq, busy: Desk) -> None:
    one = rediq("queue", "inspect", "idle", "--json").json
    two = rediq("queue", "inspect", "idle", "run", "--json").json

    assert isinstance(one, dict)
    assert one["name"] == "idle"
    assert isinstance(two, list)
    assert [queue["name"] for queue in two] == ["idle", "run"]


@pytest.mark.parametrize("state", ["pending", "active", "retry", "dead", "completed", "trash"])
def test_inspect_of_a_state_lists_its_tasks(
    state: str, rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    {
        "pending": desk.pending,
        "active": desk.active,
        "retry": desk.retry,
        "dead": desk.dead,
        "completed": desk.completed,
        "trash": desk.pending,
    }[state]("payment", 2)
    if state == "trash":
        desk.admin.flush(where("payment"), by="ada@host")

    ended = rediq("queue", "inspect", f"{state}:payment")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot


def test_inspect_of_retry_names_attempt_next_run_and_error(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.retry("payment", 1)

    heading, row = rediq("queue", "inspect", "retry:payment").out.splitlines()

    assert heading.split() == ["ID", "TYPE", "TRY", "DUE", "ERROR"]
    assert row.split()[:3] == [task_id, "mail", "1"]
    assert row.endswith("ValueError: no")


def test_inspect_says_how_many_are_left(rediq: Rediq, desk: Desk) -> None:
    desk.dead("payment", 3)

    ended = rediq("queue", "inspect", "dead:payment", "--limit", "2")

    assert len(ended.out.splitlines()) == 3
    assert ended.err == "scanned 2 of 3, 2 hits. More: --limit N\n"


def test_an_unknown_queue_exits_3_and_names_the_likely_one(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1)

    for words in (["inspect", "paymnt"], ["pause", "paymnt"], ["flush", "dead:paymnt"]):
        ended = rediq("queue", *words)

        assert (ended.code, ended.out) == (3, "")
        assert ended.err == (
            "E003 there is no queue paymnt.\n"
            "     A queue begins with its first task.\n"
            "     Did you mean payment?\n"
        )


def test_pause_and_resume_say_how_to_undo_them(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 3)

    paused = rediq("queue", "pause", "payment", "--reason", "bank", "--for", "30m")
    pause = desk.admin.queue("payment").pause
    resumed = rediq("queue", "resume", "payment")
    again = rediq("queue", "resume", "payment")

    assert (paused.code, paused.out) == (
        0,
        "paused payment for 30m (3 pending tasks kept); resume: rediq queue resume payment\n",
    )
    assert pause is not None
    assert (pause.reason, pause.until_ms - pause.since_ms > 29 * 60_000) == ("bank", True)
    assert (resumed.out, again.out) == ("resumed payment\n", "payment was not paused\n")
    assert desk.admin.queue("payment").pause is None


def test_pause_changes_nothing_if_one_queue_is_unknown(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1)

    assert rediq("queue", "pause", "payment", "sms").code == 3
    assert desk.admin.queue("payment").pause is None


def test_pause_of_many_is_one_json_value(rediq: Rediq, desk: Desk) -> None:
    desk.pending("a", 1)
    desk.pending("b", 1)

    assert rediq("queue", "pause", "a", "b", "--json").json == [
        {"name": "a", "paused": True},
        {"name": "b", "paused": True},
    ]
    assert rediq("queue", "resume", "a", "b", "-o", "ids").out == "a\nb\n"


def test_flush_takes_exactly_the_named_tasks(rediq: Rediq, desk: Desk, stable: Stable) -> None:
    dead = desk.dead("payment", 5)
    desk.pending("payment", 2)
    desk.dead("mail", 1)

    ended = rediq("queue", "flush", "dead:payment")

    assert ended.code == 0
    assert stable(ended.out) == (
        "flushed 5 tasks of dead:payment; in trash for 24 h, take back: rediq undo OPERATION\n"
    )
    payment = desk.admin.queue("payment").counts
    assert (payment[TaskState.DEAD], payment[TaskState.PENDING]) == (0, 2)
    assert payment[TaskState.TRASH] == len(dead)
    assert desk.admin.queue("mail").counts[TaskState.DEAD] == 1


def test_flush_of_a_queue_takes_its_pending_tasks(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 2)
    desk.dead("payment", 1)

    report = rediq("queue", "flush", "payment", "--json").json

    assert isinstance(report, dict)
    assert (report["selector"], len(report["moved"])) == (["pending:payment"], 2)
    assert desk.admin.queue("payment").counts[TaskState.DEAD] == 1


def test_flush_hard_asks_for_the_name_and_leaves_no_key(rediq: Rediq, desk: Desk) -> None:
    ids = desk.dead("payment", 2)

    refused = rediq("queue", "flush", "dead:payment", "--hard")
    wrong = rediq("queue", "flush", "dead:payment", "--hard", "--confirm", "mail")
    before = desk.admin.queue("payment").counts[TaskState.DEAD]
    done = rediq("queue", "flush", "dead:payment", "--hard", "--confirm", "payment")

    assert (refused.code, refused.out) == (5, "")
    assert refused.err.endswith(
        "E016 not confirmed: flush 2 tasks of dead:payment for good?\n"
        "     There is no terminal to ask on.\n"
        "     To go on: rediq queue flush dead:payment --hard --confirm payment\n"
    )
    assert (wrong.code, before) == (5, 2)
    assert (done.code, done.out) == (0, "flushed 2 tasks of dead:payment\n")
    log = (b"audit", b"events", b"requests")
    kept = {key: value for key, value in desk.everything().items() if not key.endswith(log)}
    assert not any(task_id in str(kept) for task_id in ids)


def test_flush_of_many_asks_for_the_name(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1_001)

    assert rediq("queue", "flush", "payment").code == 5
    assert rediq("queue", "flush", "payment", "--confirm", "payment").code == 0
    assert desk.admin.queue("payment").pending == 0


def test_flush_dry_run_counts_and_changes_nothing(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    desk.dead("payment", 5)
    before = desk.everything()

    ended = rediq("queue", "flush", "dead:payment", "--dry-run")
    as_json = rediq("queue", "flush", "dead:payment", "-n", "--json").json

    assert stable(ended.out) == snapshot
    assert isinstance(as_json, dict)
    assert (as_json["tasks"], as_json["by_state"], as_json["dry_run"]) == (5, {"dead": 5}, True)
    assert desk.everything() == before


def test_flush_of_running_tasks_names_the_verb_that_does(rediq: Rediq, desk: Desk) -> None:
    desk.active("payment", 1)

    ended = rediq("queue", "flush", "active:payment")

    assert ended.code == 1
    assert ended.err == (
        "E012 flush takes no active tasks, so nothing of active:payment was flushed.\n"
        "     Flush takes pending, delayed, retry, waiting, completed, dead, cancelled.\n"
        "     Cancel them first: rediq task cancel active:payment\n"
    )


@pytest.mark.parametrize(
    "words", [["pause", "payment"], ["resume", "payment"], ["flush", "payment"]]
)
def test_read_only_changes_nothing(words: list[str], rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1)
    before = desk.everything()

    ended = rediq("--read-only", "queue", *words)

    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("E016 ")
    assert desk.everything() == before
