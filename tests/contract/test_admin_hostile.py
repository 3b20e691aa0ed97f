"""Whatever lies in Redis, an operator can look at it: reading never fails for one damaged row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from tests.support.desk import Desk, where
from tests.support.rig import Rig

BYTES = b"\xff\xfe\x00\x1b[2J\x9b31m\r\n\xe2\x80\xae|||>>>"
DEEP = b"[" * 200_000
LINES = [
    BYTES,
    DEEP,
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"o":null,"t":"soon"}',
    b'{"o":"retry","a":"two","k":7,"c":[],"d":{},"w":1e999}',
    b'{"o":"retry","a":1e999,"t":NaN,"e":{},"m":[1],"b":true,"p":null}',
    b'{"o":"dead","a":-1,"t":-Infinity,"n":["who"]}',
    b'{"o":"completed","a":99999999999999999999999,"r":',
]
HEADERS = [
    b"",
    b"\n",
    BYTES,
    b"1|2\n{}",
    b"9|50|1|0|0||mail|||\n{}",
    b"1|x|y|z|0||mail|||\n{}",
    b"1|50|1|0|0||mail|||not json\n{}",
    b'1|50|1|0|0||mail|||{"x":[1],"d":7}\n{}',
    b'1|50|1|0|0||mail|||{"x":"text","d":[1,null]}\n{}',
    b'1|50|1|0|0||mail|||{"r":"three","b":[1,2]}\n{}',
    b"1|50|1|0|0||" + BYTES + b"|||\n" + DEEP,
]
SCRAPS = [b"", BYTES, DEEP, b"1|2", b"a|b|c", b"1e999|1|1", b"nowhere|x|y|z", b"NaN|NaN|NaN"]


def look(desk: Desk, task_id: str, state: str) -> TaskView:
    """Read one task in every way there is, and use what has to be decoded."""
    desk.admin.select(where("all payload.n:1 error:x worker:y older:0s attempts:0+ text:z"))
    desk.admin.counts(where("all type:*"))
    (in_page,) = desk.admin.page("mail", state).tasks
    view = desk.admin.task(task_id)
    assert view == in_page
    assert isinstance(view.error, str)
    assert dict(view.extra) == view.extra
    assert all(isinstance(parent, str) for parent in view.depends_on)
    return view


def plant(rig: Rig, task_id: str, **values: bytes) -> None:
    for name, value in values.items():
        rig.client.hset(rig.key(name), task_id, value)


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
@pytest.mark.parametrize("state", ["dead", "completed"])
def test_a_damaged_timeline_is_read_as_far_as_it_can_be(
    desk: Desk, line: bytes, state: str
) -> None:
    (task_id,) = getattr(desk, state)("mail", 1)
    good = b'{"o":"delete","t":5,"n":{"by":"ada"}}\n'
    plant(desk.queue("mail"), task_id, runs=line + b"\n" + good)

    view = look(desk, task_id, state)

    assert view.timeline[-1].note == "by=ada"
    assert all(isinstance(entry.attempt, int) for entry in view.timeline)


@pytest.mark.parametrize("stored", HEADERS, ids=range(len(HEADERS)))
def test_a_damaged_header_is_shown_and_not_raised(desk: Desk, stored: bytes) -> None:
    (task_id,) = desk.dead("mail", 1)
    plant(desk.queue("mail"), task_id, tasks=stored)

    view = look(desk, task_id, "dead")

    assert (view.id, view.state, view.queue) == (task_id, TaskState.DEAD, "mail")


@pytest.mark.parametrize("scrap", SCRAPS, ids=range(len(SCRAPS)))
def test_damaged_numbers_and_notes_are_left_out(desk: Desk, scrap: bytes) -> None:
    (task,) = desk.active("mail", 1)
    plant(
        desk.queue("mail"),
        task.id,
        tries=scrap,
        progress=scrap,
        claims=scrap,
        cancels=scrap,
        trashed=scrap,
    )

    view = look(desk, task.id, "active")

    assert (view.attempts, view.losses) in {(0, 0), (1, 2)}
    assert view.former_state is None


def test_a_place_without_its_task_is_shown(desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)
    rig = desk.queue("mail")
    desk.client.hdel(rig.key("tasks"), task_id)

    (view,) = desk.admin.page("mail", "dead").tasks

    assert (view.id, view.type, view.payload_json) == (task_id, "?", b"")


def test_ids_that_are_no_text_are_shown_and_left_by_a_flush(desk: Desk) -> None:
    rig = desk.queue("mail")
    ids = desk.dead("mail", 2)
    desk.client.zadd(rig.key("dead"), {BYTES: 1})

    report = desk.admin.flush(where("dead:mail"), by="ada", hard=True)

    assert sorted(report.moved) == ids
    assert list(report.skipped.values()) == ["unknown"]
    assert [task.id for task in desk.admin.page("mail", "dead").tasks] == list(report.skipped)


def test_damaged_policy_and_counters_do_not_hide_a_queue(desk: Desk) -> None:
    desk.pending("mail", 2)
    rig = desk.queue("mail")
    garbage: dict[str, Any] = {"paused": BYTES, "until": BYTES, "by": BYTES, "rate": DEEP[:50]}
    desk.client.hset(rig.key("policy"), mapping=garbage)
    desk.client.hset(rig.key("counters"), mapping={"enqueued": "many", BYTES: "1"})
    desk.client.hset(rig.key("minute"), mapping={"completed": "1e999", "failed": "x"})

    (queue,) = desk.admin.queues()

    assert queue.counts[TaskState.PENDING] == 2
    assert queue.lifetime["enqueued"] == 0
    assert (queue.done_per_s, queue.failed_per_s) == (0.0, 0.0)
    assert queue.pause is not None


def test_payloads_that_are_no_json_can_be_searched_and_flushed(desk: Desk) -> None:
    rig = desk.queue("mail")
    ids = desk.dead("mail", 2)
    for task_id, payload in zip(ids, (BYTES, DEEP), strict=True):
        plant(rig, task_id, tasks=b"1|50|1|0|0||mail|||\n" + payload)

    found = desk.admin.select(where("dead:mail text:31m"))
    report = desk.admin.flush(where("dead:mail text:31m"), by="ada", hard=True)

    assert [task.id for task in found.tasks] == ids[:1]
    assert report.moved == (ids[0],)
    assert rig.ids("dead") == ids[1:]


def test_what_operators_type_reaches_the_timeline_as_they_typed_it(desk: Desk) -> None:
    ids = desk.dead("mail", 1)
    reason = 'a "quoted"\nline, \x1b[31m and ünïcödé | > ,'

    report = desk.admin.move("retry", ids, by="ada|x@host", reason=reason)

    (entry,) = [entry for entry in desk.admin.task(ids[0]).timeline if entry.kind == "retry"]
    audit = desk.client.xrevrange(desk.queue("mail").key("audit"))[0][1]
    assert report.moved == tuple(ids)
    assert entry.note == f"by=ada|x@host why={reason}"
    assert json.loads(audit[b"by"]) == {"by": "ada|x@host", "why": reason}
