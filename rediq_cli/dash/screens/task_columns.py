"""The columns of tables of tasks: other ones for each state, because other things matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rediq_cli.dash.figures import NOTHING, ago_text, bytes_text, span_text
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import Line, Span
from rediq_cli.dash.widgets.look import Look, state_span
from rediq_cli.dash.widgets.task_text import attempts_text, progress_bar
from rediq_cli.output.neutralise import safe
from rediq_cli.output.tasks import line_of
from rediq_core.config.redact import redact_fields
from rediq_core.errors import InvalidPayload
from rediq_core.model.state import TaskState
from rediq_core.model.terms import entered_ms
from rediq_core.model.views import TaskView, TimelineEntry

# Characters of an id that a row shows: its end, which `rediq task inspect` takes.
ID_END = 7
# A payload longer than this is not decoded for a row.
PREVIEW_BYTES = 2_000

Cells = Callable[[TaskView, Look], Span | Line]


def _id(task: TaskView, look: Look) -> Span:
    mark = look.glyph("…", "~")
    shown = task.id if len(task.id) <= ID_END else f"{mark}{task.id[-ID_END:]}"
    return Span(safe(shown), "accent")


def _type(task: TaskView, look: Look) -> Span:
    del look
    return Span(safe(task.type, 128), "bold")


def _queue(task: TaskView, look: Look) -> Span:
    del look
    return Span(safe(task.queue, 128))


def _state(task: TaskView, look: Look) -> Span:
    return state_span(task.state.value, look)


def _try(task: TaskView, look: Look) -> Span:
    del look
    return Span(attempts_text(task), "" if task.attempts else "dim")


def _age(task: TaskView, look: Look) -> Span:
    start_ms = entered_ms(task)
    return Span(span_text(look.now_ms - start_ms) if start_ms else NOTHING)


def _since(task: TaskView, look: Look) -> Span:
    return Span(ago_text(entered_ms(task), look.now_ms))


def _finished(task: TaskView, look: Look) -> Span:
    return Span(ago_text(task.finished_ms, look.now_ms))


def _due(task: TaskView, look: Look) -> Span:
    return Span(ago_text(task.due_ms, look.now_ms))


def _error(task: TaskView, look: Look) -> Span:
    del look
    return Span(safe(task.error, 300) or NOTHING, "bad" if task.error else "dim")


def _payload(task: TaskView, look: Look) -> Span:
    return Span(safe(preview(task, look), 300), "dim")


def preview(task: TaskView, look: Look) -> str:
    """Return the beginning of a payload, secrets hidden; a large one is not decoded."""
    if len(task.payload_json) > PREVIEW_BYTES:
        return f"<{bytes_text(len(task.payload_json))}>"
    try:
        return line_of(redact_fields(task.payload, look.secret_fields))
    except InvalidPayload:
        return f"<not JSON, {bytes_text(len(task.payload_json))}>"


def _error_or_payload(task: TaskView, look: Look) -> Span:
    return _error(task, look) if task.error else _payload(task, look)


def _last_run(task: TaskView) -> TimelineEntry | None:
    return next((entry for entry in reversed(task.timeline) if entry.attempt), None)


def _took(task: TaskView, look: Look) -> Span:
    del look
    run = _last_run(task)
    return Span(span_text(run.run_ms) if run else NOTHING)


def _waited(task: TaskView, look: Look) -> Span:
    del look
    run = _last_run(task)
    return Span(span_text(run.waited_ms) if run else NOTHING)


def _result(task: TaskView, look: Look) -> Span:
    if task.result_json is None:
        return Span(NOTHING, "dim")
    if len(task.result_json) > PREVIEW_BYTES:
        return Span(f"<{bytes_text(len(task.result_json))}>", "dim")
    return Span(safe(line_of(redact_fields(task.result, look.secret_fields)), 300), "dim")


def _progress(task: TaskView, look: Look) -> Line:
    return progress_bar(task, 10, look)


def _worker(task: TaskView, look: Look) -> Span:
    del look
    run = _last_run(task)
    return Span(safe(task.worker or (run.worker if run else ""), 80) or NOTHING)


def _waits_for(task: TaskView, look: Look) -> Span:
    mark = look.glyph("…", "~")
    ends = (f"{mark}{parent[-ID_END:]}" for parent in task.depends_on)
    text = ", ".join(ends) or (f"group {task.group}" if task.group else NOTHING)
    return Span(safe(text, 300))


def _ended_by(task: TaskView, look: Look) -> Span:
    del look
    last = task.timeline[-1] if task.timeline else None
    return Span(safe(task.cancel_note or (last.note if last else ""), 200) or NOTHING, "dim")


def _was(task: TaskView, look: Look) -> Span:
    if task.former_state is None:
        return Span(NOTHING, "dim")
    return state_span(task.former_state.value, look)


_C = Column
_ID = _C("ID", _id, 8, sort=lambda task: task.id)
_TYPE = _C("TYPE", _type, 15, narrow=14, grow=1, sort=lambda task: task.type)
_TRY = _C("TRY", _try, 4, drop=30, is_right=True, sort=lambda task: task.attempts)
_AGE = _C("AGE", _age, 6, is_right=True, drop=20, sort=entered_ms)
_ERROR = _C("ERROR", _error, 16, grow=3, sort=lambda task: task.error)
_PAYLOAD = _C("PAYLOAD", _payload, 14, drop=50, grow=3)
_PRIORITY: Column[TaskView] = _C(
    "PRIO",
    lambda task, _: Span(str(task.priority)),
    4,
    drop=40,
    is_right=True,
    sort=lambda task: task.priority,
)
_DUE = _C("DUE", _due, 9, is_right=True, drop=10, sort=lambda task: task.due_ms)
_SIZE: Column[TaskView] = _C(
    "SIZE",
    lambda task, _: Span(bytes_text(len(task.payload_json))),
    6,
    drop=80,
    is_right=True,
    sort=lambda task: len(task.payload_json),
    is_wide=True,
)
_GROUP: Column[TaskView] = _C(
    "GROUP", lambda task, _: Span(safe(task.group, 64) or NOTHING), 10, drop=85, is_wide=True
)
_UNIQUE: Column[TaskView] = _C(
    "UNIQUE", lambda task, _: Span(safe(task.unique_key, 64) or NOTHING), 12, drop=86, is_wide=True
)
_FINISHED = _C(
    "FINISHED", _finished, 10, is_right=True, drop=20, sort=lambda task: task.finished_ms
)
_TOOK = _C("TOOK", _took, 6, is_right=True, drop=35)
_WORKER = _C("WORKER", _worker, 14, drop=45, grow=1, sort=lambda task: task.worker)
_WIDE = (_SIZE, _GROUP, _UNIQUE)

COLUMNS_BY_STATE: dict[TaskState, Sequence[Column[TaskView]]] = {
    TaskState.PENDING: (_ID, _TYPE, _PRIORITY, _AGE, _TRY, _PAYLOAD, *_WIDE),
    TaskState.ACTIVE: (
        _ID,
        _TYPE,
        _C("RUNNING", _age, 7, is_right=True, drop=20, sort=entered_ms),
        _TRY,
        _C("PROGRESS", _progress, 22, drop=25, grow=2),
        _WORKER,
        *_WIDE,
    ),
    TaskState.DELAYED: (_ID, _TYPE, _DUE, _TRY, _PAYLOAD, *_WIDE),
    TaskState.RETRY: (_ID, _TYPE, _TRY, _DUE, _ERROR, *_WIDE),
    TaskState.WAITING: (
        _ID,
        _TYPE,
        _AGE,
        _C("WAITS FOR", _waits_for, 16, grow=3),
        _PAYLOAD,
        *_WIDE,
    ),
    TaskState.COMPLETED: (
        _ID,
        _TYPE,
        _FINISHED,
        _TOOK,
        _C("WAITED", _waited, 6, is_right=True, drop=60),
        _C("RESULT", _result, 14, drop=50, grow=3),
        *_WIDE,
    ),
    TaskState.DEAD: (
        _ID,
        _TYPE,
        _TRY,
        _C("FAILED", _since, 10, is_right=True, drop=20, sort=entered_ms),
        _ERROR,
        *_WIDE,
    ),
    TaskState.CANCELLED: (
        _ID,
        _TYPE,
        _TRY,
        _FINISHED,
        _C("BY", _ended_by, 16, drop=40, grow=3),
        *_WIDE,
    ),
    TaskState.TRASH: (
        _ID,
        _TYPE,
        _C("WAS", _was, 11, drop=30),
        _C("PURGED", _due, 9, is_right=True, drop=20),
        _PAYLOAD,
        *_WIDE,
    ),
}

ANY_COLUMNS: Sequence[Column[TaskView]] = (
    _ID,
    _TYPE,
    _C("QUEUE", _queue, 12, drop=60, grow=1, sort=lambda task: task.queue),
    _C("STATE", _state, 11, sort=lambda task: task.state.value),
    _TRY,
    _AGE,
    _C("ERROR OR PAYLOAD", _error_or_payload, 16, drop=55, grow=3),
    *_WIDE,
)
