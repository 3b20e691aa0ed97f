"""What single views read besides queues and workers: schedules, failures, events, a task's kin.

One function a view, run by the poller's thread. Each is bounded, so that no view can make a reading
long; what it could not look at is said in the view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rediq_cli.dash.view_model import TaskDetail
from rediq_core.errors import TaskNotFound
from rediq_core.model.failures import Failure
from rediq_core.model.schedule import ScheduleView
from rediq_core.model.where import Where

if TYPE_CHECKING:
    from rediq_core.admin import Admin, Event, Relative

# Events that are shown.
EVENTS = 200


def read_schedules(admin: Admin) -> tuple[ScheduleView, ...]:
    """Read all schedules: 2 round trips, and 2 for each queue that they fire in."""
    return tuple(admin.schedules())


def read_failures(admin: Admin) -> tuple[Failure, ...]:
    """Read why tasks are in retry and dead, from the index: no task is looked at."""
    return tuple(admin.failures())


def read_events(admin: Admin) -> tuple[Event, ...]:
    """Read the newest events of all queues, oldest first: 2 round trips a queue."""
    return tuple(admin.events(Where()).latest(EVENTS))


def read_detail(admin: Admin, task_id: str, known: TaskDetail | None = None) -> TaskDetail:
    """Read a task, why it stands where it stands, and its kin.

    Args:
        admin: Where.
        task_id: The task.
        known: What was read of it shortly before: why and kin are taken from there as long as its
            state is the same, since they cost many reads.
    """
    try:
        task = admin.task(task_id)
        if known is not None and known.task is not None and known.task.state is task.state:
            return TaskDetail(task_id, task, known.why, known.links)
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
