"""roll.lua and read_history.lua: what a minute counted is in its hour and day once."""

from __future__ import annotations

import asyncio
import random
import re

import pytest
import redis

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import InvalidOption
from rediq_core.keys import MINUTE_TTL_S, minute_of
from rediq_core.model.history import DAY_MS, HOUR_MS, MINUTE_MS
from rediq_core.model.task import Task
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.scripts.loader import load
from rediq_core.verbs.history import (
    KEPT,
    Rolled,
    assemble,
    first_reads,
    parse_counts,
    read_history,
    roll,
    span_of,
    tail_reads,
)
from rediq_core.worker.rolling import AGAIN, MOST_MINUTES, roll_minutes
from tests.support.rig import START_MS, Rig, completed

START_MINUTE = minute_of(START_MS)


def roll_once(rig: Rig, minute: int) -> Rolled:
    return rig.executor.run(roll(rig.space, rig.queue, minute))


def count(rig: Rig, minute: int, **counts: int) -> None:
    """Add to a minute as the scripts do."""
    key = rig.key(f"minute:{minute}")
    for name, number in counts.items():
        rig.client.hincrby(key, name, number)
    rig.client.expire(key, MINUTE_TTL_S)


def rolled(rig: Rig, table: str) -> dict[str, dict[str, int]]:
    rows: dict[bytes, bytes] = rig.client.hgetall(rig.key(table))
    return {name.decode(): parse_counts(text) for name, text in rows.items() if name != b"rolled"}


