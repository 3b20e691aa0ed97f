"""What single views read besides queues and workers: schedules, failures, events, a task's kin.

One function a view, run by the poller's thread. Each is bounded, so that no view can make a reading
long; what it could not look at is said in the view.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rediq_cli.dash.view_model import TaskDetail
from rediq_core.errors import TaskNotFound
from rediq_core.model.schedule import ScheduleView
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where

if TYPE_CHECKING:
    from rediq_core.admin import Admin, Event, Relative

# Tasks of each state that failures are grouped from, and events that are shown.
LOOKED_AT = 200
EVENTS = 200


@dataclass(frozen=True, slots=True)
class Cause:
    """Tasks that failed alike.

    Attributes:
        fingerprint: What they have in common.
        tasks: Latest first; only those that were looked at.
        queues: Where they are.
        first_ms: The earliest of their last failures.
        last_ms: The latest.
        sample: The latest error.
        is_whole: Nothing was left out.
    """

    fingerprint: str
    tasks: tuple[TaskView, ...]
    queues: tuple[str, ...]
    first_ms: int
    last_ms: int
    sample: str
    is_whole: bool


def read_schedules(admin: Admin) -> tuple[ScheduleView, ...]:
    """Read all schedules: 2 round trips, and 2 for each queue that they fire in."""
    return tuple(admin.schedules())


def read_causes(admin: Admin) -> tuple[Cause, ...]:
    """Read the latest dead and retry tasks and group them: about 10 round trips."""
    tasks: list[TaskView] = []
    is_whole = True
    for state in (TaskState.DEAD, TaskState.RETRY):
        found = admin.select(
            Where(state=state), limit=LOOKED_AT, budget=LOOKED_AT, is_reversed=True
        )
        tasks += found.tasks
        is_whole &= found.is_complete
    return group_causes(tasks, is_whole=is_whole)


def group_causes(tasks: Iterable[TaskView], *, is_whole: bool) -> tuple[Cause, ...]:
    """Group failed tasks by what they have in common, most tasks first."""
    groups: dict[str, list[TaskView]] = {}
    for task in tasks:
        last = task.last_failure
        if last is not None:
            groups.setdefault(last.fingerprint, []).append(task)
    causes = [_cause(print_, alike, is_whole=is_whole) for print_, alike in groups.items()]
    return tuple(sorted(causes, key=lambda cause: (-len(cause.tasks), cause.fingerprint)))


def _cause(fingerprint: str, tasks: list[TaskView], *, is_whole: bool) -> Cause:
    times = {task.id: entry.at_ms for task in tasks if (entry := task.last_failure)}
    latest = sorted(tasks, key=lambda task: -times[task.id])
    queues = tuple(sorted({task.queue for task in tasks}))
    first_ms, last_ms = min(times.values()), max(times.values())
    return Cause(fingerprint, tuple(latest), queues, first_ms, last_ms, latest[0].error, is_whole)


def read_events(admin: Admin) -> tuple[Event, ...]:
    """Read the newest events of all queues, oldest first: 2 round trips a queue."""
    return tuple(admin.events(Where()).latest(EVENTS))


def read_detail(admin: Admin, task_id: str) -> TaskDetail:
    """Read a task, why it stands where it stands, and its kin."""
    try:
        task = admin.task(task_id)
        answer = admin.why(task_id)
    except TaskNotFound:
        return TaskDetail(task_id)
    why = tuple(f"{reason.text}. {reason.next_step}".rstrip(". ") for reason in answer.reasons)
    kin = admin.kin(task)
    links = [f"waits for  {_named(parent)}" for parent in kin.parents]
    links += [f"before     {_named(child)}" for child in kin.children]
    if kin.has_more:
        links.append("           and more")
    return TaskDetail(task_id, task, why, tuple(links))


def _named(relative: Relative) -> str:
    state = relative.state.value if relative.state else "unknown"
    return f"{state:<10} {relative.type or '?'}  {relative.queue}  {relative.id}"
