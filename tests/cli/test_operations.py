"""`rediq op` and `rediq undo`, `task edit|export|import|reschedule|result`, and paced bulk work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from rediq_core.keys import global_key
from rediq_core.model.state import TaskState
from tests.cli.conftest import Rediq
from tests.support.cli import PROGRAM, clean_environment, in_terminal
from tests.support.desk import NAMESPACE, Desk, where
from tests.support.waiting import wait_until

Stable = Callable[[str], str]


def count(desk: Desk, state: str, queue: str = "mail") -> int:
    return desk.admin.queue(queue).counts[TaskState(state)]


# Undo and the record of operations.


def test_a_flush_is_taken_back_by_the_command_it_prints(
    rediq: Rediq, desk: Desk, stable: Stable
) -> None:
    desk.dead("mail", 3)

    flushed = rediq("queue", "flush", "dead:mail")
    command = flushed.out.rpartition("take back: rediq ")[2].split()
    undone = rediq(*command)

    assert stable(flushed.out) == (
        "flushed 3 tasks of dead:mail; in trash for 24 h, take back: rediq undo OPERATION\n"
    )
    assert (undone.code, undone.err) == (0, "")
    assert stable(undone.out) == "undid OPERATION: restored 3 tasks of flush dead:mail\n"
    assert count(desk, "dead") == 3


def test_undo_means_the_last_deletion_and_says_so_in_json(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)
    flushed = rediq("task", "delete", task_id, "--json").json

    undone = rediq("undo", "--json").json
    nothing = rediq("undo")

    assert isinstance(flushed, dict)
    assert isinstance(undone, dict)
    assert (undone["undoes"], undone["moved"]) == (flushed["operation"], [task_id])
    assert (nothing.code, nothing.out) == (3, "")
    assert "deleted nothing in the last 24 h" in nothing.err


def test_op_list_and_op_show(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    desk.dead("mail", 2)
    rediq("task", "retry", "dead:mail", "--yes", "--reason", "bank is back")

    listed = rediq("op", "list", "--json").json
    assert isinstance(listed, list)
    shown = rediq("op", "show", listed[0]["id"], "--json").json
    page = rediq("op", "show", listed[0]["id"][-8:])

    assert listed == [shown]
    assert isinstance(shown, dict)
    assert (shown["verb"], shown["state"], shown["moved"]) == ("retry", "done", 2)
    assert (shown["where"], shown["reason"]) == (["dead:mail"], "bank is back")
    assert stable(page.out.replace(shown["by"], "SOMEBODY")) == snapshot
    table = rediq("op", "list").out.replace(shown["by"], "SOMEBODY")
    assert stable(table) == snapshot
    assert rediq("op", "show", "NOSUCH").code == 3


def test_ctrl_c_ends_in_order_and_op_resume_goes_on(
    rediq: Rediq, desk: Desk, server: dict[str, str]
) -> None:
    ids = desk.dead("mail", 40)
    process = subprocess.Popen(
        [*PROGRAM, "task", "retry", "dead:mail", "--yes", "--rate", "60/s"],
        env=clean_environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: count(desk, "pending") > 0, "the first tasks are retried")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    left = count(desk, "dead")
    operation = err.split()[-1]

    resumed = rediq("op", "resume", operation, "--json")

    assert process.returncode == 130
    assert out == f"retried {40 - left} tasks of dead:mail\n"
    assert err.splitlines()[-1] == f"Stopped with {left} left. Go on: rediq op resume {operation}"
    assert 0 < left < 40
    report = resumed.json
    assert isinstance(report, dict)
    assert (resumed.code, len(report["moved"]), report["moved_in_all"]) == (0, left, 40)
    kinds = [[entry.kind for entry in desk.admin.task(task_id).timeline] for task_id in ids]
    assert all(story.count("retry") == 1 for story in kinds)
    assert rediq("op", "resume", operation).code == 1


def test_an_operation_whose_process_was_killed_is_said_to_be_broken_off(
    rediq: Rediq, desk: Desk
) -> None:
    desk.dead("mail", 2)
    operation = desk.admin.move("retry", where("dead:mail"), by="ada@host").operation
    key = global_key(NAMESPACE, "op", operation)
    desk.client.hset(key, mapping={"state": "running", "moved": 1})
    young = rediq("op", "show", operation).out
    desk.client.hset(key, "updated_ms", desk.server_ms() - 61_000)

    old, listed = rediq("op", "show", operation).out, rediq("op", "list").out

    assert "  state      running\n" in young
    assert "it runs; Ctrl-C ends it where it does" in young
    assert "  state      broken off\n" in old
    assert f"go on: rediq op resume {operation}\n" in old
    assert " broken off " in listed
    assert rediq("op", "resume", operation).code == 0


# Copies.


def test_saved_tasks_come_back_by_import(rediq: Rediq, desk: Desk, tmp_path: Path) -> None:
    ids = desk.dead("mail", 3)
    path = tmp_path / "dead.jsonl"
    words = ("task", "delete", "dead:mail", "--hard", "--confirm", "mail", "--save", str(path))

    deleted = rediq(*words)
    again = rediq("task", "import", str(path), "--yes")
    twice = rediq("task", "import", str(path), "--yes", "--json").json

    assert deleted.err.splitlines()[-1] == f"3 saved in {path}: rediq task import {path}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (again.code, again.out) == (0, "imported 3 tasks\n")
    assert [desk.admin.task(task_id).state for task_id in ids] == [TaskState.DEAD] * 3
    assert isinstance(twice, dict)
    assert (twice["imported"], sorted(twice["existing"])) == ([], sorted(ids))


def test_a_copy_replaces_no_file_and_nothing_is_done(
    rediq: Rediq, desk: Desk, tmp_path: Path
) -> None:
    desk.dead("mail", 1)
    path = tmp_path / "there.jsonl"
    path.write_text("precious")

    ended = rediq("queue", "flush", "dead:mail", "--save", str(path))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"E005 {path} is there already.\n")
    assert (path.read_text(), count(desk, "dead")) == ("precious", 1)


def test_export_writes_lines_with_payload_state_and_story(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.retry("mail", 1, max_retry=3)

    ended = rediq("task", "export", "retry:mail")

    row = json.loads(ended.out)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    assert (row["id"], row["state"], row["payload"], row["max_retry"]) == (
        task_id,
        "retry",
        {"n": 0},
        3,
    )
    assert [entry["kind"] for entry in row["timeline"]] == ["retry"]


def test_import_asks_and_tells_which_lines_it_cannot_read(rediq: Rediq, desk: Desk) -> None:
    lines = '{"type": "mail", "queue": "mail"}\nnonsense\n'

    refused = rediq("task", "import", "-", stdin=lines)
    done = rediq("task", "import", "-", "--yes", stdin=lines)

    assert (refused.code, refused.out) == (5, "")
    assert "To go on: rediq task import - --yes\n" in refused.err
    assert (done.code, done.out) == (1, "imported 1 task; 1 unreadable\n")
    assert "line 2: it is not JSON." in done.err
    assert count(desk, "pending") == 1


def test_a_dry_run_of_an_import_changes_nothing(rediq: Rediq, desk: Desk) -> None:
    before = desk.everything()

    ended = rediq("task", "import", "-", "--dry-run", stdin='{"type": "mail", "state": "dead"}\n')

    assert (ended.code, ended.out) == (0, "would import 1 task (1 dead)\n")
    assert desk.everything() == before


# One task.


def test_edit_and_retry(rediq: Rediq, desk: Desk, stable: Stable) -> None:
    (task_id,) = desk.dead("mail", 1)

    ended = rediq("task", "edit", task_id, "--payload", '{"n": 8}', "--retry")

    assert ended.code == 0
    assert stable(ended.out) == "edited ID1 and retried it\n"
    assert '+  "n": 8' in ended.err
    assert desk.admin.task(task_id).payload == {"n": 8}
    assert desk.admin.task(task_id).state is TaskState.PENDING


def test_edit_in_an_editor_asks_after_showing_the_difference(
    desk: Desk, server: dict[str, str], tmp_path: Path
) -> None:
    (task_id,) = desk.dead("mail", 1)
    editor = tmp_path / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/0/9/' \"$1\"\n")
    editor.chmod(0o700)
    environment = {**server, "EDITOR": str(editor)}

    no, _ = in_terminal("task", "edit", task_id, env=environment, answer="n")
    before = desk.admin.task(task_id).payload
    yes, screen = in_terminal("task", "edit", task_id, env=environment, answer="y")

    assert (no, before) == (5, {"n": 0})
    assert (yes, desk.admin.task(task_id).payload) == (0, {"n": 9})
    assert b'+  "n": 9' in screen


def test_edit_without_a_terminal_asks_for_the_payload(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)

    ended = rediq("task", "edit", task_id)

    assert (ended.code, ended.out) == (2, "")
    assert f"rediq task edit {task_id} --payload JSON\n" in ended.err


def test_reschedule_gives_another_time(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.pending("mail", 1, delay="1h")

    neither = rediq("task", "reschedule", task_id)
    ended = rediq("task", "reschedule", task_id, "--at", "2100-01-01T00:00Z")

    assert neither.code == 2
    assert (ended.code, ended.out) == (0, f"rescheduled 1 task of {task_id}\n")
    assert desk.admin.task(task_id).due_ms == 4_102_444_800_000


def test_result_prints_what_the_handler_returned(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.completed("mail", 1)
    (dead,) = desk.dead("mail", 1)
    (pending,) = desk.pending("mail", 1)

    assert (rediq("task", "result", task_id).code, rediq("task", "result", task_id).out) == (
        0,
        "null\n",
    )
    assert (rediq("task", "result", dead).code, rediq("task", "result", dead).out) == (1, "")
    assert rediq("task", "result", pending, "--timeout", "10ms").code == 6


@pytest.mark.parametrize(
    "words",
    [
        ["undo"],
        ["op", "resume", "op-x"],
        ["task", "edit", "ID", "--payload", "{}"],
        ["task", "import", "-", "--yes"],
        ["task", "reschedule", "delayed:mail", "--delay", "1h", "--yes"],
    ],
)
def test_read_only_changes_nothing(words: list[str], rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)
    desk.admin.move("delete", [task_id], by="ada@host")
    before = desk.everything()

    ended = rediq(*[task_id if word == "ID" else word for word in words], "--read-only", stdin="{}")

    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("E016 ")
    assert desk.everything() == before


def test_a_rate_that_is_none_is_refused(rediq: Rediq, desk: Desk) -> None:
    desk.dead("mail", 1)

    assert rediq("task", "retry", "dead:mail", "--yes", "--rate", "fast").code == 2
    assert count(desk, "dead") == 1
