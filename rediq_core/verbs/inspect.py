"""Reads: from rows of Redis to the frozen views that people and front ends see.

Pure functions over read-only scripts, each O(1) or bounded by its page. A row that cannot be read
becomes a view that says so: reading never fails for one damaged task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import SchemaMismatch
from rediq_core.model.header import Header, Options, parse_options, parse_stored
from rediq_core.model.history import (
    RUN_LETTER,
    WAIT_LETTER,
    Histogram,
    histogram_of,
    is_bucket,
)
from rediq_core.model.ids import id_time_ms
from rediq_core.model.limits import read_limits
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import Page, Pause, Progress, QueueView, TaskView, TimelineEntry
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Most tasks of one page or one look-up.
MAX_PAGE = 500
# The zsets that make up a state, in reading order; every other state is its own.
ZSETS_OF_STATE: dict[TaskState, tuple[str, ...]] = {
    TaskState.PENDING: ("pending", "suspects", "held")
}
_COUNTED = (
    *("pending", "suspects", "held", "active", "delayed", "retry", "waiting"),
    *("completed", "cancelled", "dead", "trash"),
)
# Kinds of timeline entries that used up an attempt.
_FINISHED_RUNS = frozenset({"completed", "retry", "dead"})
_DAMAGED = Header(0, 0, 0, 0, "", "?", "", "", b"", b"")


def read_tasks(space: Space, queue: str, ids: Sequence[str]) -> Call[list[TaskView | None]]:
    """Read tasks by id, one round trip; None for those this queue does not know."""

    def read(reply: Reply) -> list[TaskView | None]:
        return [view_of(row, queue) if row else None for row in reply[1:]]

    return space.call(load("read_tasks"), queue, list(ids), read)


def read_page(
    space: Space,
    queue: str,
    zset: str,
    *,
    start: int = 0,
    limit: int = 50,
    is_reversed: bool = False,
) -> Call[Page]:
    """Read a page of one zset, one round trip, O(log n + page).

    Args:
        space: Namespace and clock.
        queue: The queue.
        zset: `pending`, `suspects`, `held`, `active`, … `trash`.
        start: Rank of the first task, from 0.
        limit: Tasks at most, up to MAX_PAGE.
        is_reversed: Latest first.
    """
    state = _state_of_zset(zset)

    def read(reply: Reply) -> Page:
        now_ms, total, read_count, *rows = reply
        tasks = tuple(view_of(row, queue) for row in rows)
        next_start = start + read_count
        return Page(queue, state, total, tasks, next_start if next_start < total else -1, now_ms)

    args: list[Arg] = [zset, start, min(limit, MAX_PAGE), "1" if is_reversed else "0"]
    return space.call(load("read_page"), queue, args, read)


def read_queue(space: Space, queue: str, *, minute: int) -> Call[QueueView]:
    """Read a queue's numbers, one round trip, O(1) in its tasks."""
    return space.call(load("read_queue"), queue, [], partial(_queue_view, queue), minute=minute)


def _state_of_zset(zset: str) -> TaskState:
    return TaskState.PENDING if zset in ("suspects", "held") else TaskState(zset)


def pairs(flat: Sequence[bytes]) -> dict[str, str]:
    """Turn field, value, field, value … into a dict of text."""
    words = [word.decode("utf-8", "replace") for word in flat]
    return dict(zip(words[::2], words[1::2], strict=True))


def _queue_view(queue: str, reply: Reply) -> QueueView:
    now_ms, oldest, due, counts, policy_flat, counters, minute, before = reply
    by_zset = dict(zip(_COUNTED, counts, strict=True))
    policy = pairs(policy_flat)
    ever = {name: _whole(value) for name, value in pairs(counters).items()}
    this_minute, last_minute = pairs(minute), pairs(before)
    share: float = now_ms % 60_000 / 60_000

    def rate(field: str) -> float:
        whole, part = _whole(this_minute.get(field)), _whole(last_minute.get(field))
        return (whole + part * (1 - share)) / 60

    states = {
        state: sum(by_zset[zset] for zset in ZSETS_OF_STATE.get(state, (state.value,)))
        for state in TaskState
    }
    return QueueView(
        queue,
        now_ms,
        states,
        suspects=by_zset["suspects"],
        held=by_zset["held"],
        pause=_pause_of(policy, now_ms),
        oldest_ms=max(now_ms - oldest, 0) if oldest else 0,
        next_due_ms=due,
        done_per_s=rate("completed"),
        failed_per_s=rate("failed"),
        enqueued_per_s=rate("enqueued"),
        lifetime={name: count for name, count in ever.items() if not is_bucket(name)},
        limits=read_limits(policy),
        run=_runs_of(last_minute).merge([_runs_of(this_minute)]),
        lifetime_run=histogram_of(ever, RUN_LETTER),
        lifetime_wait=histogram_of(ever, WAIT_LETTER),
    )


def _runs_of(minute: Mapping[str, str]) -> Histogram:
    buckets = {name: _whole(value) for name, value in minute.items() if is_bucket(name)}
    return histogram_of(buckets, RUN_LETTER)


