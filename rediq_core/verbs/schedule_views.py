"""Schedules as people see them: plain reads of the global keys, and of `fired` of a queue.

Pure functions: commands, and what reads their replies. They change nothing and decide nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from rediq_core import keys
from rediq_core.connection.raw import Reply
from rediq_core.model.schedule import Firing, ScheduleView, occurrence_id
from rediq_core.model.views import Pause
from rediq_core.verbs.firing import run_id
from rediq_core.verbs.presence import Command, read_time_ms
from rediq_core.verbs.schedule import MAX_SCHEDULES, Row


def roster_commands(namespace: str) -> list[Command]:
    """Return what reads the server's time and all names with their due times: O(schedules)."""
    due = keys.global_key(namespace, "schedules_due")
    return [("TIME",), ("ZRANGE", due, 0, MAX_SCHEDULES - 1, "WITHSCORES")]


def read_roster(replies: Sequence[Reply]) -> tuple[int, dict[str, int]]:
    """Return the server's time, and for each schedule when it is due, 0 while it is paused."""
    time, flat = replies
    due = {
        _text(name): 0 if math.isinf(float(at)) else int(float(at))
        for name, at in zip(flat[::2], flat[1::2], strict=True)
    }
    return read_time_ms(time), due


def row_command(namespace: str, name: str, *, has_task: bool = False) -> Command:
    """Return what reads how a schedule is stored."""
    fields = (name, f"{name}|paused", f"{name}|set", *([f"{name}|task"] if has_task else []))
    return ("HMGET", keys.global_key(namespace, "schedules"), *fields)


def fired_command(namespace: str, queue: str, name: str) -> Command:
    """Return what reads what became of a schedule's due times."""
    key = keys.queue_key(namespace, queue, "fired")
    return ("HMGET", key, f"{name}>log", f"{name}>missed")


def forget_command(namespace: str, queue: str, name: str) -> Command:
    """Return what removes the history of a schedule that was deleted."""
    fields = (name, f"{name}>last", f"{name}>log", f"{name}>missed")
    return ("HDEL", keys.queue_key(namespace, queue, "fired"), *fields)


def read_view(row: Row, stored: Reply, *, due_ms: int, at_ms: int) -> ScheduleView:
    """Read a schedule; what became of it is not in it yet.

    Args:
        row: How it is stored, read.
        stored: Reply of `row_command`.
        due_ms: When it is due, or 0.
        at_ms: Server time of the reading.
    """
    _, paused, set_, *task = stored
    set_ms, _, set_by = _text(set_ or b"0|").partition("|")
    return ScheduleView(
        name=row.name,
        cron=row.cron,
        timezone=row.timezone,
        misfire=row.misfire.value,
        overlap=row.overlap.value,
        jitter_ms=row.jitter_ms,
        queue=row.queue,
        type=row.type,
        priority=row.priority,
        source=row.source.value,
        rev=row.rev,
        set_ms=int(set_ms),
        set_by=set_by,
        at_ms=at_ms,
        next_ms=due_ms,
        pause=_pause(paused) if paused else None,
        payload_json=(task[0] or b"").partition(b"\n")[2].partition(b"\n")[2] if task else b"",
    )


def _pause(stored: bytes) -> Pause:
    since_ms, _, text = _text(stored).partition("|")
    try:
        note = json.loads(text)
        return Pause(str(note["by"]), str(note["why"]), int(since_ms), 0)
    except (ValueError, KeyError, TypeError):
        return Pause("", "", 0, 0)


def read_history(name: str, reply: Reply) -> tuple[list[Firing], int]:
    """Read what became of a schedule's due times, last first, and how many were missed."""
    log, missed = reply
    entries = []
    for line in reversed(_text(log or b"").splitlines()):
        entry = _entry(name, line)
        if entry is not None:
            entries.append(entry)
    return entries, int(missed or 0)


def _entry(name: str, line: str) -> Firing | None:
    parts = line.split("|", 3)
    if len(parts) != 4 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    number, at_ms, kind, more = int(parts[0]), int(parts[1]), parts[2], parts[3]
    if kind == "run":
        return Firing(kind, at_ms, number, run_id(name, number), by=more)
    if kind == "missed":
        return Firing(kind, at_ms, number * 1000, count=int(more))
    task_id = occurrence_id(name, number) if kind == "fired" else ""
    return Firing(kind, at_ms, number * 1000, task_id)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
