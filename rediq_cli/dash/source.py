"""Where snapshots come from: a live Redis here, a recording or fixed values elsewhere.

A source answers one question, "what does it look like now?", for one thread. It reads only: what
changes something is not reachable from here. What one view alone needs is read by a part, one
function each in `PARTS`, so that a part that fails leaves the rest as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from rediq_cli.dash.attention import find_attention
from rediq_cli.dash.history import RANGES, History
from rediq_cli.dash.parts import read_detail, read_events, read_failures, read_schedules
from rediq_cli.dash.view_model import (
    Demand,
    QueueRow,
    Server,
    Snapshot,
    TaskDetail,
    TaskList,
    ViewName,
)
from rediq_cli.output.queues import queue_state
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import QueueNotFound, RediqError
from rediq_core.model.history import HOUR_MS, MINUTE_MS, Histogram, merge_histories
from rediq_core.model.views import QueueView, TaskView, WorkerView
from rediq_core.model.where import Where

if TYPE_CHECKING:
    from rediq_core.admin import Admin
    from rediq_core.admin.meter import Meter

T = TypeVar("T")

# INFO is read again after this many seconds: its figures move slowly.
INFO_EVERY_S = 2.0
# Run times of the last minutes are read again after this many seconds.
TIMES_EVERY_S = 10.0
# What they are read for, in ms: two reads a queue.
TIMES_RANGE_MS = 2 * MINUTE_MS
# Queues up to which a long range is filled from minutes; with more, from hours.
FEW_QUEUES = 20
# Tasks a search looks at in one reading, so that a reading stays short.
SEARCH_BUDGET = 2_000
# A search that is done is done again after this many seconds.
SEARCH_EVERY_S = 5.0
# Why the open task does not run, and its kin, are read again after this many seconds.
WHY_EVERY_S = 5.0
# A queue whose oldest task waits less than this is not behind, in ms.
BEHIND_MS = 10_000
# Hits a search keeps.
SEARCH_LIMIT = 500


class Source(Protocol):
    """Answer what it looks like now. Used by one thread."""

    def read(self, demand: Demand) -> Snapshot:
        """Read once.

        Raises:
            RediqError: It cannot be read at all.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds; safe to call twice."""
        ...


Part = Callable[["Admin"], object]
"""Reads what one view alone needs."""

PARTS: dict[ViewName, Part] = {
    ViewName.SCHEDULES: read_schedules,
    ViewName.FAILURES: read_failures,
    ViewName.EVENTS: lambda admin: read_events(admin)[::-1],
}
"""What each view needs besides queues, workers and the server's figures."""


@dataclass(slots=True)
class Search:
    """A search that goes on from one reading to the next.

    Attributes:
        where: What is looked for.
        hits: What was found so far in this pass.
        scanned: Tasks looked at in this pass.
        shown: The result of the last whole pass, or of this one as far as it has come.
    """

    where: Where
    hits: list[TaskView] = field(default_factory=list)
    scanned: int = 0
    cursor: str = ""
    ended_s: float = -1.0
    shown: TaskList | None = None


