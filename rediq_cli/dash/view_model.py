"""What the dashboard shows at one instant, as frozen values without a screen.

A `Demand` says what is looked at, a `Snapshot` what was read for it. Both cross threads, so nothing
in them changes after it is made. How it looks is the widgets' business; where it comes from is the
source's. Text in these values comes from outside and is neutralised where it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from rediq_core.errors import RediqError
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView, TaskView, WorkerView
from rediq_core.model.where import Where

# Tasks of one page of a table.
PAGE_SIZE = 100


class ViewName(StrEnum):
    """The seven views, in the order of their number keys."""

    OVERVIEW = "overview"
    TASKS = "tasks"
    WORKERS = "workers"
    SCHEDULES = "schedules"
    FAILURES = "failures"
    REDIS = "redis"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is: what the number keys, Enter and Escape move between.

    Attributes:
        view: The view.
        queue: The queue that was opened, or "" for none.
        state: The state tab of that queue.
        task_id: The task in the drawer, or "" if it is closed.
        filter: The filter as it was typed.
    """

    view: ViewName = ViewName.OVERVIEW
    queue: str = ""
    state: TaskState = TaskState.PENDING
    task_id: str = ""
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the poller reads besides queues, workers and the server's figures.

    Attributes:
        view: The view that is shown.
        queue: Read a page of this queue, or "" for none.
        state: Of this state.
        start: From this rank on.
        limit: Rows at most.
        is_reversed: Latest first.
        where: Search for this instead of reading a page, or None.
        task_id: Read this task too, or "".
        range_name: Range of the charts.
        also: Read what these views need as well.
    """

    view: ViewName = ViewName.OVERVIEW
    queue: str = ""
    state: TaskState = TaskState.PENDING
    start: int = 0
    limit: int = PAGE_SIZE
    is_reversed: bool = False
    where: Where | None = None
    task_id: str = ""
    range_name: str = "5m"
    also: tuple[ViewName, ...] = ()

    def is_same_list(self, other: Demand) -> bool:
        """Say whether both ask for rows of the same list, wherever in it."""
        mine = (self.view, self.queue, self.state, self.where, self.is_reversed)
        return mine == (other.view, other.queue, other.state, other.where, other.is_reversed)


class Severity(IntEnum):
    """How urgent something is; the larger the worse."""

    NOTE = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Attention:
    """Something a person should look at.

    Attributes:
        severity: How urgent.
        rule: Name of the rule that found it.
        subject: What it is about: a queue, a worker, "redis".
        text: What is wrong, in a few words.
        goto: Where Enter leads.
        word: What its symbol stands for: a state's word.
        fix: What to do about it: keys that work on it here, or a command.
    """

    severity: Severity
    rule: str
    subject: str
    text: str
    goto: Place
    word: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """What INFO says, as far as the header and the rules need it; the rest is in `fields`.

    Attributes:
        fields: Everything INFO said, by name.
        rtt_ms: How long one round trip took.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    rtt_ms: float = 0.0

    def number(self, name: str) -> float:
        """Return a field as a number; 0 if it is none."""
        try:
            return float(self.fields.get(name, "0"))
        except ValueError:
            return 0.0

    @property
    def memory_share(self) -> float | None:
        """Share of maxmemory in use, or None without a limit."""
        limit = self.number("maxmemory")
        return self.number("used_memory") / limit if limit > 0 else None

    @property
    def version(self) -> str:
        """The server's version; Valkey says its own besides the one it is compatible with."""
        return self.fields.get("valkey_version") or self.fields.get("redis_version", "")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue and what was worked out for it.

    Attributes:
        view: Its numbers.
        word: Its state in a word: PAUSED, no worker, unroutable, behind, run or idle.
        slots: Slots of the live workers that take it.
        p95_ms: 95th percentile of run times over the range, or None if it is not known.
        trend: Pending tasks over the last minutes, oldest first; None where nothing is known.
        delta: By how much pending grew since the last reading.
    """

    view: QueueView
    word: str
    slots: int = 0
    p95_ms: float | None = None
    trend: tuple[float | None, ...] = ()
    delta: int = 0

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.view.name

    @property
    def fail_share(self) -> float | None:
        """Share of runs that failed, over the last minutes; None if nothing ran."""
        runs = self.view.done_per_s + self.view.failed_per_s
        return self.view.failed_per_s / runs if runs > 0 else None

    def count(self, state: TaskState) -> int:
        """Return how many tasks are in a state."""
        return self.view.counts.get(state, 0)


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time, in equal steps.

    Attributes:
        values: Oldest first; None where nothing is known.
        now: The latest value, or None.
    """

    values: tuple[float | None, ...] = ()
    now: float | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    """What the four charts show.

    Attributes:
        range_name: The range, such as "5m".
        done: Completed a second.
        enqueued: Enqueued a second.
        failed: Failed runs a second.
        p50: Median run time in ms.
        p95: 95th percentile of run times in ms.
        backlog: Pending tasks of all queues.
    """

    range_name: str = "5m"
    done: Series = Series()
    enqueued: Series = Series()
    failed: Series = Series()
    p50: Series = Series()
    p95: Series = Series()
    backlog: Series = Series()