def test_a_minute_is_added_to_its_hour_and_day(rig: Rig) -> None:
    count(rig, START_MINUTE, enqueued=5, completed=3, r7=3)
    rig.advance(MINUTE_MS)

    outcome = roll_once(rig, START_MINUTE)

    sums = {"enqueued": 5, "completed": 3, "r7": 3}
    assert (outcome.is_over, outcome.has_moved) == (True, True)
    assert rolled(rig, "hours") == {str(START_MINUTE // 60): sums}
    assert rolled(rig, "days") == {str(START_MINUTE // 1_440): sums}


def test_minutes_of_one_hour_add_up(rig: Rig) -> None:
    first = START_MINUTE // 60 * 60
    for minute in range(first, first + 60):
        count(rig, minute, completed=2, w3=1)
    rig.now_ms = (first + 60) * MINUTE_MS

    for minute in range(first, first + 60):
        roll_once(rig, minute)

    assert rolled(rig, "hours") == {str(first // 60): {"completed": 120, "w3": 60}}


def test_a_repeat_adds_nothing(rig: Rig) -> None:
    count(rig, START_MINUTE, completed=3)
    rig.advance(MINUTE_MS)
    roll_once(rig, START_MINUTE)
    before = rig.dump()

    again = roll_once(rig, START_MINUTE)

    assert (again.is_over, again.has_moved) == (True, False)
    assert rig.dump() == before


def test_what_is_counted_late_is_added_once(rig: Rig) -> None:
    count(rig, START_MINUTE, completed=3, r1=3)
    rig.advance(MINUTE_MS)
    roll_once(rig, START_MINUTE)
    count(rig, START_MINUTE, completed=2, dead=1, r1=2)

    outcomes = [roll_once(rig, START_MINUTE).has_moved for _ in range(3)]

    assert outcomes == [True, False, False]
    sums = {"completed": 5, "dead": 1, "r1": 5}
    assert rolled(rig, "hours") == {str(START_MINUTE // 60): sums}


def test_a_minute_that_still_runs_is_left_alone(rig: Rig) -> None:
    count(rig, START_MINUTE, completed=3)
    before = rig.dump()

    outcomes = [roll_once(rig, minute) for minute in (START_MINUTE, START_MINUTE + 10)]

    assert [outcome.is_over for outcome in outcomes] == [False, False]
    assert rig.dump() == before


def test_a_rolled_minute_keeps_its_life(rig: Rig) -> None:
    count(rig, START_MINUTE, completed=3)
    rig.advance(MINUTE_MS)

    roll_once(rig, START_MINUTE)

    assert 0 < rig.client.ttl(rig.key(f"minute:{START_MINUTE}")) <= MINUTE_TTL_S


def test_the_mark_moves_over_neighbours_only(rig: Rig) -> None:
    rig.advance(10 * MINUTE_MS)
    oldest = minute_of(rig.now_ms) - 1_560

    marks = [roll_once(rig, minute).mark for minute in (oldest + 1, oldest + 5, oldest + 2)]

    assert marks == [oldest + 1, oldest + 1, oldest + 2]


def test_hours_and_days_over_their_time_are_dropped(rig: Rig) -> None:
    for hour in range(300):
        minute = START_MINUTE + hour * 60
        count(rig, minute, completed=1)
        rig.now_ms = (minute + 1) * MINUTE_MS
        roll_once(rig, minute)
    for day in range(110):
        minute = START_MINUTE + (20 + day) * 1_440
        count(rig, minute, completed=1)
        rig.now_ms = (minute + 1) * MINUTE_MS
        roll_once(rig, minute)

    hours, days = rolled(rig, "hours"), rolled(rig, "days")
    assert len(hours) <= KEPT[HOUR_MS] + 8
    assert min(map(int, hours)) > (START_MINUTE // 60) + 299 - KEPT[HOUR_MS] - 9
    assert KEPT[DAY_MS] <= len(days) <= KEPT[DAY_MS] + 8


def test_the_script_keeps_what_readers_may_ask_for() -> None:
    found = re.search(r"MINUTES_KEPT, HOURS_KEPT, DAYS_KEPT = (.+)", load("roll").body)

    assert found is not None
    kept = [int(number) for number in found[1].split(", ")]
    assert kept == [MINUTE_TTL_S // 60, KEPT[HOUR_MS], KEPT[DAY_MS]]


def test_real_traffic_is_counted_once_in_minutes_and_hours(rig: Rig) -> None:
    worker = rig.worker()
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    (task,) = worker.claim(1)
    worker.settle(completed(task), histogram="r5 1 w9 1")
    rig.advance(MINUTE_MS)
    roll_once(rig, START_MINUTE)

    sums = {"enqueued": 2, "completed": 1, "r5": 1, "w9": 1}
    assert rolled(rig, "hours") == {str(START_MINUTE // 60): sums}
    assert rig.view().lifetime["completed"] == 1


# The chore that does it.


@pytest.fixture
async def executor(redis_url: str) -> AsyncExecutor:
    return AsyncExecutor(AsyncLink(parse_url(redis_url)))


async def test_two_sweepers_at_once_count_every_minute_once(
    rig: Rig, executor: AsyncExecutor
) -> None:
    rng = random.Random(3)
    for minute in range(START_MINUTE, START_MINUTE + 200):
        count(rig, minute, completed=rng.randint(1, 9))
    total = sum(
        int(rig.client.hget(rig.key(f"minute:{m}"), "completed") or 0)
        for m in range(START_MINUTE, START_MINUTE + 200)
    )
    rig.now_ms = (START_MINUTE + 200) * MINUTE_MS
    for _ in range(6):
        await asyncio.gather(*(roll_minutes(executor, rig.space, rig.queue) for _ in range(2)))
    await executor.link.aclose()

    for table in ("hours", "days"):
        assert sum(row["completed"] for row in rolled(rig, table).values()) == total
    assert rig.hash("hours")["rolled"] == str(START_MINUTE + 199)


async def test_a_sweep_catches_up_in_bounded_turns_and_then_rests(
    rig: Rig, executor: AsyncExecutor
) -> None:
    count(rig, START_MINUTE, completed=1)
    rig.now_ms = (START_MINUTE + 1_000) * MINUTE_MS

    moved = [await roll_minutes(executor, rig.space, rig.queue) for _ in range(5)]
    count(rig, START_MINUTE + 1_000 - AGAIN, completed=1)
    late = await roll_minutes(executor, rig.space, rig.queue)
    await executor.link.aclose()

    assert sum(moved) == 1
    assert moved[0] == 0  # the oldest come first, MOST_MINUTES of them
    assert MOST_MINUTES < 1_000
    assert late == 1


async def test_a_clock_of_ours_that_is_ahead_rolls_nothing_too_early(
    rig: Rig, executor: AsyncExecutor, redis_client: redis.Redis
) -> None:
    this = minute_of(SYSTEM_CLOCK.now_ms())
    count(rig, this + 1, completed=1)

    outcome = await executor.run(roll(Space(rig.namespace), rig.queue, this + 1))
    await executor.link.aclose()

    assert not outcome.is_over
    assert rolled(rig, "hours") == {}


# Reading it back.


def read(rig: Rig, range_ms: int, step_ms: int | None = None) -> dict[int, int]:
    """Return bucket number to completed tasks, as `Admin.history` puts them together."""
    span = span_of(rig.now_ms, range_ms, step_ms)
    found = [rig.executor.run(call) for call in first_reads(rig.space, rig.queue, span, rig.now_ms)]
    tail = tail_reads(rig.space, rig.queue, span, found, rig.now_ms)
    found += [rig.executor.run(call) for call in tail]
    history = assemble(rig.queue, span, found, rig.now_ms)
    assert history.from_ms == span.first * span.step_ms
    return {point.at_ms // span.step_ms: point.completed for point in history.points}


def test_an_hour_is_read_in_minutes_without_gaps(rig: Rig) -> None:
    count(rig, START_MINUTE, completed=1)
    count(rig, START_MINUTE + 60, completed=4)
    count(rig, START_MINUTE + 33, completed=2)
    rig.now_ms = (START_MINUTE + 60) * MINUTE_MS + 20_000

    points = read(rig, HOUR_MS)

    assert list(points) == list(range(START_MINUTE, START_MINUTE + 61))
    assert {minute: n for minute, n in points.items() if n} == {
        START_MINUTE: 1,
        START_MINUTE + 33: 2,
        START_MINUTE + 60: 4,
    }


@pytest.mark.parametrize("range_ms", [MINUTE_MS, 2 * MINUTE_MS, 7 * MINUTE_MS])
def test_short_ranges_have_a_bucket_more_than_they_are_long(rig: Rig, range_ms: int) -> None:
    assert len(read(rig, range_ms)) == range_ms // MINUTE_MS + 1


@pytest.mark.parametrize("rolled_up", [0, 1, 30, 89])
@pytest.mark.parametrize("step_ms", [HOUR_MS, DAY_MS])
def test_hours_and_days_hold_also_what_is_not_rolled_up(
    rig: Rig, rolled_up: int, step_ms: int
) -> None:
    for minute in range(START_MINUTE, START_MINUTE + 90):
        count(rig, minute, completed=1)
    rig.now_ms = (START_MINUTE + 89) * MINUTE_MS + 5_000
    oldest = START_MINUTE + 89 - 1_560
    rig.client.hset(rig.key("hours"), "rolled", START_MINUTE - 1)
    assert oldest < START_MINUTE

    for minute in range(START_MINUTE, START_MINUTE + rolled_up):
        roll_once(rig, minute)
    points = read(rig, 2 * DAY_MS, step_ms)

    assert sum(points.values()) == 90


def test_late_counts_are_not_read_twice(rig: Rig) -> None:
    count(rig, START_MINUTE, completed=1)
    rig.client.hset(rig.key("hours"), "rolled", START_MINUTE - 1)
    rig.now_ms = (START_MINUTE + 1) * MINUTE_MS
    roll_once(rig, START_MINUTE)
    count(rig, START_MINUTE, completed=10)

    assert sum(read(rig, DAY_MS).values()) == 11


def test_ninety_days_are_read_in_days(rig: Rig) -> None:
    for day in range(5):
        minute = START_MINUTE + day * 1_440
        count(rig, minute, completed=day + 1)
        rig.now_ms = (minute + 1) * MINUTE_MS
        roll_once(rig, minute)

    points = read(rig, 90 * DAY_MS)

    assert len(points) == 91
    assert list(points.values())[-5:] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("range_ms", "step_ms", "expected"),
    [
        (MINUTE_MS, None, MINUTE_MS),
        (3 * HOUR_MS, None, MINUTE_MS),
        (3 * HOUR_MS + 1, None, HOUR_MS),
        (8 * DAY_MS, None, HOUR_MS),
        (8 * DAY_MS + 1, None, DAY_MS),
        (DAY_MS, MINUTE_MS, MINUTE_MS),
    ],
)
def test_the_step_fits_the_range(range_ms: int, step_ms: int | None, expected: int) -> None:
    assert span_of(START_MS, range_ms, step_ms).step_ms == expected


@pytest.mark.parametrize(
    ("range_ms", "step_ms"),
    [
        (MINUTE_MS - 1, None),
        (90 * DAY_MS + 1, None),
        (DAY_MS + 1, MINUTE_MS),
        (8 * DAY_MS + 1, HOUR_MS),
        (HOUR_MS, 1_000),
    ],
)
def test_a_range_that_is_not_kept_is_refused(range_ms: int, step_ms: int | None) -> None:
    with pytest.raises(InvalidOption, match="range"):
        span_of(START_MS, range_ms, step_ms)


def test_damaged_counters_are_read_around(rig: Rig) -> None:
    rig.client.hset(
        rig.key(f"minute:{START_MINUTE}"), mapping={"completed": 2, "odd": "x", b"\xff": 1}
    )
    rig.client.hset(rig.key("hours"), mapping={"rolled": "junk", str(START_MINUTE // 60): "a b c"})

    reply = rig.executor.run(
        read_history(
            rig.space, rig.queue, START_MINUTE, step_ms=HOUR_MS, buckets=[START_MINUTE // 60]
        )
    )

    assert reply.minutes[START_MINUTE]["completed"] == 2
    assert (reply.mark, reply.rolled) == (-1, {START_MINUTE // 60: {}})
