"""`Admin.history`: what really happened, of every queue, in bounded round trips."""

from __future__ import annotations

import pytest

from rediq_core import SyncClient, Task
from rediq_core.admin import connect
from rediq_core.errors import InvalidOption, QueueNotFound
from rediq_core.model.history import DAY_MS, HOUR_MS, MINUTE_MS, merge_histories
from tests.support.desk import Desk


@pytest.fixture
def busy(desk: Desk) -> Desk:
    desk.completed("mail", 7)
    desk.retry("mail", 3)
    desk.dead("slow", 2)
    return desk


@pytest.mark.parametrize("range_ms", [MINUTE_MS, HOUR_MS, DAY_MS, 8 * DAY_MS, 90 * DAY_MS])
def test_it_says_what_happened_at_every_range(busy: Desk, range_ms: int) -> None:
    mail, slow = busy.admin.history(range_ms=range_ms)

    totals = [(h.queue, h.total.enqueued, h.total.completed, h.total.failed) for h in (mail, slow)]
    assert totals == [("mail", 10, 7, 3), ("slow", 2, 0, 2)]
    assert (mail.total.retried, slow.total.dead) == (3, 2)
    both = merge_histories([mail, slow])
    assert (both.total.enqueued, both.total.done) == (12, 12)


def test_buckets_end_now_and_begin_where_the_range_does(busy: Desk) -> None:
    (mail,) = busy.admin.history(["mail"], HOUR_MS)

    assert len(mail.points) == 61
    assert mail.to_ms - mail.from_ms <= 61 * MINUTE_MS
    assert abs(mail.to_ms - busy.server_ms()) < 60_000
    assert [point.at_ms for point in mail.points] == [
        mail.from_ms + n * MINUTE_MS for n in range(61)
    ]


def test_durations_come_with_it(desk: Desk) -> None:
    rig = desk.queue("mail")
    rig.worker().exchange(0, histogram="r0 50 r24 50 w3 10")

    (mail,) = desk.admin.history(["mail"])

    assert (mail.total.run.total, mail.total.wait.total) == (100, 10)
    assert mail.total.run.quantile_ms(0.5) == 0
    assert mail.total.run.quantile_ms(0.99) == pytest.approx(150, abs=10)


def test_a_queue_that_did_nothing_has_zeros(desk: Desk) -> None:
    desk.queue("idle")

    (idle,) = desk.admin.history()

    assert set(idle.series("enqueued")) == {0}
    assert idle.total.run.quantile_ms(0.95) is None


def test_an_unknown_queue_and_a_wrong_range_are_refused(busy: Desk) -> None:
    with pytest.raises(QueueNotFound):
        busy.admin.history(["mial"])
    with pytest.raises(InvalidOption):
        busy.admin.history(range_ms=1)
    with pytest.raises(InvalidOption):
        busy.admin.history(range_ms=HOUR_MS, step_ms=1_000)


def test_no_queue_is_no_history(desk: Desk) -> None:
    assert desk.admin.history() == []


@pytest.mark.cluster
def test_queues_of_many_slots_are_read_together(cluster_url: str) -> None:
    names = [f"q{number}" for number in range(5)]
    with SyncClient(cluster_url) as client:
        client.enqueue_many([Task("mail", queue=name) for name in names])

    with connect(cluster_url) as admin:
        histories = admin.history(range_ms=8 * DAY_MS)

    assert [(history.queue, history.total.enqueued) for history in histories] == [
        (name, 1) for name in names
    ]
