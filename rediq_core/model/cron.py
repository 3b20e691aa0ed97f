"""When a cron expression fires, as instants, in any time zone.

croniter walks the wall clock; which instant a wall-clock time stands for is decided here, because
croniter alone runs a daily job twice when autumn repeats its hour (measured, croniter 7.0). The
rules are those of Debian's cron:

* A job at fixed times (neither minute nor hour starts with `*`) runs once for each: at the next
  valid time if clocks skip it, the first time if they repeat it.
* A job at intervals (minute or hour starts with `*`) runs at each instant whose wall-clock time
  matches: not at all in what is skipped, again in what is repeated.
* Day of month and day of week: either is enough, unless one of them starts with `*`.

It knows nothing of schedules: names, misfires and overlaps are in `schedule`.

Example:
    parse_cron("30 2 * * *", "Europe/Vienna").next_after(now_ms)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from rediq_core.errors import InvalidCron

WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# Longest expression, in characters: no list of minutes is longer.
MAX_LENGTH: Final = 512
DAY_S: Final = 86_400
# Where the search for a first match begins: any year does, the calendar repeats.
_SOME_YEAR_S: Final = 946_684_800
# First window of a search for the latest matches, and how it grows.
_WINDOW_S, _WINDOW_GROWTH = 120, 8

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS = "sun|mon|tue|wed|thu|fri|sat"
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # wall-clock time has no zone


def _field(value: str, *others: str) -> re.Pattern[str]:
    """Return what one field may be: `*`, values, ranges, steps, and lists of them."""
    item = rf"(?:\*|(?:{value})(?:-(?:{value}))?)(?:/\d{{1,2}})?"
    item = "|".join((item, *others))
    return re.compile(rf"(?:{item})(?:,(?:{item}))*", re.ASCII)


# croniter 7.0 takes a range from a value to itself for all values.
_SINGLE = re.compile(r"(?<![\w#])0*(\w+)-0*\1(?:/\d+)?(?![\w#])", re.ASCII)
_NUMBER = _field(r"\d{1,2}")
# Minute, hour, day of month, month, day of week; `l` is the last day, `5#2` the second Friday.
_FIELDS = (
    _NUMBER,
    _NUMBER,
    _field(r"\d{1,2}", "l"),
    _field(rf"\d{{1,2}}|{_MONTHS}"),
    _field(rf"\d|{_DAYS}", rf"(?:\d|{_DAYS})#[1-5]", r"l\d"),
)


class Cron:
    """A parsed expression in its time zone. Not for two threads at once.

    Attributes:
        expression: As it was written.
        timezone: Name of the zone.
        has_seconds: Written with six fields.
        is_interval: Runs at intervals, not at fixed times: see the module.
    """

    __slots__ = ("_walker", "_zone", "expression", "has_seconds", "is_interval", "timezone")

    def __init__(self, expression: str, timezone: str, fields: list[str], walker: Any) -> None:
        """Take what `parse_cron` has checked."""
        self.expression = expression
        self.timezone = timezone
        self.has_seconds = len(fields) > len(_FIELDS)
        minute, hour = fields[-5], fields[-4]
        self.is_interval = minute.startswith("*") or hour.startswith("*")
        self._walker = walker
        self._zone = None if timezone == "UTC" else _zone(timezone)

    def next_after(self, after_ms: int) -> int:
        """Return the first instant after another, both in epoch milliseconds.

        A tenth of a millisecond; for rare dates up to a few.
        """
        after_s = after_ms // 1000
        if self._zone is None:
            return self._next_wall(after_s) * 1000
        found = self._next_interval(after_s) if self.is_interval else self._next_fixed(after_s)
        return found * 1000

    def upcoming(self, after_ms: int) -> Iterator[int]:
        """Yield the instants after one, without end."""
        while True:
            after_ms = self.next_after(after_ms)
            yield after_ms

    def latest(self, first_ms: int, last_ms: int, limit: int) -> list[int]:
        """Return the last `limit` instants from `first_ms` to `last_ms`, both included, in order.

        O(limit), however long ago `first_ms` is.
        """
        window_ms = _WINDOW_S * 1000
        while True:
            start_ms = max(last_ms - window_ms, first_ms - 1)
            found = []
            for instant in self.upcoming(start_ms):
                if instant > last_ms:
                    break
                found.append(instant)
            if len(found) >= limit or start_ms < first_ms:
                return found[-limit:]
            # A window with few matches says how wide the next must be; an empty one says little.
            window_ms *= _WINDOW_GROWTH if not found else limit // len(found) + 1

    def _next_wall(self, wall_s: int) -> int:
        """Return the first matching wall-clock time after another, in seconds as if it were UTC."""
        return int(self._walker.get_next(float, start_time=wall_s))

    def _offset(self, at_s: int) -> int:
        offset = datetime.fromtimestamp(at_s, self._zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds())

    def _next_fixed(self, after_s: int) -> int:
        # Walls in order stand for instants in order, so the first that is late enough is it. In the
        # second pass of a repeated hour the walls of the first are passed over.
        wall_s = after_s + self._offset(after_s)
        while True:
            wall_s = self._next_wall(wall_s)
            instant_s = self._instant(wall_s)
            if instant_s > after_s:
                return instant_s

    def _next_interval(self, after_s: int) -> int:
        # Between two changes of the clocks an instant is its wall minus the offset. At a change the
        # search starts again with the new offset; the instant of the change itself may match.
        offset_s = self._offset(after_s)
        while True:
            candidate_s = self._next_wall(after_s + offset_s) - offset_s
            changed_s = self._first_change(after_s, candidate_s, offset_s)
            if changed_s is None:
                return candidate_s
            after_s, offset_s = changed_s - 1, self._offset(changed_s)

    def _instant(self, wall_s: int) -> int:
        """Return the instant of a wall-clock time: the first of two, the next if there is none."""
        wall = _NAIVE_EPOCH + timedelta(seconds=wall_s)
        first, second = (
            int((wall.replace(tzinfo=self._zone, fold=fold) - _EPOCH).total_seconds())
            for fold in (0, 1)
        )
        if first <= second:
            return first
        # Skipped: with the offset before the change it lies behind it, and the other way round.
        changed = self._first_change(second, first, self._offset(second))
        return first if changed is None else changed

    def _first_change(self, start_s: int, end_s: int, offset_s: int) -> int | None:
        """Return the first instant after `start_s` and up to `end_s` with another offset."""
        low = start_s
        while low < end_s:
            # In steps of a day: no zone changes its clocks and back within one.
            high = min(low + DAY_S, end_s)
            if self._offset(high) != offset_s:
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (
                        (middle, high) if self._offset(middle) == offset_s else (low, middle)
                    )
                return high
            low = high
        return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_cron(expression: str, timezone: str = "UTC") -> Cron:
    """Read an expression and check that it ever fires.

    Args:
        expression: 5 fields, 6 with seconds first, or @hourly and its kin.
        timezone: Name of a zone of the tz database, such as "Europe/Vienna".

    Raises:
        InvalidCron: It cannot be read, never fires, or the zone is not known here.
    """
    check_timezone(timezone)
    fields = _fields(expression)
    # Deferred: it costs 40 ms to import, and few commands and clients have schedules.
    from croniter import CroniterError, croniter  # noqa: PLC0415

    try:
        # UTC stands for "wall clock": the walker never hears of a zone.
        walker = croniter(" ".join(fields), 0, second_at_beginning=True, implement_cron_bug=True)
    except (CroniterError, ValueError, KeyError) as error:
        raise _unreadable(expression, f"{error}".partition("\n")[0] + ".") from error
    try:
        walker.get_next(float, start_time=_SOME_YEAR_S)
    except CroniterError as error:
        raise InvalidCron(
            f"cron {expression!r:.80} never fires.",
            cause="No day has this date.",
            next_step="Check day and month: 30 2 is the 30th of February, for example.",
        ) from error
    return Cron(expression, timezone, fields, walker)


def check_timezone(timezone: str) -> str:
    """Return the name of a time zone unchanged, or refuse it.

    Raises:
        InvalidCron: This machine knows no such zone.
    """
    try:
        _zone(timezone)
    except (LookupError, ValueError, OSError, TypeError) as error:
        raise InvalidCron(
            f"{timezone!r:.80} is no time zone.",
            cause="It is not in this machine's time zone database.",
            next_step="Write it as Europe/Vienna or UTC; install tzdata if the machine has none.",
        ) from error
    return timezone


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _fields(expression: object) -> list[str]:
    """Split an expression into its fields, lower case, words replaced by what they stand for."""
    text = expression.strip().lower() if isinstance(expression, str) else ""
    if text.startswith("@"):
        if text not in WORDS:
            raise _unreadable(expression, f"Words are {', '.join(WORDS)}.")
        text = WORDS[text]
    fields = text.split()
    if len(fields) not in (len(_FIELDS), len(_FIELDS) + 1) or len(text) > MAX_LENGTH:
        raise _unreadable(
            expression, "It needs 5 fields, 6 with seconds first, or a word such as @hourly."
        )
    patterns = _FIELDS if len(fields) == len(_FIELDS) else (_NUMBER, *_FIELDS)
    for field, pattern in zip(fields, patterns, strict=True):
        if not pattern.fullmatch(field):
            raise _unreadable(expression, f"{field!r:.40} is no such field.")
    return [_SINGLE.sub(r"\1", field) for field in fields]


def _unreadable(expression: object, cause: str) -> InvalidCron:
    return InvalidCron(
        f"cron {expression!r:.80} cannot be read.",
        cause=cause,
        next_step='Write "minute hour day month weekday", such as "30 2 * * mon-fri".',
    )