class RedisSource:
    """Read a live Redis through an Admin. Used by one thread; `close` closes the Admin."""

    def __init__(self, admin: Admin, meter: Meter, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Take what to read through.

        Args:
            admin: Everything is read through it.
            meter: Counts what it sends.
            clock: For what is read less often than every time.
        """
        self._admin = admin
        self._meter = meter
        self._clock = clock
        self._seq = 0
        self._history = History()
        self._server = Server()
        self._info_s = self._times_s = float("-inf")
        self._times: dict[str, float] = {}
        self._filled: set[str] = set()
        self._search: Search | None = None
        self._known: TaskDetail | None = None
        self._why_s = float("-inf")

    def close(self) -> None:
        """Close the connections."""
        self._admin.close()

    def read(self, demand: Demand) -> Snapshot:
        """Read what a demand needs.

        Raises:
            RediqError: The server, or what every view needs, cannot be read.
        """
        began_s, before = self._clock.monotonic(), self._meter.commands
        problems: dict[str, str] = {}
        self._read_server(demand, began_s, problems)
        overview = self._admin.overview()
        self._history.take(overview.queues, overview.at_ms)
        self._read_times(demand, overview.queues, began_s, problems)
        rows = self._rows(overview.queues, overview.workers, overview.at_ms)
        extra: dict[str, object] = {}
        tasks = self._guarded("tasks", problems, lambda: self._tasks(demand))
        detail = self._guarded("task", problems, lambda: self._detail(demand))
        for view in dict.fromkeys((demand.view, *demand.also)):
            part = PARTS.get(view)
            if part is not None:
                extra[view] = self._guarded(view.value, problems, partial(part, self._admin))
        self._seq += 1
        ended_s = self._clock.monotonic()
        return Snapshot(
            self._seq,
            overview.at_ms,
            taken_s=ended_s,
            took_ms=(ended_s - began_s) * 1_000,
            commands=self._meter.commands - before,
            demand=demand,
            server=self._server,
            queues=rows,
            workers=overview.workers,
            charts=self._history.charts(demand.range_name, overview.at_ms),
            attention=find_attention(rows, overview.workers, self._server),
            tasks=tasks,
            detail=detail,
            extra=extra,
            problems=problems,
        )

    @staticmethod
    def _guarded(name: str, problems: dict[str, str], read: Callable[[], T]) -> T | None:
        """Read one part; if that fails, say so and go on without it."""
        try:
            return read()
        except RediqError as error:
            problems[name] = error.message
            return None

    def _read_server(self, demand: Demand, now_s: float, problems: dict[str, str]) -> None:
        if now_s - self._info_s < INFO_EVERY_S and demand.view is not ViewName.REDIS:
            return
        self._info_s = now_s
        fields = self._guarded("redis", problems, self._admin.server_info)
        if fields is not None:
            self._server = Server(fields, (self._clock.monotonic() - now_s) * 1_000)

    def _read_times(
        self,
        demand: Demand,
        queues: tuple[QueueView, ...],
        now_s: float,
        problems: dict[str, str],
    ) -> None:
        """Read run times now and then, and fill the charts from what Redis has kept."""
        if not queues:
            return
        if now_s - self._times_s >= TIMES_EVERY_S:
            self._times_s = now_s
            self._guarded("history", problems, self._recent_times)
        for name in ("p50", "p95"):
            if name in self._times:
                self._history.tracks[name].add(queues[0].at_ms, self._times[name])
        if demand.range_name not in self._filled:
            self._filled.add(demand.range_name)
            self._guarded("history", problems, lambda: self._fill(demand.range_name, len(queues)))

    def _recent_times(self) -> None:
        histories = self._admin.history(None, TIMES_RANGE_MS, step_ms=MINUTE_MS)
        self._times = {}
        together = Histogram()
        for history in histories:
            times = history.total.run
            together = together.merge([times])
            p95 = times.quantile_ms(0.95)
            if p95 is not None:
                self._times[f"queue:{history.queue}"] = p95
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            value = together.quantile_ms(share)
            if value is not None:
                self._times[name] = value
        if histories:
            self._history.backfill(merge_histories(histories))

    def _fill(self, range_name: str, queues: int) -> None:
        range_ms = RANGES[range_name]
        in_minutes = range_ms <= HOUR_MS or (queues <= FEW_QUEUES and range_ms <= 6 * HOUR_MS)
        step_ms = MINUTE_MS if in_minutes else HOUR_MS
        histories = self._admin.history(None, range_ms, step_ms=step_ms)
        if histories:
            self._history.backfill(merge_histories(histories))

    def _rows(
        self, queues: tuple[QueueView, ...], workers: tuple[WorkerView, ...], at_ms: int
    ) -> tuple[QueueRow, ...]:
        slots = slots_by_queue(workers)
        return tuple(
            QueueRow(
                view,
                _word(view),
                slots.get(view.name, 0),
                self._times.get(f"queue:{view.name}"),
                self._history.trend(view.name, at_ms),
                self._history.delta(view),
            )
            for view in queues
        )

    # What a demand adds.

    def _tasks(self, demand: Demand) -> TaskList | None:
        if demand.view is not ViewName.TASKS:
            return None
        if demand.where is not None:
            return self._searched(demand, demand.where)
        if not demand.queue:
            return self._searched(demand, Where())
        try:
            page = self._admin.page(
                demand.queue,
                demand.state,
                start=demand.start,
                limit=demand.limit,
                is_reversed=demand.is_reversed,
            )
        except QueueNotFound:
            return TaskList(demand)
        is_complete = demand.start == 0 and page.next_start < 0
        return TaskList(demand, page.tasks, demand.start, page.total, is_complete=is_complete)

    def _searched(self, demand: Demand, where: Where) -> TaskList:
        search = self._search
        if search is None or search.where != where:
            search = self._search = Search(where)
        now_s = self._clock.monotonic()
        if search.ended_s >= 0:
            if now_s - search.ended_s < SEARCH_EVERY_S and where.terms:
                return _echo(search.shown, demand)
            search.hits, search.scanned, search.cursor = [], 0, ""
            search.ended_s = -1.0
        limit = SEARCH_LIMIT if where.terms else demand.limit
        found = self._admin.select(
            where,
            limit=limit - len(search.hits),
            budget=SEARCH_BUDGET,
            cursor=search.cursor,
            is_reversed=demand.is_reversed,
        )
        search.hits += found.tasks
        search.scanned += found.scanned
        search.cursor = found.cursor
        is_over = found.is_complete or len(search.hits) >= limit
        if is_over:
            search.ended_s = self._clock.monotonic()
        if is_over or search.shown is None or not search.shown.is_complete:
            search.shown = TaskList(
                demand,
                tuple(search.hits),
                total=found.total,
                scanned=search.scanned,
                is_complete=found.is_complete,
            )
        return _echo(search.shown, demand)

    def _detail(self, demand: Demand) -> TaskDetail | None:
        if not demand.task_id:
            return None
        now_s = self._clock.monotonic()
        known = self._known
        is_known = known is not None and known.task_id == demand.task_id
        is_fresh = is_known and now_s - self._why_s < WHY_EVERY_S
        detail = read_detail(self._admin, demand.task_id, known if is_fresh else None)
        if known is None or detail.why is not known.why:
            self._why_s = now_s
        self._known = detail
        return detail


def _word(view: QueueView) -> str:
    """Return a queue's state; a backlog of moments is not called one."""
    word = queue_state(view)[0]
    return "run" if word == "behind" and view.oldest_ms < BEHIND_MS else word


def _echo(found: TaskList | None, demand: Demand) -> TaskList:
    if found is None:
        return TaskList(demand)
    return TaskList(demand, found.tasks, 0, found.total, found.scanned, found.is_complete)


def slots_by_queue(workers: tuple[WorkerView, ...]) -> Mapping[str, int]:
    """Return the slots of the live workers that take each queue."""
    slots: dict[str, int] = {}
    for worker in workers:
        if worker.state == "running":
            for queue in set(worker.queues):
                slots[queue] = slots.get(queue, 0) + worker.concurrency
    return slots
