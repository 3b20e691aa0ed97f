"""How tasks look in lists: other columns for each state, because other things matter.

The page of one task is in `task_page`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rediq_cli.output.humanise import ago, duration, size
from rediq_cli.output.json import readable
from rediq_cli.output.notes import cancel_text, said
from rediq_cli.output.records import as_json, task_record
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Column
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.config.redact import SECRET_FIELDS, redact_fields
from rediq_core.errors import InvalidPayload
from rediq_core.model.state import TaskState
from rediq_core.model.terms import entered_ms
from rediq_core.model.views import TaskView, TimelineEntry

# Characters of a payload or result in a list.
PREVIEW_CHARS = 120


@dataclass(frozen=True, slots=True)
class Scene:
    """What a cell needs besides the task.

    Attributes:
        now_ms: The server's time.
        terminal: Where it is shown.
        secret_fields: Fields whose values are hidden.
    """

    now_ms: int
    terminal: Terminal
    secret_fields: Sequence[str] = SECRET_FIELDS


Reader = Callable[[TaskView, Scene], Cell]


def _last_run(task: TaskView) -> TimelineEntry | None:
    return next((entry for entry in reversed(task.timeline) if entry.attempt), None)


def _age(task: TaskView, scene: Scene) -> Cell:
    start_ms = entered_ms(task)
    return duration(scene.now_ms - start_ms) if start_ms else None


def _ago(at_ms: int, scene: Scene) -> Cell:
    return ago(at_ms, scene.now_ms) if at_ms else None


def preview(task: TaskView, scene: Scene) -> Cell:
    """Return the beginning of the payload, secrets hidden."""
    try:
        payload = redact_fields(task.payload, scene.secret_fields)
    except InvalidPayload:
        return task.payload_json[:PREVIEW_CHARS]
    return line_of(payload)


def line_of(value: object) -> str:
    """Return a JSON value on one line, cut for a list."""
    text = readable(as_json(value))
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"


def _result(task: TaskView, scene: Scene) -> Cell:
    if task.result_json is None:
        return None
    return line_of(redact_fields(task.result, scene.secret_fields))


def _progress(task: TaskView, scene: Scene) -> Cell:
    del scene
    if task.progress is None:
        return None
    return f"{task.progress.percent:.0f}% {task.progress.message}".rstrip()


def _took(task: TaskView, scene: Scene) -> Cell:
    del scene
    run = _last_run(task)
    return None if run is None else duration(run.run_ms)


def _waited(task: TaskView, scene: Scene) -> Cell:
    del scene
    run = _last_run(task)
    return None if run is None else duration(run.waited_ms)


def _ran_by(task: TaskView, scene: Scene) -> Cell:
    del scene
    run = _last_run(task)
    return task.worker or (run.worker if run else None) or None


def _flexible(title: str) -> Column:
    return Column(title, is_flexible=True)


def _right(title: str) -> Column:
    return Column(title, is_right=True)


def _spare(title: str, order: int) -> Column:
    """Return a column of numbers that a narrow screen goes without."""
    return Column(title, is_right=True, spare=order)


def _wide(title: str) -> Column:
    return Column(title, is_wide=True)


_ID: tuple[Column, Reader] = (Column("ID"), lambda task, _: task.id)
_TYPE: tuple[Column, Reader] = (_flexible("TYPE"), lambda task, _: task.type)
_QUEUE: tuple[Column, Reader] = (_flexible("QUEUE"), lambda task, _: task.queue)
_STATE: tuple[Column, Reader] = (
    Column("STATE"),
    lambda task, scene: state_cell(task.state.value, scene.terminal),
)
_TRY: tuple[Column, Reader] = (_spare("TRY", 2), lambda task, _: task.attempts)
# What runs now is the attempt after those that have finished.
_RUNNING_TRY: tuple[Column, Reader] = (_spare("TRY", 1), lambda task, _: task.attempts + 1)
_ERROR: tuple[Column, Reader] = (_flexible("ERROR"), lambda task, _: task.error or None)
_DUE: tuple[Column, Reader] = (_right("DUE"), lambda task, scene: _ago(task.due_ms, scene))
_PAYLOAD: tuple[Column, Reader] = (_flexible("PAYLOAD"), preview)
_SINCE: tuple[Column, Reader] = (_right("AGE"), _age)
_FINISHED: tuple[Column, Reader] = (
    _right("FINISHED"),
    lambda task, scene: _ago(task.finished_ms, scene),
)
_GROUP: tuple[Column, Reader] = (_wide("GROUP"), lambda task, _: task.group or None)
_UNIQUE: tuple[Column, Reader] = (_wide("UNIQUE"), lambda task, _: task.unique_key or None)
_SIZE: tuple[Column, Reader] = (
    Column("SIZE", is_right=True, is_wide=True),
    lambda task, _: size(len(task.payload_json)),
)
_PRIORITY: tuple[Column, Reader] = (_spare("PRIO", 1), lambda task, _: task.priority)
_WORKER: tuple[Column, Reader] = (Column("WORKER", is_flexible=True), _ran_by)
_WIDE_WORKER: tuple[Column, Reader] = (_wide("WORKER"), _ran_by)
_CAUSE: tuple[Column, Reader] = (
    _wide("CAUSE"),
    lambda task, _: task.last_failure.fingerprint if task.last_failure else None,
)
_WAITS_FOR: tuple[Column, Reader] = (
    _flexible("WAITS FOR"),
    lambda task, _: ", ".join(task.depends_on) or (f"group {task.group}" if task.group else None),
)

_BY_STATE: dict[TaskState, tuple[tuple[Column, Reader], ...]] = {
    TaskState.PENDING: (_ID, _TYPE, _PRIORITY, _SINCE, _TRY, _PAYLOAD, _GROUP, _SIZE, _UNIQUE),
    TaskState.ACTIVE: (
        _ID,
        _TYPE,
        _WORKER,
        (_right("RUNNING"), _age),
        (_flexible("PROGRESS"), _progress),
        _RUNNING_TRY,
        (
            Column("TIMEOUT", is_right=True, is_wide=True),
            lambda task, _: duration(task.timeout_ms) if task.timeout_ms else None,
        ),
    ),
    TaskState.DELAYED: (_ID, _TYPE, _DUE, _TRY, _PAYLOAD, _UNIQUE),
    TaskState.RETRY: (_ID, _TYPE, _TRY, _DUE, _ERROR, _CAUSE, _WIDE_WORKER),
    TaskState.WAITING: (_ID, _TYPE, _SINCE, _WAITS_FOR, _GROUP),
    TaskState.COMPLETED: (
        _ID,
        _TYPE,
        _FINISHED,
        (_right("TOOK"), _took),
        (_flexible("RESULT"), _result),
        (Column("WAITED", is_right=True, is_wide=True), _waited),
        _WIDE_WORKER,
    ),
    TaskState.DEAD: (_ID, _TYPE, _TRY, _FINISHED, _ERROR, _CAUSE, _WIDE_WORKER, _SIZE),
    TaskState.CANCELLED: (
        _ID,
        _TYPE,
        _FINISHED,
        _TRY,
        (_flexible("WHY"), lambda task, _: why_cancelled(task)),
    ),
    TaskState.TRASH: (
        _ID,
        _TYPE,
        (Column("WAS"), lambda task, _: task.former_state.value if task.former_state else None),
        (_right("PURGED"), lambda task, scene: _ago(task.due_ms, scene)),
        _PAYLOAD,
    ),
}
_MIXED = (
    *(_ID, _QUEUE, _STATE, _TYPE, _TRY),
    (_spare("AGE", 3), _age),
    (Column("ERROR", is_flexible=True, spare=4), _ERROR[1]),
    (Column("PAYLOAD", is_flexible=True, spare=1), preview),
)


def why_cancelled(task: TaskView) -> str | None:
    """Return who or what ended a task, as people read it."""
    if task.cancel_note:
        return cancel_text(task.cancel_note)
    return next((said(entry.note) for entry in reversed(task.timeline) if entry.note), None)


def task_listing(scene: Scene, state: TaskState | None, queue: str | None) -> Listing[TaskView]:
    """Return how a list of tasks is shown.

    Args:
        scene: What cells need besides the task.
        state: The one state that all tasks are in, or None.
        queue: The one queue that all tasks are in, or None for a QUEUE column.
    """
    fields = _MIXED if state is None else _BY_STATE[state]
    if queue is None and state is not None:
        fields = (fields[0], _QUEUE, *fields[1:])
    return Listing(
        [column for column, _ in fields],
        lambda task: [read(task, scene) for _, read in fields],
        lambda task: task_record(task, scene.secret_fields),
        lambda task: task.id,
    )
