"""When cron expressions fire: a table of clock changes, and a reference that tries each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rediq_core.errors import InvalidCron
from rediq_core.model.cron import WORDS, parse_cron


def ms_of(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def fires(expression: str, zone: str, start: str, end: str) -> list[str]:
    """Return the instants from after `start` until `end`, as local ISO text."""
    found = parse_cron(expression, zone).latest(ms_of(start) + 1, ms_of(end), 1_000)
    return [datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).isoformat() for ms in found]


CHANGES = {
    "skipped, once at the next valid time": (
        "30 2 * * *",
        "America/New_York",
        ("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"),
        ["2026-03-08T03:00:00-04:00"],
    ),
    "repeated, once, the first": (
        "30 1 * * *",
        "America/New_York",
        ("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"),
        ["2026-11-01T01:30:00-04:00"],
    ),
    "each half hour, repeated as the clock shows it": (
        "*/30 * * * *",
        "America/New_York",
        ("2026-11-01T00:30:00-04:00", "2026-11-01T02:00:00-05:00"),
        [
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:30:00-04:00",
            "2026-11-01T01:00:00-05:00",
            "2026-11-01T01:30:00-05:00",
            "2026-11-01T02:00:00-05:00",
        ],
    ),
    "each hour, repeated as the clock shows it": (
        "0 * * * *",
        "America/New_York",
        ("2026-11-01T00:30:00-04:00", "2026-11-01T02:00:00-05:00"),
        ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"],
    ),
    "each half hour, skipped as the clock shows it": (
        "*/30 * * * *",
        "America/New_York",
        ("2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00"),
        ["2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00"],
    ),
    "skipped by half an hour": (
        "15 2 * * *",
        "Australia/Lord_Howe",
        ("2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00"),
        ["2026-10-04T02:30:00+11:00"],
    ),
    "repeated by half an hour": (
        "45 1 * * *",
        "Australia/Lord_Howe",
        ("2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30"),
        ["2026-04-05T01:45:00+11:00"],
    ),
    "midnight skipped": (
        "0 0 * * *",
        "America/Santiago",
        ("2026-09-05T12:00:00-04:00", "2026-09-07T00:00:00-03:00"),
        ["2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"],
    ),
    "two skipped times are one": (
        "15,45 2 * * *",
        "Europe/Vienna",
        ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ["2026-03-29T03:00:00+02:00"],
    ),
    "skipped seconds are one": (
        "*/20 30 2 * * *",
        "Europe/Vienna",
        ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ["2026-03-29T03:00:00+02:00"],
    ),
    "a whole day skipped": (
        "0 12 * * *",
        "Pacific/Apia",
        ("2011-12-29T00:00:00-10:00", "2011-12-31T23:00:00+14:00"),
        ["2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"],
    ),
    "29 February": (
        "0 0 29 2 *",
        "UTC",
        ("2025-01-01T00:00:00+00:00", "2033-01-01T00:00:00+00:00"),
        ["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"],
    ),
    "day of month or weekday": (
        "0 0 31 * 1",
        "UTC",
        ("2026-07-20T00:00:00+00:00", "2026-08-03T00:00:00+00:00"),
        ["2026-07-27T00:00:00+00:00", "2026-07-31T00:00:00+00:00", "2026-08-03T00:00:00+00:00"],
    ),
    "day of month and weekday, if one starts with a star": (
        "0 0 */2 * 1",
        "UTC",
        ("2026-08-01T00:00:00+00:00", "2026-08-31T00:00:00+00:00"),
        ["2026-08-03T00:00:00+00:00", "2026-08-17T00:00:00+00:00", "2026-08-31T00:00:00+00:00"],
    ),
    "seconds first": (
        "*/30 59 23 * * *",
        "UTC",
        ("2026-08-01T00:00:00+00:00", "2026-08-02T00:00:00+00:00"),
        ["2026-08-01T23:59:00+00:00", "2026-08-01T23:59:30+00:00"],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_instants_around_changes_of_clocks_and_calendar(case: str) -> None:
    expression, zone, (start, end), expected = CHANGES[case]

    assert fires(expression, zone, start, end) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 l * *", ["2026-02-28", "2026-03-31", "2026-04-30"]),
        ("0 0 * * 5#2", ["2026-02-13", "2026-03-13", "2026-04-10"]),
        ("0 0 * * l5", ["2026-02-27", "2026-03-27", "2026-04-24"]),
        ("0 0 1 JAN,mar *", ["2026-03-01", "2027-01-01", "2027-03-01"]),
        ("@weekly", ["2026-02-08", "2026-02-15", "2026-02-22"]),
        ("@yearly", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("0 0 * * fri-mon", ["2026-02-02", "2026-02-06", "2026-02-07"]),
        ("0 0 * * 7", ["2026-02-08", "2026-02-15", "2026-02-22"]),
        ("0-00 00-0 3-3 * *", ["2026-02-03", "2026-03-03", "2026-04-03"]),
        ("0 0 * * tue-tue/3", ["2026-02-03", "2026-02-10", "2026-02-17"]),
    ],
)
def test_words_names_and_last_days(expression: str, expected: list[str]) -> None:
    upcoming = parse_cron(expression).upcoming(ms_of("2026-02-01T12:00:00+00:00"))

    days = [datetime.fromtimestamp(ms / 1000, UTC).date().isoformat() for ms in islice(upcoming, 3)]
    assert days == expected


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_its_expression(word: str) -> None:
    start = ms_of("2026-02-01T12:00:00+00:00")

    assert parse_cron(word.upper()).next_after(start) == parse_cron(WORDS[word]).next_after(start)


@pytest.mark.parametrize(
    "expression",
    [
        *("", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *"),
        *(
            "* * * * 8",
            "*/0 * * * *",
            "h * * * *",
            "r * * * *",
            "? * * * *",
            "@reboot",
            "@every 5m",
        ),
        *("a b c d e", "1-* * * * *", "1,,2 * * * *", "-1 * * * *", "1.5 * * * *", "* * 15w * *"),
        *("０ * * * *", "0 0 * * 5#6", "1," * 400 + "1 * * * *", "* * * * mon#"),  # noqa: RUF001
    ],
)
def test_what_cannot_be_read_is_refused_with_a_next_step(expression: str) -> None:
    with pytest.raises(InvalidCron, match="cannot be read") as refused:
        parse_cron(expression)

    assert (refused.value.code, bool(refused.value.cause)) == ("E010", True)
    assert refused.value.next_step


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 31 2 *"])
def test_a_date_that_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(InvalidCron, match="never fires") as refused:
        parse_cron(expression)

    assert "30th of February" in refused.value.next_step


@pytest.mark.parametrize("zone", ["Mars/X", "", "../etc/passwd", "Europe", "vienna"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidCron, match="no time zone"):
        parse_cron("* * * * *", zone)


# The reference: every minute of a few days around a change, matched field by field.

PLACES = {
    "America/New_York": ("2026-03-07", "2026-10-31"),
    "Australia/Lord_Howe": ("2026-10-03", "2026-04-04"),
    "America/Santiago": ("2026-09-05", "2026-04-04"),
    "Europe/Vienna": ("2026-03-28", "2026-10-24"),
    "Africa/Casablanca": ("2026-02-14", "2026-03-21"),
    "Asia/Kathmandu": ("2026-03-28",),
}
DAYS = 3


@cache
def minutes(zone: str, day: str) -> list[tuple[int, datetime]]:
    """Return each minute of three days: its instant in ms, and its wall-clock time."""
    start = int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp())
    instants = range(start, start + DAYS * 86_400, 60)
    return [
        (at * 1000, datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None))
        for at in instants
    ]


def allows(field: str, value: int, most: int) -> bool:
    """Say whether one field matches: `*`, `*/n`, or numbers and ranges."""
    for item in field.split(","):
        whole, _, step = item.partition("/")
        low, _, high = whole.partition("-")
        if whole == "*":
            bounds = range(most + 1)
        elif high:
            bounds = range(int(low), int(high) + 1)
        else:
            bounds = range(int(low), int(low) + 1)
        if value in bounds[:: int(step or 1)]:
            return True
    return False


def matches(expression: str, wall: datetime) -> bool:
    minute, hour, _, _, weekday = expression.split()
    return (
        allows(minute, wall.minute, 59)
        and allows(hour, wall.hour, 23)
        and allows(weekday, wall.isoweekday() % 7, 6)
    )


def by_intervals(expression: str, zone: str, day: str) -> list[int]:
    return [at for at, wall in minutes(zone, day) if matches(expression, wall)]


@cache
def instants_of_walls(zone: str, day: str) -> dict[datetime, int]:
    """Return for each minute of the wall clock the first instant that shows it, or a later time."""
    shown = minutes(zone, day)
    first: dict[datetime, int] = {}
    for at, wall in shown:
        first.setdefault(wall, at)
    wall, last = shown[0][1], max(first)
    while wall <= last:
        if wall not in first:
            first[wall] = next(at for at, other in shown if other > wall)
        wall += timedelta(minutes=1)
    return first


def by_fixed_times(expression: str, zone: str, day: str) -> list[int]:
    walls = instants_of_walls(zone, day)
    return sorted({at for wall, at in walls.items() if matches(expression, wall)})


def numbers(most: int) -> st.SearchStrategy[str]:
    value = st.integers(0, most)
    spans = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(spans, st.integers(1, 7)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.lists(st.one_of(value.map(str), spans, stepped), min_size=1, max_size=3).map(",".join)


stars = st.one_of(st.just("*"), st.integers(1, 40).map(lambda step: f"*/{step}"))
weekdays = st.one_of(st.just("*"), numbers(6))
changes = st.sampled_from([(zone, day) for zone, days in PLACES.items() for day in days])
at_intervals = st.one_of(
    st.tuples(stars, st.one_of(stars, numbers(23)), weekdays),
    st.tuples(numbers(59), stars, weekdays),
)
at_fixed_times = st.tuples(numbers(59), numbers(23), weekdays)


def actual(expression: str, zone: str, day: str) -> list[int]:
    shown = minutes(zone, day)
    return parse_cron(expression, zone).latest(shown[0][0], shown[-1][0], 10_000)


@settings(max_examples=60, deadline=None)
@given(at_intervals, changes)
def test_intervals_are_every_instant_whose_clock_matches(
    fields: tuple[str, str, str], change: tuple[str, str]
) -> None:
    expression = f"{fields[0]} {fields[1]} * * {fields[2]}"

    assert actual(expression, *change) == by_intervals(expression, *change)


@settings(max_examples=40, deadline=None)
@given(at_fixed_times, changes)
def test_fixed_times_are_each_wall_clock_time_once(
    fields: tuple[str, str, str], change: tuple[str, str]
) -> None:
    expression = f"{fields[0]} {fields[1]} * * {fields[2]}"

    assert actual(expression, *change) == by_fixed_times(expression, *change)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(at_intervals, at_fixed_times),
    changes,
    st.integers(0, 3 * 86_400_000),
    st.integers(1, 50),
)
def test_the_latest_are_the_end_of_all(
    fields: tuple[str, str, str], change: tuple[str, str], length_ms: int, limit: int
) -> None:
    cron = parse_cron(f"{fields[0]} {fields[1]} * * {fields[2]}", change[0])
    first_ms = minutes(*change)[0][0]
    last_ms = first_ms + length_ms

    every = cron.latest(first_ms, last_ms, 10_000)

    assert cron.latest(first_ms, last_ms, limit) == every[-limit:]
    assert every == sorted(set(every))
    assert all(first_ms <= at <= last_ms for at in every)


days_of_month = st.one_of(
    st.just("*"),
    st.integers(2, 20).map(lambda step: f"*/{step}"),
    st.lists(st.integers(1, 28), min_size=1, max_size=4).map(lambda days: ",".join(map(str, days))),
    st.tuples(st.integers(1, 28), st.integers(0, 3)).map(lambda pair: f"{pair[0]}-{sum(pair)}"),
)
months = st.one_of(
    st.just("*"),
    st.lists(st.integers(1, 12), min_size=1, max_size=3).map(
        lambda found: ",".join(map(str, found))
    ),
)
YEARS = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(2 * 365 + 1)]


@settings(max_examples=150, deadline=None)
@given(days_of_month, months, weekdays)
def test_days_are_those_of_debians_cron(day: str, month: str, weekday: str) -> None:
    def is_chosen(date: datetime) -> bool:
        # A step from a star counts from the first day, not from day 0.
        in_month = allows(day, date.day - day.startswith("*"), 30 + (not day.startswith("*")))
        in_week = allows(weekday, date.isoweekday() % 7, 6)
        both = day.startswith("*") or weekday.startswith("*")
        is_day = (in_month and in_week) if both else (in_month or in_week)
        return is_day and allows(month, date.month, 12)

    found = parse_cron(f"0 0 {day} {month} {weekday}").latest(
        int(YEARS[0].timestamp()) * 1000, int(YEARS[-1].timestamp()) * 1000, 1_000
    )

    assert found == [int(date.timestamp()) * 1000 for date in YEARS if is_chosen(date)]
