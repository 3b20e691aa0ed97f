"""Whole installations as snapshots, for frames and pictures: calm, huge, foreign and hostile ones.

All are made by one builder from words and numbers that a `Flavour` bends, so that every view of
every scene shows the same things. Nothing in them depends on the time or the machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from rediq_cli.dash.attention import find_attention
from rediq_cli.dash.view_model import (
    Charts,
    Demand,
    Place,
    QueueRow,
    Series,
    Server,
    Snapshot,
    TaskDetail,
    TaskList,
    ViewName,
)
from rediq_core.admin import Event
from rediq_core.model.failures import Failure
from rediq_core.model.schedule import Firing, ScheduleView
from rediq_core.model.state import TaskState
from rediq_core.model.views import (
    Pause,
    Progress,
    QueueView,
    TaskView,
    TimelineEntry,
    WorkerView,
)
from tests.dash.fixed import HOSTILE
from tests.support.clock import ManualClock

# 2026-11-24 14:03:07 UTC, and the same on the clock that only grows.
AT_MS = 1_795_528_987_000
TAKEN_S = ManualClock().monotonic()
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True)
class Flavour:
    """How a scene differs from the plain one.

    Attributes:
        text: Bends names and messages.
        size: Bends counts.
    """

    text: Callable[[str], str] = str
    size: Callable[[int], int] = int


PLAIN = Flavour()
HUGE = Flavour(size=lambda count: count * 1_234_567)
WIDE = Flavour(text=lambda text: f"支払い{text}日本語のとても長い名前")
EVIL = Flavour(text=lambda text: f"{HOSTILE}{text}\x1b[2J\r\n\x00{chr(0xD800)}")


def _queue(
    flavour: Flavour,
    name: str,
    counts: dict[TaskState, int],
    *,
    word: str = "run",
    rates: tuple[float, float, float] = (0.0, 0.0, 0.0),
    oldest_ms: int = 0,
    slots: int = 16,
    p95_ms: float | None = None,
    pause: Pause | None = None,
    trend: str = "",
    delta: int = 0,
) -> QueueRow:
    size = flavour.size
    whole = dict.fromkeys(TaskState, 0) | {state: size(n) for state, n in counts.items()}
    view = QueueView(
        flavour.text(name),
        AT_MS,
        whole,
        pause=pause,
        oldest_ms=oldest_ms,
        done_per_s=float(size(1) * rates[0]),
        failed_per_s=float(size(1) * rates[1]),
        enqueued_per_s=float(size(1) * rates[2]),
        workers=1 if slots else 0,
    )
    values = tuple(float(level) for level in trend)
    return QueueRow(view, word, size(slots), p95_ms, values, size(delta))


def queues(flavour: Flavour) -> tuple[QueueRow, ...]:
    """Return six queues: one behind, two at work, one paused, one idle, one without a worker."""
    p, a, d = TaskState.PENDING, TaskState.ACTIVE, TaskState.DELAYED
    r, x, c = TaskState.RETRY, TaskState.DEAD, TaskState.COMPLETED
    pause = Pause(flavour.text("ana@ops1"), flavour.text("deploy"), AT_MS - 2 * HOUR, 0)
    return (
        _queue(
            flavour,
            "email",
            {p: 6_811, a: 32, d: 40, r: 6, c: 120_000},
            rates=(941.4, 0.9, 900.0),
            oldest_ms=7 * SECOND,
            slots=64,
            p95_ms=120.0,
            trend="55445566554455665544",
        ),
        _queue(
            flavour,
            "payment",
            {p: 38_204, a: 16, d: 120, r: 31, x: 22, c: 9_000},
            word="behind",
            rates=(212.0, 4.1, 240.0),
            oldest_ms=9 * MINUTE + 12 * SECOND,
            p95_ms=840.0,
            trend="01122334455667788999",
            delta=41,
        ),
        _queue(
            flavour,
            "report",
            {p: 203, d: 3},
            word="PAUSED",
            slots=4,
            oldest_ms=2 * HOUR + 11 * MINUTE,
            pause=pause,
            trend="00000000000111222222",
        ),
        _queue(flavour, "thumbnails", {}, word="idle", slots=8, trend="00000000000000000000"),
        _queue(
            flavour,
            "video:transcode",
            {p: 12},
            word="no worker",
            slots=0,
            oldest_ms=4 * MINUTE + 40 * SECOND,
            trend="00000011111222333344",
            delta=1,
        ),
        _queue(
            flavour,
            "webhook",
            {p: 1_902, a: 8, r: 12, x: 15},
            rates=(88.0, 5.8, 60.0),
            oldest_ms=22 * SECOND,
            p95_ms=2_100.0,
            trend="99887766554433221111",
            delta=-17,
        ),
    )


def workers(flavour: Flavour) -> tuple[WorkerView, ...]:
    """Return three workers: one full, one at ease, one that has gone silent."""

    def worker(
        host: str, pid: int, names: list[str], busy: int, slots: int, age: int
    ) -> WorkerView:
        running = tuple(
            {"id": f"{n}", "queue": names[0], "type": f"{names[0]}:run", "running_ms": 90}
            for n in range(min(busy, 3))
        )
        return WorkerView(
            f"{host}-{pid}-a",
            flavour.text(host),
            pid,
            pid - 1,
            "running" if age < 30 * SECOND else "lost",
            tuple(flavour.text(name) for name in names),
            (),
            flavour.size(slots),
            flavour.size(busy),
            flavour.size(310_200),
            flavour.size(12),
            AT_MS - 3 * HOUR,
            AT_MS - age,
            age,
            rss_bytes=flavour.size(61_000_000),
            loop_lag_ms=2,
            version="0.1.0",
            running=running,
        )

    return (
        worker("ops1", 4121, ["payment", "email"], 16, 16, 400),
        worker("ops2", 988, ["email", "webhook"], 21, 32, 900),
        worker("ops3", 17, ["thumbnails"], 0, 8, 41 * SECOND),
    )


def task(flavour: Flavour, number: int, state: TaskState, queue: str = "payment") -> TaskView:
    """Return a task; all of its fields follow from its number."""
    text, age = flavour.text, number * 47 * SECOND
    errors = ("ReadTimeout", "ValueError", "UnicodeDecodeError")
    messages = ("api.psp.example: timed out after 30 s", "amount [neg] is negative", "byte 0x9b")
    kind, message = errors[number % 3], messages[number % 3]
    failure = TimelineEntry(
        "dead" if state is TaskState.DEAD else "retry",
        AT_MS - age,
        5,
        worker="ops1-4121-a",
        claimed_ms=AT_MS - age - 210,
        waited_ms=1_200,
        run_ms=210,
        error_type=text(kind),
        error=text(message),
        traceback=text('  File "psp.py", line 88, in charge\n    resp = c.post(url, timeout=30)'),
        fingerprint=f"4f2a{number % 3}",
    )
    has_failed = state in (TaskState.DEAD, TaskState.RETRY)
    payload = {"order": f"A-{10_290 + number}", "amount": 12.5, "note": text("gift"), "token": "x"}
    return TaskView(
        f"01M86EZ4MTX1H57YA0WF3R{number:04}",
        text(("payment:charge", "payment:refund")[number % 2]),
        text(queue),
        state,
        50,
        json.dumps(payload).encode(),
        attempts=5 if has_failed else 0,
        enqueued_ms=AT_MS - age - 4 * MINUTE,
        place_ms=AT_MS - age,
        since_ms=AT_MS - age,
        due_ms=AT_MS + age if state in (TaskState.RETRY, TaskState.DELAYED) else 0,
        finished_ms=AT_MS - age if state is TaskState.DEAD else 0,
        timeout_ms=30 * SECOND,
        max_retry=4,
        worker="ops1-4121-a" if state is TaskState.ACTIVE else "",
        progress=Progress(number * 17.0, text("contacting bank"), AT_MS)
        if state is TaskState.ACTIVE
        else None,
        timeline=(failure,) if has_failed else (),
    )


def schedules(flavour: Flavour) -> tuple[ScheduleView, ...]:
    """Return three schedules: one that ran well, one that failed, one that is paused."""

    def schedule(number: int, name: str, cron: str, zone: str, last: Firing | None) -> ScheduleView:
        pause = Pause(flavour.text("ana"), flavour.text("audit"), AT_MS - HOUR, 0)
        return ScheduleView(
            flavour.text(name),
            cron,
            zone,
            "run_once",
            "skip",
            0,
            flavour.text("report"),
            flavour.text("report:build"),
            50,
            "code",
            1,
            AT_MS - DAY,
            "ana",
            AT_MS,
            AT_MS + number * 17 * MINUTE,
            pause=pause if number == 3 else None,
            missed=flavour.size(number - 1),
            last=last,
        )

    good = Firing("fired", AT_MS - 43 * MINUTE, AT_MS - 43 * MINUTE, "x")
    bad = Firing(
        "fired",
        AT_MS - 10 * HOUR,
        AT_MS - 10 * HOUR,
        "y",
        task=task(flavour, 3, TaskState.DEAD, "report"),
    )
    return (
        schedule(1, "hourly totals", "0 * * * *", "UTC", good),
        schedule(2, "nightly report", "0 3 * * *", "Europe/Vienna", bad),
        schedule(3, "cleanup", "*/5 * * * *", "America/New_York", None),
    )


def failures(flavour: Flavour) -> tuple[Failure, ...]:
    """Return the three causes of the failed tasks."""
    return tuple(
        Failure(
            f"4f2a{number}91c03b7d",
            flavour.size(22 - 8 * number),
            flavour.text(summary),
            AT_MS - (number + 3) * HOUR,
            AT_MS - number * 47 * SECOND,
            flavour.size(31),
            (flavour.text("payment"), flavour.text("webhook"))[: number + 1],
            (flavour.text("payment:charge"), flavour.text("payment:refund"))[: 2 - number % 2],
            task(PLAIN, number, TaskState.DEAD).id,
        )
        for number, summary in enumerate(
            (
                "ReadTimeout: api.psp.example: timed out after 30 s",
                "ValueError: amount [neg] is negative",
                "UnicodeDecodeError: byte 0x9b",
            )
        )
    )


def events(flavour: Flavour) -> tuple[Event, ...]:
    """Return a dozen events, latest first."""
    text = flavour.text
    rows = (
        ("dead", "payment", "payment:charge", "", "ReadTimeout: api.psp.example timed out"),
        ("retried", "webhook", "webhook:send", "", "HTTPError: 503"),
        ("pause", "report", "", "ana@ops1", "deploy"),
        ("lost", "video:transcode", "video:cut", "", "its worker went silent"),
    )
    return tuple(
        Event(
            AT_MS - number * 3 * SECOND,
            text(queue),
            kind,
            f"01M86EZ4MTX1H57YA0WF3R{number:04}" if kind != "pause" else "",
            text(name) if name else "",
            worker="ops1-4121-a",
            by=text(by) if by else "",
            detail=text(detail),
        )
        for number, (kind, queue, name, by, detail) in enumerate(rows * 3)
    )


def server(flavour: Flavour) -> Server:
    """Return INFO of a server that is well."""
    size = flavour.size
    fields = {
        "redis_version": "7.2.4",
        "used_memory": size(432_013_312),
        "used_memory_peak": size(512_013_312),
        "maxmemory": size(2_147_483_648),
        "maxmemory_policy": "noeviction",
        "mem_fragmentation_ratio": "1.04",
        "evicted_keys": 0,
        "instantaneous_ops_per_sec": size(8_412),
        "connected_clients": size(14),
        "blocked_clients": 3,
        "rejected_connections": 0,
        "keyspace_hits": size(981_000),
        "keyspace_misses": size(12_000),
        "instantaneous_input_kbps": "812.1",
        "instantaneous_output_kbps": "1440.7",
        "uptime_in_seconds": size(86_400),
        "aof_enabled": "1",
        "rdb_last_bgsave_status": "ok",
        "rdb_changes_since_last_save": size(4_711),
        "role": flavour.text("master") if flavour is EVIL else "master",
        "connected_slaves": "1",
    }
    return Server({name: str(value) for name, value in fields.items()}, 1.2)


def charts(flavour: Flavour) -> Charts:
    """Return five minutes: a steady load, a spike of failures, a growing backlog."""
    size, count = flavour.size(1), 150

    def series(value: Callable[[int], float], unknown: int = 0) -> Series:
        values = [None if at < unknown else value(at) * size for at in range(count)]
        return Series(tuple(values), values[-1])

    return Charts(
        "5m",
        done=series(lambda at: 1_500 + 300 * math.sin(at / 12)),
        enqueued=series(lambda _: 1_600.0),
        failed=series(lambda at: 12.0 if 90 < at < 105 else 0.4),
        p50=Series(tuple(40.0 + at % 7 for at in range(count)), 44.0),
        p95=Series(tuple(300.0 + at for at in range(count)), 412.0),
        backlog=series(lambda at: 300.0 * at, unknown=20),
    )


def installation(flavour: Flavour) -> Snapshot:
    """Return everything a dashboard may read of an installation."""
    rows, crew, info = queues(flavour), workers(flavour), server(flavour)
    failed = [task(flavour, n, TaskState.DEAD) for n in range(6)]
    failed += [task(flavour, n, TaskState.RETRY, "webhook") for n in range(6, 9)]
    return Snapshot(
        1,
        AT_MS,
        TAKEN_S,
        4.0,
        31,
        server=info,
        queues=rows,
        workers=crew,
        charts=charts(flavour),
        attention=find_attention(rows, crew, info),
        tasks=TaskList(Demand(), tuple(failed), total=len(failed), scanned=len(failed)),
        extra={
            ViewName.SCHEDULES: schedules(flavour),
            ViewName.FAILURES: failures(flavour),
            ViewName.EVENTS: events(flavour),
        },
    )


EMPTY = Snapshot(
    1,
    AT_MS,
    TAKEN_S,
    1.0,
    3,
    server=server(PLAIN),
    tasks=TaskList(Demand()),
    extra={ViewName.SCHEDULES: (), ViewName.FAILURES: (), ViewName.EVENTS: ()},
)
FLAVOURS = {"normal": PLAIN, "huge": HUGE, "wide": WIDE, "hostile": EVIL}
INSTALLATIONS = {"empty": EMPTY} | {name: installation(how) for name, how in FLAVOURS.items()}


class SceneSource:
    """Answers with an installation: the tasks of the state that is asked for, the open task."""

    def __init__(self, name: str) -> None:
        self.flavour = FLAVOURS.get(name, PLAIN)
        self.whole = INSTALLATIONS[name]
        self.seq = 0

    def read(self, demand: Demand) -> Snapshot:
        self.seq += 1
        found = self._tasks(demand)
        detail = None
        if demand.task_id:
            open_task = next((row for row in found if row.id == demand.task_id), None)
            why = ("It failed 5 times and has no attempt left. Run it again: rediq task retry",)
            detail = TaskDetail(demand.task_id, open_task, why)
        scanned = 0 if demand.queue else len(found)
        tasks = TaskList(demand, found, total=len(found), scanned=scanned)
        return replace(self.whole, seq=self.seq, demand=demand, tasks=tasks, detail=detail)

    def _tasks(self, demand: Demand) -> tuple[TaskView, ...]:
        if not self.whole.queues:
            return ()
        if demand.queue:
            return tuple(task(self.flavour, n, demand.state) for n in range(8))
        return self.whole.tasks.tasks if self.whole.tasks else ()

    def close(self) -> None:
        """Hold nothing."""


def places(name: str) -> dict[str, Place]:
    """Return every place that is drawn: the seven views, a queue's states, a task beside them."""
    queue = FLAVOURS.get(name, PLAIN).text("payment")
    found = {view.value: Place(view) for view in ViewName}
    if name == "empty":
        return found
    dead = Place(ViewName.TASKS, queue, TaskState.DEAD)
    open_id = task(PLAIN, 1, TaskState.DEAD).id
    return found | {
        "queue-dead": dead,
        "queue-active": replace(dead, state=TaskState.ACTIVE),
        "task": replace(dead, task_id=open_id),
    }
