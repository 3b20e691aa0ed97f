"""Why a task is over: dead of what, cancelled by whom, deleted when, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterator

from rediq_core.admin.why.answer import Reason, Weight
from rediq_core.admin.why.facts import TaskFacts
from rediq_core.admin.why.words import ago, by_whom, count, due_in, quoted, who_of_entry
from rediq_core.model.views import TaskView, TimelineEntry

# Kinds of the timeline that say why a task was cancelled, and in which words.
_CANCELLED = {
    "expired": "it expired before it was started",
    "replaced": "another task with its unique key replaced it",
    "cancel": "it was cancelled",
    "cancelled": "it was cancelled while it ran",
}


def explain_dead(task: TaskView, near: TaskFacts, now_ms: int) -> Iterator[Reason]:
    """Yield why a dead task is dead."""
    last = task.timeline[-1] if task.timeline else None
    when = ago(task.finished_ms, now_ms)
    if last is not None and last.kind == "poison":
        yield Reason(
            "poison",
            f"it died{when} as poison: it lost its worker {max(task.losses, 3)} times",
            next_step=f"rediq task retry {task.id}",
            since_ms=task.finished_ms,
            refers_to=last.worker,
        )
    else:
        failure = task.last_failure
        yield Reason(
            "dead",
            f"it died{when} after {count(task.attempts, 'attempt')}: "
            f"{quoted(task.error) or _how(last) or 'no error was kept'}",
            next_step=f"rediq task retry {task.id}",
            since_ms=task.finished_ms,
            refers_to=failure.fingerprint if failure else "",
        )
    yield from _key_taken(task, near, "retry")


def explain_cancelled(task: TaskView, near: TaskFacts, now_ms: int) -> Iterator[Reason]:
    """Yield who or what cancelled a task."""
    entry = next((e for e in reversed(task.timeline) if e.kind in _CANCELLED), None)
    by, why = who_of_entry(entry) if entry is not None else ("", "")
    said = _CANCELLED[entry.kind] if entry is not None else "it was cancelled"
    if entry is None and task.timeline:
        said += f": {_how(task.timeline[-1])}"
    yield Reason(
        "expired" if entry is not None and entry.kind == "expired" else "cancelled",
        f"{said}{by_whom(by, why)}{ago(task.finished_ms, now_ms)}",
        next_step=f"rediq task retry {task.id}",
        since_ms=task.finished_ms,
        by=by,
    )
    yield from _key_taken(task, near, "retry")


def explain_trash(task: TaskView, near: TaskFacts, now_ms: int) -> Iterator[Reason]:
    """Yield who deleted a task, and until when it can be restored."""
    entry = next((e for e in reversed(task.timeline) if e.kind == "delete"), None)
    by, why = who_of_entry(entry) if entry is not None else ("", "")
    former = f" (it was {task.former_state})" if task.former_state else ""
    yield Reason(
        "trash",
        f"it was deleted{by_whom(by, why)}{ago(entry.at_ms if entry else 0, now_ms)}{former}, "
        f"and is gone for good {due_in(task.due_ms, now_ms)}",
        next_step=f"rediq task restore {task.id}",
        since_ms=entry.at_ms if entry else 0,
        until_ms=task.due_ms,
        by=by,
    )
    yield from _key_taken(task, near, "restore")


def _key_taken(task: TaskView, near: TaskFacts, verb: str) -> Iterator[Reason]:
    """Yield that a task cannot come back, because another one holds its unique key."""
    if near.key_owner and near.key_owner != task.id:
        yield Reason(
            "unique_key",
            f"its unique key {quoted(task.unique_key)} is held by task {near.key_owner}, "
            f"so {verb} would be refused",
            Weight.BLOCKED,
            f"rediq why {near.key_owner}",
            refers_to=near.key_owner,
        )


def _how(entry: TimelineEntry | None) -> str:
    if entry is None:
        return ""
    return f"{entry.kind} {entry.note}".strip()
