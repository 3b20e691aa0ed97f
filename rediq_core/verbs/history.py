"""History: which buckets a range needs, how they are read, and how minutes become hours and days.

Pure functions. Minutes are written by every script that counts; rolling them up is the sweep's.
What was not rolled up yet is read from the minutes themselves, so the newest hour is never short,
and nothing is counted in two places: a minute says what was taken from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import InvalidOption
from rediq_core.keys import minute_of
from rediq_core.model.history import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    History,
    HistoryPoint,
    point_of,
)
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# What is kept of each step, in buckets; roll.lua and the life of a minute decide the same.
KEPT: Final = {MINUTE_MS: 1_440, HOUR_MS: 192, DAY_MS: 90}
# Ranges up to these are shown in minutes and in hours, if the caller does not say.
_IN_MINUTES_MS: Final = 3 * HOUR_MS
_IN_HOURS_MS: Final = 8 * DAY_MS
MIN_RANGE_MS: Final = MINUTE_MS
MAX_RANGE_MS: Final = 90 * DAY_MS
# Minutes looked at for what is not rolled up; a sweep that was away longer catches up by itself.
MAX_TAIL: Final = 180
# The field of a minute that says what was taken from it, and of `hours` that says up to when.
_ROLLED: Final = b"rolled"


@dataclass(frozen=True, slots=True)
class Rolled:
    """What rolling up one minute did.

    Attributes:
        now_ms: Server time.
        mark: Up to this minute, included, all are rolled up.
        is_over: False if the minute still runs; then nothing was done.
        has_moved: Something new was added.
    """

    now_ms: int
    mark: int
    is_over: bool
    has_moved: bool


def roll(space: Space, queue: str, minute: int) -> Call[Rolled]:
    """Add a minute to its hour and day, once however often it is sent: one round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        minute: Number of the minute; one that is not over is left alone.
    """

    def read(reply: Reply) -> Rolled:
        now_ms, mark, added = reply
        return Rolled(now_ms, mark, added >= 0, added > 0)

    return space.call(load("roll"), queue, [minute], read, minute=minute)


@dataclass(frozen=True, slots=True)
class Span:
    """The buckets of a range, the last of which still runs.

    Attributes:
        step_ms: Length of a bucket.
        first: Number of the first bucket.
        last: Number of the last one.
    """

    step_ms: int
    first: int
    last: int

    @property
    def is_in_minutes(self) -> bool:
        """Whether the buckets are the minutes themselves."""
        return self.step_ms == MINUTE_MS


def span_of(now_ms: int, range_ms: int, step_ms: int | None = None) -> Span:
    """Choose the buckets that cover a range up to now.

    Args:
        now_ms: Server time.
        range_ms: How far back, 1 minute to 90 days.
        step_ms: A minute, an hour or a day; None for what gives up to 192 buckets.

    Raises:
        InvalidOption: The range is out of bounds, or is not kept at this step.
    """
    if not MIN_RANGE_MS <= range_ms <= MAX_RANGE_MS:
        raise InvalidOption(
            "the range is not between 1 minute and 90 days.",
            cause="History is kept in minutes for a day, in hours for 8, in days for 90.",
            next_step="Ask for less: rediq stats --range 24h",
        )
    if step_ms is None:
        step_ms = MINUTE_MS if range_ms <= _IN_MINUTES_MS else HOUR_MS
        step_ms = DAY_MS if range_ms > _IN_HOURS_MS else step_ms
    buckets = -(-range_ms // step_ms) if step_ms in KEPT else 0
    if not 0 < buckets <= KEPT.get(step_ms, 0):
        raise InvalidOption(
            "this range is not kept at this step.",
            cause="History is kept in minutes for a day, in hours for 8, in days for 90.",
            next_step="Ask for a longer step, or a shorter range.",
        )
    last = now_ms // step_ms
    return Span(step_ms, last - buckets, last)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one read of a queue's history brought.

    Attributes:
        now_ms: Server time.
        mark: Up to this minute all are rolled up; -1 if none is.
        minutes: Minute to its counts.
        fresh: Minute to that part of its counts that is not rolled up.
        rolled: Hour or day to its counts.
    """

    now_ms: int
    mark: int
    minutes: Mapping[int, Mapping[str, int]]
    fresh: Mapping[int, Mapping[str, int]]
    rolled: Mapping[int, Mapping[str, int]]


