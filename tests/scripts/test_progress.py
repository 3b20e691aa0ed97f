"""progress.lua: what a handler says is kept while its token holds."""

from __future__ import annotations

from rediq_core.model.task import Task
from rediq_core.model.views import Progress
from rediq_core.verbs.progress import MAX_MESSAGE, ProgressReport, report_progress
from tests.support.rig import START_MS, Rig


def report(rig: Rig, *reports: ProgressReport) -> int:
    return rig.executor.run(report_progress(rig.space, rig.queue, reports))


def test_a_report_is_seen_with_its_time(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    (task,) = rig.worker().claim(1)
    rig.advance(20)

    assert report(rig, ProgressReport("t1", task.token, 12.5, "half | way")) == 1

    assert rig.task("t1").progress == Progress(12.5, "half | way", START_MS + 20)


def test_a_later_report_replaces_the_first(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    (task,) = rig.worker().claim(1)
    report(rig, ProgressReport("t1", task.token, 10, "a"), ProgressReport("t1", task.token, 20, ""))

    assert rig.task("t1").progress == Progress(20, "", START_MS)


def test_only_reports_whose_token_holds_are_kept(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    first, second = rig.worker().claim(2)

    kept = report(
        rig,
        ProgressReport("t1", "other#1:1", 10, ""),
        ProgressReport("t2", second.token, 10, ""),
        ProgressReport("nope", first.token, 10, ""),
    )

    assert kept == 1
    assert list(rig.hash("progress")) == ["t2"]


def test_nothing_to_report_does_nothing(rig: Rig) -> None:
    assert report(rig) == 0
    assert rig.dump() == {}


def test_long_words_are_cut(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    (task,) = rig.worker().claim(1)

    report(rig, ProgressReport("t1", task.token, 1, "x" * 10_000))

    progress = rig.task("t1").progress
    assert progress is not None
    assert len(progress.message) == MAX_MESSAGE
