"""Tasks leave as lines and come back as they were; what is there stays as it is."""

from __future__ import annotations

import json

import pytest

from rediq_core.errors import InvalidOption, WrongState
from rediq_core.model.exported import parse_line
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from tests.support.desk import Desk, where

BY = "ada@host"
STATES = ("pending", "delayed", "retry", "dead", "completed", "cancelled")


def seed(desk: Desk, state: str) -> str:
    """Bring a task with every option into a state."""
    options = {"max_retry": 4, "timeout": "7s", "extra": {"tenant": "acme"}, "keep": "1h"}
    if state in ("retry", "dead", "completed"):
        return str(getattr(desk, state)("mail", 1, **options)[0])
    delay = "1h" if state == "delayed" else None
    (task_id,) = desk.pending("mail", 1, unique_key="k", delay=delay, **options)
    if state == "cancelled":
        desk.admin.move("cancel", [task_id], by=BY)
    return task_id


def essence(task: TaskView) -> dict[str, object]:
    """Return what an import brings back: all but the line that says so."""
    names = ("id", "type", "queue", "state", "priority", "payload_json", "attempts", "place_ms")
    more = ("due_ms", "finished_ms", "timeout_ms", "max_retry", "unique_key", "extra", "error")
    story = [entry.kind for entry in task.timeline if entry.kind != "imported"]
    result = {"story": story, "result": task.result}
    return {**{name: getattr(task, name) for name in (*names, *more)}, **result}


def lines_of(desk: Desk, selector: str) -> list[str]:
    return [line.decode() for line in desk.admin.transfers.export(where(selector))]


@pytest.mark.parametrize("state", STATES)
def test_an_exported_task_comes_back_as_it_was(desk: Desk, state: str) -> None:
    task_id = seed(desk, state)
    before = desk.admin.task(task_id)
    (line,) = lines_of(desk, f"{state}:mail")
    desk.admin.move("delete", [task_id], by=BY, hard=True)

    report = desk.admin.transfers.import_rows([parse_line(line)], by=BY)

    assert (report.imported, report.existing, report.refused) == ([task_id], [], [])
    after = desk.admin.task(task_id)
    assert essence(after) == essence(before)
    assert after.timeline[-1].kind == "imported"


def test_a_dead_task_comes_back_with_its_cause(desk: Desk) -> None:
    task_id = seed(desk, "retry")
    rig = desk.queue("mail")
    causes, errors = rig.hash("causes"), rig.ids("errors")
    (line,) = lines_of(desk, "retry:mail")
    desk.admin.move("delete", [task_id], by=BY, hard=True)
    assert rig.hash("causes") == {}

    desk.admin.transfers.import_rows([parse_line(line)], by=BY)

    assert (rig.hash("causes"), rig.ids("errors")) == (causes, errors)


def test_known_ids_and_taken_keys_are_reported_and_left(desk: Desk) -> None:
    (owner,) = desk.pending("mail", 1, unique_key="k")
    (line,) = lines_of(desk, "pending:mail")
    other = json.dumps({"id": "other", "type": "mail", "queue": "mail", "unique_key": "k"})

    rows = [parse_line(line), parse_line(other)]
    report = desk.admin.transfers.import_rows(rows, by=BY)

    assert (report.imported, report.existing, report.refused) == ([], [owner], ["other"])


def test_an_import_says_how_far_it_is(desk: Desk) -> None:
    rows = [parse_line(json.dumps({"type": "mail", "queue": f"q{n % 2}"})) for n in range(1_200)]
    told: list[tuple[int, int]] = []

    desk.admin.transfers.import_rows(rows, by=BY, on_progress=lambda *far: told.append(far))

    assert told == [(500, 1_200), (600, 1_200), (1_100, 1_200), (1_200, 1_200)]


def test_a_line_needs_only_a_type_and_makes_the_queue(desk: Desk) -> None:
    row = parse_line('{"type": "mail:send", "queue": "fresh", "payload": {"to": 7}}')

    (task_id,) = desk.admin.transfers.import_rows([row], by=BY).imported

    task = desk.admin.task(task_id)
    assert (task.queue, task.state, task.payload) == ("fresh", TaskState.PENDING, {"to": 7})
    assert "fresh" in desk.admin.queue_names()


@pytest.mark.parametrize("payload", [b'{"a":1.50,"b":"\xc3\xa9"}', b"\xff not JSON", b"[ 1 ]"])
def test_a_payload_comes_back_byte_for_byte(desk: Desk, payload: bytes) -> None:
    (task_id,) = desk.pending("mail", 1)
    tasks = desk.queue("mail").key("tasks")
    stored = bytes(desk.client.hget(tasks, task_id) or b"")
    desk.client.hset(tasks, task_id, stored.partition(b"\n")[0] + b"\n" + payload)
    (line,) = lines_of(desk, "pending:mail")
    desk.admin.move("delete", [task_id], by=BY, hard=True)

    desk.admin.transfers.import_rows([parse_line(line)], by=BY)

    assert line.isascii()
    assert desk.admin.task(task_id).payload_json == payload


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"type": "a b"}', '{"type": "m", "state": "x"}', '{"type": "m", "id": 7}'],
)
def test_what_is_no_task_is_refused(line: str) -> None:
    with pytest.raises(InvalidOption):
        parse_line(line)


def test_an_edited_task_keeps_all_but_its_payload(desk: Desk) -> None:
    task = desk.admin.task(seed(desk, "dead"))

    desk.admin.edit(task, {"to": 8}, by=BY, reason="typing error")

    after = desk.admin.task(task.id)
    assert after.payload == {"to": 8}
    assert {**essence(after), "payload_json": b"", "story": []} == {
        **essence(task),
        "payload_json": b"",
        "story": [],
    }
    assert (after.timeline[-1].kind, after.timeline[-1].note) == (
        "edit",
        "by=ada@host why=typing error",
    )


def test_an_edit_of_what_was_seen_before_another_edit_is_refused(desk: Desk) -> None:
    seen = desk.admin.task(seed(desk, "dead"))
    desk.admin.edit(seen, {"to": 8}, by=BY)

    with pytest.raises(WrongState, match="was changed meanwhile"):
        desk.admin.edit(seen, {"to": 9}, by=BY)
    assert desk.admin.task(seen.id).payload == {"to": 8}


def test_a_running_task_is_not_edited(desk: Desk) -> None:
    (claimed,) = desk.active("mail", 1)

    with pytest.raises(WrongState, match="is active"):
        desk.admin.edit(desk.admin.task(claimed.id), {}, by=BY)