def read_history(
    space: Space, queue: str, minute: int, *, step_ms: int = MINUTE_MS, buckets: Sequence[int] = ()
) -> Call[Counted]:
    """Read a minute, the one before it, and buckets of hours or days: one round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        minute: Number of the later minute.
        step_ms: An hour or a day, for `buckets`.
        buckets: Numbers of hours or days.
    """

    def read(reply: Reply) -> Counted:
        now_ms, mark, before, this, *rows = reply
        flats = {minute - 1: before, minute: this}
        return Counted(
            now_ms,
            mark,
            {number: _counts(flat) for number, flat in flats.items()},
            {number: _fresh(flat) for number, flat in flats.items()},
            {bucket: parse_counts(row) for bucket, row in zip(buckets, rows, strict=True)},
        )

    args: list[Arg] = ["days" if step_ms == DAY_MS else "hours", *buckets]
    return space.call(load("read_history"), queue, args, read, minute=minute)


def first_reads(space: Space, queue: str, span: Span, now_ms: int) -> list[Call[Counted]]:
    """Return what reads a span: all of its minutes, or its hours or days."""
    if span.is_in_minutes:
        return [read_history(space, queue, minute) for minute in _pairs_back(span.last, span.first)]
    buckets = range(span.first, span.last + 1)
    minute = minute_of(now_ms)
    return [read_history(space, queue, minute, step_ms=span.step_ms, buckets=buckets)]


def tail_reads(
    space: Space, queue: str, span: Span, found: Sequence[Counted], now_ms: int
) -> list[Call[Counted]]:
    """Return what reads the minutes that are not rolled up, as far as they were not read."""
    if span.is_in_minutes:
        return []
    minute = minute_of(now_ms)
    mark = max((counted.mark for counted in found), default=-1)
    first = max(mark + 1, minute - MAX_TAIL)
    return [read_history(space, queue, later) for later in _pairs_back(minute - 2, first)]


def _pairs_back(last: int, first: int) -> Iterable[int]:
    """Return the later minute of each pair that together hold `first` to `last`."""
    return range(last, first - 1, -2)


def assemble(queue: str, span: Span, found: Sequence[Counted], now_ms: int) -> History:
    """Put what was read together, without gaps and without anything twice."""
    points: dict[int, dict[str, int]] = {n: {} for n in range(span.first, span.last + 1)}
    for counted in found:
        if span.is_in_minutes:
            for number, counts in counted.minutes.items():
                if number in points:
                    points[number] = dict(counts)
            continue
        for number, counts in counted.rolled.items():
            _add(points[number], counts)
        for minute, counts in counted.fresh.items():
            bucket = minute * MINUTE_MS // span.step_ms
            if bucket in points:
                _add(points[bucket], counts)
    step_ms = span.step_ms
    made: tuple[HistoryPoint, ...] = tuple(
        point_of(number * step_ms, counts) for number, counts in sorted(points.items())
    )
    return History(queue, span.first * step_ms, now_ms, step_ms, made)


def _add(sums: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        sums[name] = sums.get(name, 0) + number


def parse_counts(text: bytes) -> dict[str, int]:
    """Read "field n field n …"; a word that is none is left out."""
    words = text.decode("utf-8", "replace").split()
    pairs = zip(words[::2], words[1::2], strict=False)
    return {name: int(number) for name, number in pairs if number.isdecimal()}


def _counts(flat: Sequence[bytes]) -> dict[str, int]:
    return {
        name.decode("utf-8", "replace"): int(number)
        for name, number in zip(flat[::2], flat[1::2], strict=True)
        if name != _ROLLED and number.isdigit()
    }


def _fresh(flat: Sequence[bytes]) -> dict[str, int]:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    taken = parse_counts(fields.get(_ROLLED, b""))
    left = {name: number - taken.get(name, 0) for name, number in _counts(flat).items()}
    return {name: number for name, number in left.items() if number > 0}
