"""`rediq events` shows what happened, and follows what happens until it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

from syrupy.assertion import SnapshotAssertion

from tests.cli.conftest import Rediq
from tests.support.cli import PROGRAM, ROOT, clean_environment
from tests.support.desk import Desk
from tests.support.rig import completed

Stable = Callable[[str], str]


def test_the_last_events(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    (bad,) = desk.dead("payment", 1)
    desk.admin.pause("payment", "ada@host", "bank is down")
    desk.admin.move("delete", [bad], by="bob@host", reason="old")

    ended = rediq("events")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot


def test_json_is_an_array_and_jsonl_a_line_each(rediq: Rediq, desk: Desk) -> None:
    (bad,) = desk.dead("payment", 1)

    array = rediq("events", "payment", "--json").json
    lines = rediq("events", "payment", "-o", "jsonl").out.splitlines()

    assert isinstance(array, list)
    assert [json.loads(line) for line in lines] == array
    assert {**array[0], "at": None} == {
        "at": None,
        "queue": "payment",
        "kind": "dead",
        "id": bad,
        "type": "mail",
        "worker": None,
        "by": None,
        "count": None,
        "detail": "ValueError: no",
    }
    assert rediq("events", "payment", "-o", "ids").out == f"{bad}\n"


def test_no_events_say_how_to_see_more(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1)

    ended = rediq("events")

    assert (ended.code, ended.out.split()) == (0, ["TIME", "KIND", "QUEUE", "TYPE", "ID", "DETAIL"])
    assert ended.err == "Nothing is noted. To see every transition: rediq events --follow\n"


def test_following_streams_each_transition_until_ctrl_c(server: dict[str, str], desk: Desk) -> None:
    rig = desk.queue("payment")
    (bad,) = desk.dead("payment", 1)
    follower = subprocess.Popen(
        [*PROGRAM, "events", "payment", "-f", "-o", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(server),
        cwd=ROOT,
        # A shell's background job, as the tests may be, ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert follower.stdout is not None
    with follower:
        # The first line says that it looks, and so that every transition is noted from now on.
        assert json.loads(follower.stdout.readline())["id"] == bad
        (task_id,) = desk.pending("payment", 1)
        worker = rig.worker()
        for task in worker.claim(1):
            worker.settle(completed(task))
        lines = [json.loads(follower.stdout.readline()) for _ in range(3)]
        follower.send_signal(signal.SIGINT)
        _, err = follower.communicate(timeout=10)

    assert [(line["kind"], line["id"]) for line in lines] == [
        ("enqueued", task_id),
        ("started", task_id),
        ("completed", task_id),
    ]
    assert lines[1]["worker"] == "w#1"
    assert (follower.returncode, err) == (130, "")
