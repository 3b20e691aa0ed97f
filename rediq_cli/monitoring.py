"""What `rediq check` decides: thresholds, the worst state, and the one line that monitors read.

The plugin convention of Nagios and its kin: a word, a bar, performance data; exit 0 OK, 1 WARNING,
2 CRITICAL, 3 UNKNOWN. It decides nothing about queues: the numbers are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rediq_cli.diagnostics import after_code
from rediq_cli.output.humanise import count, duration
from rediq_cli.output.json import Json
from rediq_cli.output.neutralise import safe
from rediq_core.errors import InvalidOption, RediqError, RedisUnavailable
from rediq_core.model.durations import duration_ms
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView

# Queues of which performance data is written; beyond it only totals, since plugins may say 8 KiB.
MAX_QUEUES = 50
# Problems that the text names.
MAX_NAMED = 5


class Status(IntEnum):
    """The exit codes of a monitoring plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold.

    Attributes:
        metric: pending, retry, dead or oldest.
        warning: Above this it is a warning.
        critical: Above this it is critical; None for never.
        is_time: The numbers are milliseconds.
    """

    metric: str
    warning: int
    critical: int | None = None
    is_time: bool = False

    def status(self, value: int) -> Status:
        """Judge a value."""
        if self.critical is not None and value > self.critical:
            return Status.CRITICAL
        return Status.WARNING if value > self.warning else Status.OK

    def shown(self, value: int) -> str:
        """Write a value as people read it."""
        return duration(value) if self.is_time else f"{value:,}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the status is not OK.

    Attributes:
        queue: The queue.
        metric: What is wrong with it.
        value: Its value.
        status: How bad that is.
        text: In words.
    """

    queue: str
    metric: str
    value: int
    status: Status
    text: str


def parse_limit(metric: str, text: str, *, is_time: bool = False) -> Limit:
    """Read "1000", or "1000:5000" for warning and critical.

    Raises:
        InvalidOption: It is neither.
    """
    first, colon, second = text.partition(":")

    def read(part: str) -> int:
        if is_time:
            return duration_ms(part, f"--{metric}")
        if not (part.isascii() and part.isdigit()):
            raise InvalidOption(
                f"--{metric} {text!r} is not a threshold.",
                cause="It is a number above which to warn, or two: WARN:CRITICAL.",
                next_step=f"Write it so: --{metric} 1000:5000",
            )
        return int(part)

    return Limit(metric, read(first), read(second) if colon else None, is_time)


_VALUES: dict[str, Callable[[QueueView], int]] = {
    "pending": lambda queue: queue.pending,
    "retry": lambda queue: queue.counts.get(TaskState.RETRY, 0),
    "dead": lambda queue: queue.counts.get(TaskState.DEAD, 0),
    "oldest": lambda queue: queue.oldest_ms if queue.pending else 0,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Attributes:
        queues: What was looked at.
        limits: Against what.
        problems: The worst first.
    """

    queues: Sequence[QueueView]
    limits: Sequence[Limit]
    problems: Sequence[Problem]

    @property
    def status(self) -> Status:
        """The worst of all."""
        return max((problem.status for problem in self.problems), default=Status.OK)

    def line(self) -> str:
        """Return the one line, neutralised."""
        if self.problems:
            named = [problem.text for problem in self.problems[:MAX_NAMED]]
            more = len(self.problems) - len(named)
            text = "; ".join(named) + (f"; and {more} more" if more else "")
        else:
            text = f"{count(len(self.queues), 'queue')}, {self._total('pending'):,} pending"
        # A bar in the text would begin the performance data.
        said = safe(text, limit=0).replace("|", "/")
        return f"REDIQ {self.status.name} - {said} | {' '.join(self._performance())}"

    def _total(self, metric: str) -> int:
        values = [_VALUES[metric](queue) for queue in self.queues]
        return max(values, default=0) if metric == "oldest" else sum(values)

    def _performance(self) -> list[str]:
        found = [_performance(limit.metric, self._total(limit.metric)) for limit in self.limits]
        if len(self.queues) <= MAX_QUEUES:
            found += [
                _performance(f"{queue.name} {limit.metric}", _VALUES[limit.metric](queue), limit)
                for queue in self.queues
                for limit in self.limits
            ]
        return found

    def record(self) -> Json:
        """Return the verdict as an object."""
        return {
            "status": self.status.name.lower(),
            "code": int(self.status),
            "problems": [
                {
                    "queue": problem.queue,
                    "metric": problem.metric,
                    "value": problem.value,
                    "status": problem.status.name.lower(),
                    "text": problem.text,
                }
                for problem in self.problems
            ],
            "queues": [
                {
                    "name": queue.name,
                    **{_field(limit): _VALUES[limit.metric](queue) for limit in self.limits},
                    "workers": queue.workers,
                }
                for queue in self.queues
            ],
        }


def judge(queues: Sequence[QueueView], limits: Sequence[Limit]) -> Verdict:
    """Hold queues against limits; pending tasks that nobody takes are critical in any number."""
    problems = [
        Problem(
            queue.name,
            limit.metric,
            value,
            limit.status(value),
            f"{queue.name}: {_said(limit, value)}",
        )
        for queue in queues
        for limit in limits
        if limit.status(value := _VALUES[limit.metric](queue)) is not Status.OK
    ]
    problems += [
        Problem(
            queue.name,
            "workers",
            0,
            Status.CRITICAL,
            f"{queue.name}: {queue.pending:,} pending and no live worker",
        )
        for queue in queues
        if queue.pending and not queue.workers and queue.pause is None
    ]
    return Verdict(queues, limits, sorted(problems, key=lambda problem: -problem.status))


def undecided(error: RediqError) -> tuple[str, Status]:
    """Return the line and the exit code for a check that could not be made.

    A server that cannot be reached is critical: the queue is down. Anything else is unknown.
    """
    is_down = isinstance(error, RedisUnavailable) and not error.is_authentication
    status = Status.CRITICAL if is_down else Status.UNKNOWN
    said = safe(after_code(error.message), limit=0).replace("|", "/")
    return f"REDIQ {status.name} - {error.code} {said}", status


def _said(limit: Limit, value: int) -> str:
    over = limit.critical if limit.status(value) is Status.CRITICAL else limit.warning
    shown = limit.shown(value)
    what = f"oldest pending {shown}" if limit.is_time else f"{shown} {limit.metric}"
    return f"{what} (over {limit.shown(over or 0)})"


def _field(limit: Limit) -> str:
    return f"{limit.metric}_age_ms" if limit.is_time else limit.metric


def _performance(name: str, value: int, limit: Limit | None = None) -> str:
    is_time = name.endswith("oldest")
    # A label ends at a quote, and performance data at a line's end.
    label = safe(name, limit=0).replace("'", "")
    number = f"{value / 1000:.3f}s" if is_time else str(value)
    if limit is None:
        return f"'{label}'={number};;;0"
    scale = 1000 if limit.is_time else 1
    critical = "" if limit.critical is None else f"{limit.critical / scale:g}"
    return f"'{label}'={number};{limit.warning / scale:g};{critical};0"
