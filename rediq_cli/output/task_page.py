"""The page of one task: what it is, where it stands, what happened to it, what it carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rediq_cli.output.humanise import ago, duration, size
from rediq_cli.output.json import Json, iso, readable
from rediq_cli.output.neutralise import safe, safe_lines
from rediq_cli.output.notes import cancel_text, said
from rediq_cli.output.records import as_json
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Styled, pairs
from rediq_cli.output.tasks import Scene
from rediq_cli.output.why import place_record, place_text
from rediq_core.admin import Kin, Place, Relative
from rediq_core.config.redact import redact_fields
from rediq_core.errors import InvalidPayload
from rediq_core.model.state import TaskState
from rediq_core.model.terms import entered_ms
from rediq_core.model.views import TaskView, TimelineEntry

INDENT = "  "
# Longest part of a payload or result that is shown; `-o json` has the whole.
SHOWN_LINES = 200
SHOWN_BYTES = 64 * 1024
TRACEBACK_LINES = 60


NOBODY = Kin()


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around a task.

    Attributes:
        place: Where it stands in line, or None.
        kin: Its parents and children.
    """

    place: Place | None = None
    kin: Kin = NOBODY

    def record(self) -> dict[str, Json]:
        """Return it as fields of the task's object."""
        return {
            "place": place_record(self.place),
            "parents": [_relative_record(parent) for parent in self.kin.parents],
            "children": [_relative_record(child) for child in self.kin.children],
            "more_children": self.kin.has_more,
        }


ALONE = Around()


def task_page(task: TaskView, scene: Scene, around: Around = ALONE) -> Iterator[str]:
    """Yield the page of a task, neutralised, without newlines."""
    yield scene.terminal.paint(safe(task.id, limit=0), "bold")
    yield from pairs(_facts(task, scene, around), scene.terminal, INDENT)
    yield from _relatives("parents", around.kin.parents, scene)
    yield from _relatives("children", around.kin.children, scene)
    if around.kin.has_more:
        yield f"{INDENT}… and more"
    yield ""
    yield "timeline"
    if task.enqueued_ms:
        yield f"{INDENT}{iso(task.enqueued_ms)}  {'queued':<10}  in {safe(task.queue)}"
    for entry in task.timeline:
        yield from _entry(entry, scene)
    if task.state is TaskState.ACTIVE:
        yield INDENT + _running(task, scene)
    last = task.last_failure
    if last is not None and last.traceback:
        yield ""
        yield f"traceback of attempt {last.attempt}"
        yield from _indented(safe_lines(last.traceback), TRACEBACK_LINES)
    yield ""
    yield f"payload ({size(len(task.payload_json))})"
    yield from _indented(_payload_lines(task, scene), SHOWN_LINES)
    if task.result_json is not None:
        yield ""
        yield f"result ({size(len(task.result_json))})"
        yield from _indented(_json_lines(task.result, scene), SHOWN_LINES)


def _relatives(title: str, relatives: Sequence[Relative], scene: Scene) -> Iterator[str]:
    if not relatives:
        return
    yield ""
    yield title
    for relative in relatives:
        if relative.state is None:
            yield f"{INDENT}{safe(relative.id)}  is not known any more"
            continue
        state = state_cell(relative.state.value, scene.terminal)
        painted = scene.terminal.paint(state.text, state.style)
        where = f"{safe(relative.type)} in {safe(relative.queue)}"
        yield f"{INDENT}{safe(relative.id)}  {painted}  {where}"


def _relative_record(relative: Relative) -> Json:
    return {
        "id": relative.id,
        "queue": relative.queue or None,
        "type": relative.type or None,
        "state": relative.state.value if relative.state else None,
    }


def _running(task: TaskView, scene: Scene) -> str:
    """Return the line of the run that is under way."""
    parts = [iso(task.since_ms) or "", f"{'claimed':<10}", f"attempt {task.attempts + 1}"]
    parts += [f"by {task.worker}", f"running for {duration(scene.now_ms - task.since_ms)}"]
    progress = _progress(task)
    parts += [progress] if progress else []
    return safe("  ".join(parts))


