"""A source that always answers the same, and the snapshots it answers with."""

from __future__ import annotations

from dataclasses import replace

from rediq_cli.dash.attention import find_attention
from rediq_cli.dash.view_model import Demand, QueueRow, Server, Snapshot, TaskList, ViewName
from rediq_core.model.failures import Failure
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView, TaskView, TimelineEntry

AT_MS = 1_795_000_000_000
HOSTILE = "\x1b]0;pwned\x07[bold][/x]\u202e\x9b31m"


def queue(name: str, pending: int = 0, *, workers: int = 1) -> QueueView:
    counts = dict.fromkeys(TaskState, 0) | {TaskState.PENDING: pending}
    return QueueView(name, AT_MS, counts, oldest_ms=552_000 if pending else 0, workers=workers)


def task(number: int, text: str = "order") -> TaskView:
    failure = TimelineEntry("dead", AT_MS - 1_000, 1, error_type="ValueError", error=text)
    return TaskView(
        f"01M86EZ4MTX1H57YA0WF3R{number:04}",
        "order:pay",
        "payment",
        TaskState.DEAD,
        50,
        b'{"note": "\\u001b]0;pwned", "password": "hunter2"}',
        attempts=1,
        finished_ms=AT_MS - 1_000,
        timeline=(failure,),
    )


def failure(summary: str = "ValueError: order", tasks: int = 3) -> Failure:
    return Failure(
        "4f2a91c03b7d",
        tasks,
        summary,
        AT_MS - 9_000,
        AT_MS - 1_000,
        tasks + 2,
        ("payment",),
        ("order:pay",),
        task(1).id,
    )


def snapshot(*rows: QueueRow, tasks: tuple[TaskView, ...] = ()) -> Snapshot:
    found = TaskList(Demand(), tasks, total=len(tasks))
    return Snapshot(
        1, AT_MS, queues=rows, attention=find_attention(rows, (), Server()), tasks=found
    )


NORMAL = snapshot(
    QueueRow(queue("payment", 38_204), "behind", 16),
    QueueRow(queue("email"), "idle", 16),
    QueueRow(queue("video", 12, workers=0), "no worker"),
    tasks=(task(1), task(2), task(3)),
)
SCENES = {
    "empty": snapshot(),
    "normal": NORMAL,
    "huge": snapshot(QueueRow(queue("payment", 98_765_432_109), "behind", 99_999)),
    "wide": snapshot(QueueRow(queue("支払い" * 9, 3), "run", 4)),
    "hostile": snapshot(QueueRow(queue(HOSTILE, 3), "run", 4), tasks=(task(1, HOSTILE),)),
}


class FixedSource:
    """Answers with one snapshot, whatever is asked; counts readings."""

    def __init__(self, answer: Snapshot) -> None:
        self.answer = answer
        self.readings = 0
        self.is_closed = False

    def read(self, demand: Demand) -> Snapshot:
        self.readings += 1
        tasks = None
        if demand.view is ViewName.TASKS and self.answer.tasks is not None:
            tasks = replace(self.answer.tasks, demand=demand)
        return replace(self.answer, seq=self.readings, demand=demand, tasks=tasks)

    def close(self) -> None:
        self.is_closed = True
