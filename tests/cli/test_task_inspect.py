"""`rediq task inspect` shows a task's place, its whole story, and the tasks around it."""

from __future__ import annotations

from collections.abc import Callable

from syrupy.assertion import SnapshotAssertion

from rediq_core.client import SyncClient
from rediq_core.model.task import Task
from rediq_core.verbs.progress import ProgressReport, report_progress
from tests.cli.conftest import Rediq
from tests.support.desk import NAMESPACE, Desk, worker_row
from tests.support.rig import completed, failed

Stable = Callable[[str], str]


def test_a_pending_task_shows_its_place_in_line(rediq: Rediq, desk: Desk) -> None:
    _, second = desk.pending("mail", 2)
    desk.announce(worker_row())

    page = rediq("task", "inspect", second).out
    record = rediq("task", "inspect", second, "--json").json

    (line,) = [line for line in page.splitlines() if " in line" in line]
    assert line.endswith(" 2 of 2")
    assert isinstance(record, dict)
    assert record["place"] == {"position": 2, "total": 2, "eta_ms": None}


def test_the_story_has_runs_operators_and_what_goes_on(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    rig = desk.queue("mail")
    rig.put(Task("mail", {"n": 1}, queue="mail"))
    worker = rig.worker("w-1-a#1")
    (first,) = worker.claim(1)
    worker.settle(failed(first, 60_000))
    desk.admin.move("retry", [first.id], by="ada@host", reason="bank is up")
    (again,) = worker.claim(1)
    report = ProgressReport(again.id, again.token, 40, "contacting bank")
    rig.executor.run(report_progress(rig.space, "mail", [report]))
    desk.admin.move("cancel", [first.id], by="bob@host", reason="wrong order")

    ended = rediq("task", "inspect", first.id)

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot


def test_parents_and_children_are_named_with_their_states(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    first: Task[object] = Task("video", queue="video")
    second: Task[object] = Task("video", queue="video")
    middle: Task[object] = Task("mail", queue="mail", depends_on=[first, second])
    last: Task[object] = Task("sms", queue="sms", depends_on=middle)
    with SyncClient(desk.url, namespace=NAMESPACE) as client:
        for task in (first, second, middle, last):
            client.enqueue(task)
    worker = desk.queue("video").worker()
    worker.settle(completed(worker.claim(1)[0]))

    page = rediq("task", "inspect", middle.id).out
    record = rediq("task", "inspect", middle.id, "--json").json

    assert stable(page) == snapshot
    assert isinstance(record, dict)
    assert [(parent["id"], parent["state"]) for parent in record["parents"]] == [
        (first.id, "completed"),
        (second.id, "pending"),
    ]
    assert record["children"] == [
        {"id": last.id, "queue": "sms", "type": "sms", "state": "waiting"}
    ]
    assert record["more_children"] is False


def test_a_parent_that_is_not_known_any_more_is_said_to_be(rediq: Rediq, desk: Desk) -> None:
    child: Task[object] = Task("mail", queue="mail", depends_on="gone-parent")
    desk.queue("mail").put(child)

    assert "  gone-parent  is not known any more\n" in rediq("task", "inspect", child.id).out