@dataclass(frozen=True, slots=True)
class TaskList:
    """Rows of a table of tasks, and how far they reach.

    Attributes:
        demand: What they were read for.
        tasks: The rows.
        start: Rank of the first one.
        total: Tasks altogether where they come from.
        scanned: Tasks that were looked at to find them; 0 if they are a page.
        is_complete: Nothing was left out behind them.
    """

    demand: Demand
    tasks: tuple[TaskView, ...] = ()
    start: int = 0
    total: int = 0
    scanned: int = 0
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """The task in the drawer.

    Attributes:
        task_id: The task that was asked for.
        task: The task, or None if it is gone.
        why: Lines that say why it does not run, and what to do.
        links: Lines of its dependency tree.
    """

    task_id: str
    task: TaskView | None = None
    why: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last reading failed.

    Attributes:
        title: What is the matter, in a few words.
        reason: The error's own words.
        next_step: What to do.
        tries: Readings that failed in a row.
        retry_at_s: When the next one starts, on the monotonic clock.
        is_refusal: Redis answers, but does not let this user read.
        error: The error itself, for the exit code of a single frame.
    """

    title: str
    reason: str
    next_step: str = ""
    tries: int = 1
    retry_at_s: float = 0.0
    is_refusal: bool = False
    error: RediqError | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was read at one instant.

    Attributes:
        seq: Counts readings, from 1; 0 before the first.
        at_ms: The server's time.
        taken_s: When it was read, on this machine's monotonic clock.
        took_ms: How long the reading took.
        commands: Commands that it cost.
        demand: What it was read for.
        server: The server's figures.
        queues: All queues, by name.
        workers: All workers of the last day.
        charts: The four charts.
        attention: What needs a look, worst first.
        tasks: The rows asked for, or None.
        detail: The task asked for, or None.
        extra: What one view alone needs, by the view's name.
        problems: What of it could not be read, and why, by name of the part.
        trouble: Why the last reading failed, or None; the rest is then the last good one.
    """

    seq: int = 0
    at_ms: int = 0
    taken_s: float = 0.0
    took_ms: float = 0.0
    commands: int = 0
    demand: Demand = Demand()
    server: Server = Server()
    queues: tuple[QueueRow, ...] = ()
    workers: tuple[WorkerView, ...] = ()
    charts: Charts = Charts()
    attention: tuple[Attention, ...] = ()
    tasks: TaskList | None = None
    detail: TaskDetail | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None

    def queue(self, name: str) -> QueueRow | None:
        """Return a queue by its name, or None."""
        return next((row for row in self.queues if row.name == name), None)

    def total(self, state: TaskState) -> int:
        """Return how many tasks of all queues are in a state."""
        return sum(row.count(state) for row in self.queues)