def _pause_of(policy: dict[str, str], now_ms: int) -> Pause | None:
    until = _whole(policy.get("until"))
    if "paused" not in policy or 0 < until <= now_ms:
        return None
    return Pause(policy.get("by", ""), policy.get("why", ""), _whole(policy["paused"]), until)


def view_of(row: Sequence[bytes], queue: str) -> TaskView:
    """Turn a row of lib/describe.lua into a view."""
    raw_id, zset, score_text, stored, tries, runs, progress, claim, cancel, trashed = row
    task_id, state = raw_id.decode("utf-8", "replace"), _state_of_zset(zset.decode() or "pending")
    try:
        header = parse_stored(stored)
        options = parse_options(header.options_json)
    except SchemaMismatch:
        header, options = _DAMAGED._replace(payload_json=stored), Options()
    timeline = timeline_of(runs)
    attempts, losses, _ = _numbers(tries)
    score = _whole(score_text)
    token = claim.decode("utf-8", "replace")
    return TaskView(
        id=task_id,
        type=header.type,
        queue=queue,
        state=state,
        priority=header.priority,
        payload_json=header.payload_json,
        attempts=max([attempts, *(e.attempt for e in timeline if e.kind in _FINISHED_RUNS)]),
        losses=losses,
        enqueued_ms=id_time_ms(task_id) or header.place_ms,
        place_ms=header.place_ms,
        due_ms=score if state in (TaskState.DELAYED, TaskState.RETRY, TaskState.TRASH) else 0,
        since_ms=score if state in (TaskState.ACTIVE, TaskState.WAITING) else 0,
        finished_ms=score if state in FINAL_STATES else 0,
        expires_ms=header.expires_ms,
        timeout_ms=header.timeout_ms,
        max_retry=options.max_retry,
        unique_key=header.unique_key,
        group=header.group,
        depends_on=tuple(map(str, options.depends_on)),
        extra=options.extra if isinstance(options.extra, dict) else {},
        worker=token.rpartition(":")[0],
        token=token,
        progress=_progress_of(progress),
        result_json=_result_of(runs) if state is TaskState.COMPLETED else None,
        cancel_note=cancel.decode("utf-8", "replace"),
        timeline=timeline,
        is_suspect=zset == b"suspects",
        is_held=zset == b"held",
        former_state=_former_state(trashed),
    )


def _numbers(tries: bytes) -> tuple[int, int, int]:
    try:
        attempts, losses, ready = map(int, tries.split(b"|"))
    except ValueError:  # nothing there, or damaged
        return 0, 0, 0
    return attempts, losses, ready


def _progress_of(raw: bytes) -> Progress | None:
    try:
        percent, at_ms, message = raw.decode("utf-8", "replace").split("|", 2)
        return Progress(float(percent), message, int(at_ms))
    except ValueError:  # nothing there, or damaged
        return None


def _former_state(trashed: bytes) -> TaskState | None:
    try:
        return _state_of_zset(trashed.split(b"|")[0].decode())
    except ValueError:  # not in trash, or damaged
        return None


def _whole(value: object) -> int:
    """Return a number that something else may have written; 0 for what is none."""
    try:
        return int(float(value))  # type: ignore[arg-type]  # the except takes what is no number
    except (ValueError, TypeError, OverflowError):
        return 0


def timeline_of(runs: bytes) -> tuple[TimelineEntry, ...]:
    """Read a timeline; a line that cannot be read is left out."""
    return tuple(filter(None, map(_entry_of, runs.splitlines())))


def _entry_of(line: bytes) -> TimelineEntry | None:
    try:
        raw = json.loads(line)
        is_run = "a" in raw
        claimed_ms, run_ms = _whole(raw.get("c")), _whole(raw.get("d"))
        worker = str(raw.get("k", "")).rpartition(":")[0] if is_run else str(raw.get("w", ""))
        return TimelineEntry(
            kind=str(raw["o"]),
            at_ms=_whole(raw["t"]) if "t" in raw else claimed_ms + run_ms,
            attempt=_whole(raw.get("a")),
            worker=worker,
            claimed_ms=claimed_ms,
            waited_ms=_whole(raw.get("w")) if is_run else 0,
            run_ms=run_ms,
            error_type=str(raw.get("e", "")),
            error=str(raw.get("m", "")),
            traceback=str(raw.get("b", "")),
            fingerprint=str(raw.get("p", "")),
            note=_note_of(raw),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _note_of(raw: dict[str, object]) -> str:
    note = raw.get("n", "")
    if isinstance(note, dict):
        return " ".join(f"{name}={value}" for name, value in note.items())
    return str(note)


def _result_of(runs: bytes) -> bytes | None:
    for line in reversed(runs.splitlines()):
        # The result is the last field of its line, written as it came from the handler.
        start = line.find(b'"r":')
        if line.startswith(b'{"o":"completed"') and start > 0:
            return line[start + 4 : -1]
    return None
