"""Why a task stands where it stands, state by state.

Pure: from facts to reasons. A pending task has its queue's obstacles and its own; every other
state has one thing to say first, and the rest beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rediq_core.admin.why.answer import Answer, Place, Reason, Weight, sorted_reasons
from rediq_core.admin.why.facts import QueueFacts, TaskFacts
from rediq_core.admin.why.finished import explain_cancelled, explain_dead, explain_trash
from rediq_core.admin.why.of_queue import obstacles
from rediq_core.admin.why.words import (
    ago,
    by_whom,
    count,
    due_in,
    ordinal,
    quoted,
    span,
    who_of_note,
)
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import TaskView

# Parents of a waiting task, None for what is not known any more.
Parents = Mapping[str, TaskView | None]


class Case:
    """One task and everything that is known around it.

    Attributes:
        task: The task.
        queue: Facts of its queue.
        near: What lies around it.
        parents: The parents it waits for, by id.
    """

    def __init__(
        self, task: TaskView, queue: QueueFacts, near: TaskFacts, parents: Parents
    ) -> None:
        self.task = task
        self.queue = queue
        self.near = near
        self.parents = parents
        self.now_ms = queue.at_ms


def explain_task(case: Case) -> Answer:
    """Say why a task does or does not run."""
    task = case.task
    reasons = list(_BY_STATE[task.state](case))
    return Answer(
        "task",
        task.id,
        task.queue,
        task.state.value,
        sorted_reasons(reasons),
        case.now_ms,
        task.type,
        place_of(task, case.queue, case.near),
    )


def place_of(task: TaskView, queue: QueueFacts, near: TaskFacts) -> Place | None:
    """Return where a task stands in line, or None if it is in none."""
    if task.state is not TaskState.PENDING or near.rank < 0:
        return None
    per_s = queue.view.done_per_s + queue.view.failed_per_s
    eta_ms = round((near.rank + 1) / per_s * 1_000) if per_s > 0 else None
    return Place(near.rank + 1, near.in_line, eta_ms)


def _pending(case: Case) -> Iterator[Reason]:
    task, found = case.task, list(obstacles(case.queue))
    yield from found
    yield from _expiry(case)
    if task.is_held:
        yield _unknown_type(case)
    elif task.is_suspect:
        yield Reason(
            "suspect",
            f"it lost its worker {task.losses} times, so it runs alone, when a process is idle",
            Weight.WAITING,
            f"rediq task inspect {task.id}",
        )
    else:
        known = case.queue.known_types
        if known and task.type not in known:
            yield _unknown_type(case)
        yield _in_line(case, is_free=not found)


def _in_line(case: Case, *, is_free: bool) -> Reason:
    place = place_of(case.task, case.queue, case.near)
    if place is None:
        return Reason("next", "it starts in this moment", Weight.FINE)
    text = f"it is {ordinal(place.position)} of {place.total:,} in line"
    if is_free and place.eta_ms is not None:
        text += f"; about {span(max(place.eta_ms, 1))} at the present rate"
    return Reason(
        "in_line",
        text,
        Weight.WAITING if place.position > 1 or not is_free else Weight.FINE,
        f"rediq queue inspect {case.task.queue}",
        since_ms=case.task.place_ms,
    )


def _unknown_type(case: Case) -> Reason:
    task = case.task
    elsewhere = case.queue.queues_of_type(task.type)
    known = sorted(case.queue.known_types)
    if elsewhere:
        return Reason(
            "wrong_queue",
            f"{task.type} is pending in {task.queue}, but workers take it from "
            f"{', '.join(elsewhere)}; did the producer forget queue=",
            next_step=f"rediq worker start -c FILE --queues {task.queue}     "
            f"with a handler for {task.type}",
            refers_to=elsewhere[0],
        )
    says = f"; they know {', '.join(known)}" if known else ""
    return Reason(
        "unknown_type",
        f"no live worker of queue {task.queue} has a handler for {task.type}{says}",
        next_step=f"rediq worker start -c FILE --queues {task.queue}     "
        f"with a handler for {task.type}",
        refers_to=task.type,
    )


def _expiry(case: Case) -> Iterator[Reason]:
    expires_ms = case.task.expires_ms
    if not expires_ms or case.task.attempts:
        return
    if expires_ms <= case.now_ms:
        yield Reason(
            "expired",
            f"it expired{ago(expires_ms, case.now_ms)}, so it is cancelled instead of started",
            Weight.WAITING,
            f"rediq task reschedule {case.task.id} --delay 0",
            until_ms=expires_ms,
        )
    else:
        yield Reason(
            "expires",
            f"it is cancelled {due_in(expires_ms, case.now_ms)} if it has not started by then",
            Weight.WAITING,
            until_ms=expires_ms,
        )


def _delayed(case: Case) -> Iterator[Reason]:
    task = case.task
    yield Reason(
        "due",
        f"it is due {due_in(task.due_ms, case.now_ms)}",
        Weight.WAITING,
        f"rediq task run {task.id}",
        until_ms=task.due_ms,
    )
    yield from obstacles(case.queue)
    yield from _expiry(case)


def _retry(case: Case) -> Iterator[Reason]:
    task, last = case.task, case.task.last_failure
    left = ""
    if task.max_retry is not None:
        left = f" of at most {task.max_retry + 1}"
    yield Reason(
        "retry",
        f"attempt {task.attempts}{left} failed; the next one comes "
        f"{due_in(task.due_ms, case.now_ms)}: {quoted(task.error) or 'no error was kept'}",
        Weight.WAITING,
        f"rediq task run {task.id}",
        since_ms=last.at_ms if last else 0,
        until_ms=task.due_ms,
        refers_to=last.fingerprint if last else "",
    )
    yield from obstacles(case.queue)


def _waiting(case: Case) -> Iterator[Reason]:
    task, near = case.task, case.near
    for parent_id in near.unmet:
        yield _parent(parent_id, case)
    if task.group and not near.unmet:
        yield from _collecting(case)
    elif not near.unmet:
        yield Reason(
            "stranded",
            "it waits, but for nothing that is known",
            next_step="rediq doctor --fix",
            since_ms=task.since_ms,
        )


def _collecting(case: Case) -> Iterator[Reason]:
    task, near = case.task, case.near
    if near.is_group_ripe:
        yield Reason(
            "group_ripe",
            f"its group {task.group} is ripe, and runs as soon as its first task is claimed",
            Weight.WAITING,
            f"rediq group inspect {task.queue}/{task.type}/{task.group}",
            refers_to=task.group,
        )
        yield from obstacles(case.queue)
        return
    due = f"; it runs {due_in(near.group_due_ms, case.now_ms)}" if near.group_due_ms else ""
    yield Reason(
        "collecting",
        f"it collects in group {task.group} of {task.type}, so far {count(near.group_size)}{due}",
        Weight.WAITING,
        f"rediq group run {task.queue}/{task.type}/{task.group}",
        since_ms=task.since_ms,
        until_ms=near.group_due_ms,
        refers_to=task.group,
    )


def _parent(parent_id: str, case: Case) -> Reason:
    parent = case.parents.get(parent_id)
    if parent is None:
        return Reason(
            "parent_gone",
            f"it waits for task {parent_id}, which is not known any more",
            next_step="rediq doctor --fix",
            refers_to=parent_id,
        )
    is_over = parent.state in FINAL_STATES or parent.state is TaskState.TRASH
    how = f", {parent.progress.percent:.0f}%" if parent.progress else ""
    word = {TaskState.ACTIVE: "running"}.get(parent.state, parent.state.value)
    text = f"it waits for task {parent_id} ({parent.type}, {word}{how})"
    if is_over:
        return Reason(
            "parent_done",
            text + ", and is about to be told",
            Weight.WAITING,
            "rediq doctor",
            refers_to=parent_id,
        )
    return Reason(
        "parent",
        text,
        Weight.WAITING,
        f"rediq why {parent_id}",
        since_ms=case.task.since_ms,
        refers_to=parent_id,
    )


def _active(case: Case) -> Iterator[Reason]:
    task, near = case.task, case.near
    worker = task.worker or "somebody"
    progress = task.progress
    says = f", {progress.percent:.0f}% {quoted(progress.message)}".rstrip() if progress else ""
    yield Reason(
        "running",
        f"it has been running on {worker} for {span(case.now_ms - task.since_ms)}{says}",
        Weight.FINE,
        f"rediq task cancel {task.id}     to stop it",
        since_ms=task.since_ms,
        refers_to=task.worker,
    )
    if task.cancel_note:
        by, why = who_of_note(task.cancel_note)
        yield Reason(
            "cancelling",
            f"it was told to stop{by_whom(by, why)}",
            Weight.WAITING,
            f"rediq task cancel {task.id} --force     if it does not",
            by=by,
        )
    if near.lease_ms < case.now_ms:
        ended = ago(near.lease_ms, case.now_ms) if near.lease_ms else ""
        yield Reason(
            "lease_lost",
            f"the lease of {worker} ended{ended}; any live worker puts the task back in line",
            Weight.WAITING if case.queue.present else Weight.BLOCKED,
            "rediq worker list"
            if case.queue.present
            else f"rediq worker start -c FILE --queues {task.queue}",
            until_ms=near.lease_ms,
            refers_to=task.worker,
        )


def _completed(case: Case) -> Iterator[Reason]:
    task = case.task
    run = next((entry for entry in reversed(task.timeline) if entry.kind == "completed"), None)
    took = f" after {span(max(run.run_ms, 1))} on {run.worker}" if run else ""
    yield Reason(
        "completed",
        f"it completed{ago(task.finished_ms, case.now_ms)}{took}",
        Weight.FINE,
        f"rediq task result {task.id}",
        since_ms=task.finished_ms,
        refers_to=run.worker if run else "",
    )


def _dead(case: Case) -> Iterator[Reason]:
    yield from explain_dead(case.task, case.near, case.now_ms)


def _cancelled(case: Case) -> Iterator[Reason]:
    yield from explain_cancelled(case.task, case.near, case.now_ms)


def _trash(case: Case) -> Iterator[Reason]:
    yield from explain_trash(case.task, case.near, case.now_ms)


_BY_STATE: dict[TaskState, Callable[[Case], Iterator[Reason]]] = {
    TaskState.PENDING: _pending,
    TaskState.DELAYED: _delayed,
    TaskState.RETRY: _retry,
    TaskState.WAITING: _waiting,
    TaskState.ACTIVE: _active,
    TaskState.COMPLETED: _completed,
    TaskState.DEAD: _dead,
    TaskState.CANCELLED: _cancelled,
    TaskState.TRASH: _trash,
}