def _facts(task: TaskView, scene: Scene, around: Around) -> list[tuple[str, Cell]]:
    return [
        ("type", Styled(task.type, "bold")),
        ("queue", task.queue),
        ("state", state_cell(task.state.value, scene.terminal, _detail(task))),
        ("since", _instant(entered_ms(task), scene)),
        ("in line", place_text(around.place) if around.place else None),
        ("priority", task.priority),
        ("attempts", _attempts(task)),
        ("lost leases", task.losses or None),
        (_due_title(task), _instant(task.due_ms, scene)),
        ("expires", _instant(task.expires_ms, scene)),
        ("enqueued", _instant(task.enqueued_ms, scene)),
        ("finished", _instant(task.finished_ms, scene)),
        ("timeout", duration(task.timeout_ms) if task.timeout_ms else None),
        ("worker", task.worker or None),
        ("progress", _progress(task)),
        ("error", Styled(task.error, "red") if task.error else None),
        ("cause", task.last_failure.fingerprint if task.last_failure else None),
        ("told to stop", cancel_text(task.cancel_note) or None),
        ("unique key", task.unique_key or None),
        ("group", task.group or None),
        ("extra", _extra(task, scene)),
    ]


def _detail(task: TaskView) -> str:
    if task.is_held:
        return "(no worker knows this type)"
    if task.is_suspect:
        return "(runs alone, after two lost leases)"
    return f"(was {task.former_state.value})" if task.former_state else ""


def _due_title(task: TaskView) -> str:
    return "purged" if task.state is TaskState.TRASH else "due"


def _attempts(task: TaskView) -> str:
    text = str(task.attempts)
    if task.max_retry is not None:
        text += f" of at most {task.max_retry + 1}"
    return (
        f"{text}, and number {task.attempts + 1} runs" if task.state is TaskState.ACTIVE else text
    )


def _instant(at_ms: int, scene: Scene) -> str | None:
    return f"{iso(at_ms)}  {ago(at_ms, scene.now_ms)}" if at_ms else None


def _progress(task: TaskView) -> str | None:
    if task.progress is None:
        return None
    return f"{task.progress.percent:.0f}% {task.progress.message}".rstrip()


def _extra(task: TaskView, scene: Scene) -> str | None:
    if not task.extra:
        return None
    return readable(as_json(redact_fields(dict(task.extra), scene.secret_fields)))


def _entry(entry: TimelineEntry, scene: Scene) -> Iterator[str]:
    parts = [iso(entry.at_ms) or "", f"{entry.kind:<10}"]
    if entry.attempt:
        parts += [
            f"attempt {entry.attempt}",
            f"waited {duration(entry.waited_ms)}",
            f"ran {duration(entry.run_ms)}",
        ]
    parts += [f"by {entry.worker}"] if entry.worker else []
    parts += [said(entry.note)] if entry.note else []
    yield INDENT + safe("  ".join(parts)).rstrip()
    if entry.error_type:
        error = safe(f"{entry.error_type}: {entry.error}")
        yield INDENT * 2 + scene.terminal.paint(error, "red")


def _payload_lines(task: TaskView, scene: Scene) -> list[str]:
    try:
        return _json_lines(task.payload, scene)
    except InvalidPayload:
        return safe_lines(task.payload_json[:SHOWN_BYTES])


def _json_lines(value: object, scene: Scene) -> list[str]:
    text = readable(as_json(redact_fields(value, scene.secret_fields)), indent=2)
    return safe_lines(text[:SHOWN_BYTES])


def _indented(lines: list[str], limit: int) -> Iterator[str]:
    for text in lines[:limit]:
        yield INDENT + text
    if len(lines) > limit:
        yield f"{INDENT}… {len(lines) - limit:,} more lines: -o json"
