"""What a schedule may be, when its jitter moves it, and what is done about missed due times."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidCron, InvalidOption
from rediq_core.model.schedule import (
    GRACE_MS,
    MAX_CAUGHT_UP,
    MAX_COUNTED,
    Decision,
    Misfire,
    Schedule,
    Timetable,
    decide,
    occurrence_id,
)
from rediq_core.model.task import Task

NOON_MS = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 1000
MINUTE_MS = 60_000
EACH_MINUTE = Timetable("tick", "* * * * *", "UTC", 0)
EACH_SECOND = Timetable("tick", "* * * * * *", "UTC", 0)


def epochs(decision: Decision) -> list[int]:
    return [(due_ms - NOON_MS) // 1000 for due_ms in decision.fires]


@pytest.mark.parametrize("misfire", Misfire)
def test_what_is_late_by_less_than_the_grace_fires_whatever_the_policy(misfire: Misfire) -> None:
    decision = decide(EACH_SECOND, misfire, NOON_MS, NOON_MS + GRACE_MS)

    assert (epochs(decision), decision.missed, decision.is_late) == (list(range(11)), 0, False)


@pytest.mark.parametrize(
    ("misfire", "fires", "missed"),
    [
        (Misfire.RUN_ONCE, [600], 10),
        (Misfire.SKIP, [], 11),
        (Misfire.CATCH_UP, [60 * minute for minute in range(11)], 0),
    ],
)
def test_ten_minutes_without_a_scheduler(misfire: Misfire, fires: list[int], missed: int) -> None:
    decision = decide(EACH_MINUTE, misfire, NOON_MS, NOON_MS + 10 * MINUTE_MS + 5_000)

    assert (epochs(decision), decision.missed) == (fires, missed)
    assert (decision.upto, decision.is_late) == (NOON_MS // 1000 + 600, True)


def test_catching_up_makes_up_for_the_last_hundred() -> None:
    decision = decide(EACH_SECOND, Misfire.CATCH_UP, NOON_MS, NOON_MS + 600_000)

    assert epochs(decision) == list(range(501, 601))
    assert (decision.missed, MAX_CAUGHT_UP) == (501, 100)


def test_a_year_of_seconds_is_not_counted_to_its_end() -> None:
    decision = decide(EACH_SECOND, Misfire.SKIP, NOON_MS - 365 * 86_400_000, NOON_MS)

    assert (decision.fires, decision.missed) == ((), MAX_COUNTED)


def test_a_due_time_that_the_expression_does_not_have_decides_nothing() -> None:
    decision = decide(EACH_MINUTE, Misfire.RUN_ONCE, NOON_MS + 1, NOON_MS + 2)

    assert decision == Decision((), 0, -1, is_late=False)


@given(st.text("abcdef", min_size=1, max_size=20), st.integers(0, 86_400_000))
def test_jitter_moves_every_due_time_by_the_same_part_of_it(name: str, jitter_ms: int) -> None:
    moved = Timetable(name, "*/7 * * * *", "Europe/Vienna", jitter_ms)
    exact = Timetable(name, "*/7 * * * *", "Europe/Vienna", 0)

    due = list(islice(moved.upcoming(NOON_MS + moved.shift_ms), 5))

    assert 0 <= moved.shift_ms <= jitter_ms
    assert due == [at + moved.shift_ms for at in islice(exact.upcoming(NOON_MS), 5)]
    assert moved.next_after(NOON_MS + moved.shift_ms) == due[0]
    assert moved.latest(due[0], due[-1], 10) == due
    assert [moved.epoch(at) for at in due] == [exact.epoch(at - moved.shift_ms) for at in due]


def test_jitter_spreads_schedules_of_one_time() -> None:
    shifts = {Timetable(f"job-{n}", "@hourly", "UTC", 3_600_000).shift_ms for n in range(100)}

    assert len(shifts) == 100
    assert max(shifts) - min(shifts) > 3_000_000


def test_an_occurrence_is_named_by_the_second_that_the_expression_says() -> None:
    timetable = Timetable("nightly", "@hourly", "UTC", 60_000)
    due_ms = timetable.next_after(NOON_MS + timetable.shift_ms)

    expected = f"cron:nightly:{(NOON_MS + 3_600_000) // 1000}"
    assert occurrence_id("nightly", timetable.epoch(due_ms)) == expected


@pytest.mark.parametrize(
    "change", [{"cron": "@daily"}, {"timezone": "Europe/Vienna"}, {"jitter": 5}, {"queue": "other"}]
)
def test_timing_is_another_for_another_time_zone_jitter_or_queue(change: dict[str, Any]) -> None:
    options: dict[str, Any] = {"cron": "@hourly", "timezone": "UTC", "jitter": 0, "queue": "q"}

    def timing(**made: Any) -> str:
        task: Task[object] = Task("tick", made.pop("payload", None), queue=made.pop("queue"))
        return Schedule.of("tick", made.pop("cron"), task, **made).timing

    assert timing(**options) == timing(**options, payload={"n": 2}, misfire="skip", overlap="allow")
    assert timing(**options) != timing(**{**options, **change})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"misfire": "sometimes"}, "none of run_once, skip, catch_up"),
        ({"overlap": "maybe"}, "none of skip, allow"),
        ({"jitter": "long"}, "is not a duration"),
        ({"task": Task("tick", depends_on="x")}, "depends_on of schedule tick was refused"),
        ({"task": Task("tick", group="g")}, "group of schedule tick was refused"),
        ({"task": Task("tick", at=datetime(2027, 1, 1, tzinfo=UTC))}, "at of schedule tick"),
        ({"task": Task("tick", unique_key="k", on_duplicate="replace")}, "on_duplicate replace"),
        ({"name": "no spaces"}, "schedule name"),
    ],
)
def test_what_a_schedule_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    given_options: dict[str, Any] = {"name": "tick", "task": Task("tick"), **options}
    name, task = given_options.pop("name"), given_options.pop("task")

    with pytest.raises(InvalidOption, match=words):
        Schedule.of(name, "@hourly", task, **given_options)


def test_a_schedule_that_never_fires_is_refused() -> None:
    with pytest.raises(InvalidCron):
        Schedule.of("tick", "0 0 30 2 *", Task("tick"))
