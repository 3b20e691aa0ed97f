"""How schedules look: the table of all, the page of one, and its history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rediq_cli.output.humanise import ago, count, duration
from rediq_cli.output.json import Json, iso, readable
from rediq_cli.output.neutralise import safe
from rediq_cli.output.records import as_json
from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Column, Styled, pairs
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.config.redact import redact_fields
from rediq_core.errors import InvalidPayload
from rediq_core.model.codec import decode
from rediq_core.model.schedule import Firing, ScheduleView

_COLUMNS = (
    Column("NAME", is_flexible=True),
    Column("SCHEDULE"),
    Column("TZ", spare=3),
    Column("NEXT"),
    Column("LAST"),
    Column("RESULT"),
    Column("ON"),
    Column("MISSED", is_right=True, spare=2),
    Column("SOURCE", spare=1),
    Column("QUEUE", is_wide=True),
    Column("TYPE", is_wide=True),
    Column("PAUSED BY", is_wide=True, is_flexible=True),
)
_HISTORY = (
    Column("DUE"),
    Column("DECIDED", spare=1),
    Column("RESULT"),
    Column("TASK"),
    Column("BY", is_flexible=True),
)
# What became of a due time that no task stands for.
_WORDS = {
    "overlap": "skipped, still running",
    "full": "skipped, queue full",
    "unique": "skipped, key taken",
}


def schedule_record(schedule: ScheduleView) -> dict[str, Json]:
    """Return a schedule as an object."""
    pause = schedule.pause
    return {
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "misfire": schedule.misfire,
        "overlap": schedule.overlap,
        "jitter_ms": schedule.jitter_ms,
        "queue": schedule.queue,
        "type": schedule.type,
        "priority": schedule.priority,
        "source": schedule.source,
        "rev": schedule.rev,
        "paused": pause is not None,
        "pause": None
        if pause is None
        else {"by": pause.by, "reason": pause.reason, "since": iso(pause.since_ms)},
        "next_at": iso(schedule.next_ms) if schedule.next_ms else None,
        "last": None if schedule.last is None else firing_record(schedule.last),
        "missed": schedule.missed,
        "changed_at": iso(schedule.set_ms) if schedule.set_ms else None,
        "changed_by": schedule.set_by or None,
        "at": iso(schedule.at_ms),
    }


def firing_record(firing: Firing) -> dict[str, Json]:
    """Return what became of a due time as an object."""
    return {
        "kind": firing.kind,
        "due_at": iso(firing.due_ms),
        "at": iso(firing.at_ms),
        "id": firing.task_id or None,
        "state": None if firing.task is None else firing.task.state.value,
        "count": firing.count,
        "by": firing.by or None,
    }


def whole_record(
    schedule: ScheduleView, upcoming: Sequence[int], secret_fields: Sequence[str]
) -> dict[str, Json]:
    """Return one schedule with its payload and its next due times."""
    return {
        **schedule_record(schedule),
        "payload": _payload(schedule, secret_fields),
        "upcoming": [iso(due_ms) for due_ms in upcoming],
    }


def schedule_listing(terminal: Terminal) -> Listing[ScheduleView]:
    """Return how `schedule list` shows schedules."""

    def row(schedule: ScheduleView) -> list[Cell]:
        last = schedule.last
        return [
            Styled(schedule.name, "bold"),
            schedule.cron,
            schedule.timezone,
            next_text(schedule),
            None if last is None else ago(last.at_ms, schedule.at_ms),
            None if last is None else result_cell(last, terminal),
            on_cell(schedule, terminal),
            schedule.missed,
            schedule.source,
            schedule.queue,
            schedule.type,
            schedule.pause.by if schedule.pause else None,
        ]

    return Listing(_COLUMNS, row, schedule_record, lambda schedule: schedule.name)


def next_text(schedule: ScheduleView) -> str | None:
    """Return when a schedule is due next, in words; None while it is paused."""
    if not schedule.next_ms:
        return None
    if schedule.next_ms < schedule.at_ms:
        return f"overdue {duration(schedule.at_ms - schedule.next_ms)}"
    return ago(schedule.next_ms, schedule.at_ms)


def on_cell(schedule: ScheduleView, terminal: Terminal) -> Styled:
    """Return whether a schedule fires."""
    return Styled("on") if schedule.pause is None else state_cell("PAUSED", terminal)


def result_cell(firing: Firing, terminal: Terminal) -> Styled:
    """Return what became of a due time: the state of its task, or why there is none."""
    if firing.kind == "missed":
        return Styled(f"missed {firing.count:,}", "yellow")
    if firing.kind in _WORDS:
        return Styled(_WORDS[firing.kind], "yellow")
    return Styled("gone") if firing.task is None else state_cell(firing.task.state, terminal)


def schedule_page(
    schedule: ScheduleView,
    upcoming: Sequence[int],
    secret_fields: Sequence[str],
    terminal: Terminal,
) -> Iterator[str]:
    """Yield the page of one schedule: what it does, when, and what last became of it."""
    yield terminal.paint(safe(schedule.name), "bold")
    last = schedule.last
    rows: list[tuple[str, Cell]] = [
        ("schedule", f"{schedule.cron} ({schedule.timezone})"),
        ("next", next_text(schedule)),
        ("paused", _pause_text(schedule)),
        ("type", schedule.type),
        ("queue", schedule.queue),
        ("priority", schedule.priority),
        ("payload", readable(_payload(schedule, secret_fields))),
        ("misfire", schedule.misfire),
        ("overlap", schedule.overlap),
        ("jitter", duration(schedule.jitter_ms) if schedule.jitter_ms else None),
        ("missed", schedule.missed),
        ("last", None if last is None else ago(last.at_ms, schedule.at_ms)),
        ("result", None if last is None else result_cell(last, terminal)),
        ("last task", (last.task_id or None) if last is not None else None),
        ("source", f"{schedule.source}, revision {schedule.rev}" if schedule.rev else "api"),
        ("changed", _changed_text(schedule)),
    ]
    yield from pairs(rows, terminal, indent="  ")
    if upcoming:
        yield "  due next:" if schedule.pause is None else "  would be due next:"
        yield from (f"    {local_time(due_ms, schedule.timezone)}" for due_ms in upcoming)


def _pause_text(schedule: ScheduleView) -> str | None:
    pause = schedule.pause
    if pause is None:
        return None
    text = f"by {pause.by or 'somebody'}, {ago(pause.since_ms, schedule.at_ms)}"
    return f"{text}: {pause.reason}" if pause.reason else text


def _changed_text(schedule: ScheduleView) -> str | None:
    if not schedule.set_ms:
        return None
    text = ago(schedule.set_ms, schedule.at_ms)
    return f"{text} by {schedule.set_by}" if schedule.set_by else text


def _payload(schedule: ScheduleView, secret_fields: Sequence[str]) -> Json:
    try:
        payload = decode(schedule.payload_json)
    except InvalidPayload:
        return None
    return as_json(redact_fields(payload, secret_fields))


def local_time(at_ms: int, timezone: str) -> str:
    """Write an instant as the clocks of a zone show it, with its offset."""
    at = datetime.fromtimestamp(at_ms // 1000, ZoneInfo(timezone))
    return at.strftime("%a %Y-%m-%d %H:%M:%S %z")


def history_listing(schedule: ScheduleView, terminal: Terminal) -> Listing[Firing]:
    """Return how `schedule history` shows what became of due times."""

    def row(firing: Firing) -> list[Cell]:
        many = count(firing.count, "due time") if firing.kind == "missed" else None
        return [
            local_time(firing.due_ms, schedule.timezone),
            ago(firing.at_ms, schedule.at_ms),
            result_cell(firing, terminal),
            firing.task_id or many,
            firing.by or None,
        ]

    return Listing(_HISTORY, row, firing_record, lambda firing: firing.task_id)
