"""A lane's counts: of a run in its minute and for the parent, in the minute the server is in."""

from __future__ import annotations

from typing import Any

from rediq_core.handlers.settings import Defaults
from rediq_core.keys import queue_key
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.history import bucket_of
from rediq_core.scripts.call import Space
from rediq_core.verbs.exchange import ExchangeReply
from rediq_core.worker.lanes import Lane, LanePlan
from tests.support.rig import RETENTION

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


class SetClock:
    """A clock that a test sets."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


def lane_with(clock: SetClock) -> Lane:
    plan = LanePlan("mail", 1, 0, Defaults(), RETENTION)
    return Lane(plan, 0, {}, Space("t"), ("w-1-a", 10_000), clock)


def reply_at(now_ms: int) -> ExchangeReply:
    reply: list[Any] = [1, now_ms, 0, 0, 0, 0, b"", b""]
    return ExchangeReply(reply, "mail", "w-1-a#1:1")


def minute_key(lane: Lane, clock: SetClock) -> str:
    return lane.request(1, clock.now_ms(), is_solo=False).keys[-1]


def test_counts_go_into_the_minute_the_server_is_in() -> None:
    clock = SetClock(100 * MINUTE_MS)
    lane = lane_with(clock)
    lane.request(1, clock.now_ms(), is_solo=False)
    lane.take(reply_at(clock.now_ms() + 5 * HOUR_MS), 1, 0.0)

    clock.ms += 3 * MINUTE_MS  # nothing was asked for a while

    assert minute_key(lane, clock) == queue_key("t", "mail", f"minute:{103 + 300}")


def test_an_answer_that_came_an_hour_late_does_not_move_the_minute() -> None:
    clock = SetClock(100 * MINUTE_MS)
    lane = lane_with(clock)
    lane.request(1, clock.now_ms(), is_solo=False)
    clock.ms += HOUR_MS  # Redis was away
    lane.take(reply_at(clock.now_ms()), 1, 0.0)

    assert minute_key(lane, clock) == queue_key("t", "mail", "minute:160")


def task() -> ClaimedTask:
    stored = b"1|50|1000|0|0||order:pay|||\n1"
    made = ClaimedTask("t1", "mail", stored, b"", "w#1:1", 3_500)
    assert (made.type, made.ready_ms) == ("order:pay", 1_000)
    return made


def test_a_run_is_counted_for_its_minute_and_for_the_parent() -> None:
    lane = lane_with(SetClock(0))

    lane.count_run(task(), 0.1234)
    lane.count_lost(task())

    assert lane.histogram == {f"r{bucket_of(123)}": 1, f"w{bucket_of(2_500)}": 1, "lost": 1}
    (row,) = lane.tallies.take()
    assert (row[0], sum(row[1]), sum(row[2]), row[3], row[4], row[7]) == (
        "order:pay",
        1,
        1,
        0.1234,
        2.5,
        1,
    )
    assert lane.tallies.take() == []


def test_a_marker_that_overtakes_a_reply_is_not_forgotten() -> None:
    lane = lane_with(SetClock(0))
    lane.request(1, 0, is_solo=False)

    lane.wake(is_marker=True)  # of a task that came after the request was answered
    lane.take(reply_at(1), 1, 0.0)

    assert lane.may_have


def test_a_marker_is_spent_by_the_next_request() -> None:
    lane = lane_with(SetClock(0))
    lane.wake(is_marker=True)

    lane.request(1, 0, is_solo=False)
    lane.take(reply_at(1), 1, 0.0)

    assert not lane.may_have
