"""A task as one line of JSON that leaves Redis and can come back: payload, options, state, story.

Written for people to read and edit and for `task import` to take back: names are long, instants
are ISO-8601 UTC, what is not there is left out. A payload comes back byte for byte: where its JSON
value alone would not say how it was written, the text is kept beside it. It does no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rediq_core.errors import InvalidOption, InvalidPayload, RediqError
from rediq_core.model.codec import decode, encode
from rediq_core.model.header import Options, header_tail
from rediq_core.model.ids import new_id
from rediq_core.model.names import check_name
from rediq_core.model.retry import Backoff, BackoffKind
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.task import DEFAULT_QUEUE, Task
from rediq_core.model.views import TaskView

# Names of a timeline's fields here, and as Redis keeps them.
_STORY = {
    "kind": "o",
    "attempt": "a",
    "token": "k",
    "claimed_ms": "c",
    "at_ms": "t",
    "waited_ms": "w",
    "run_ms": "d",
    "from": "f",
    "error_type": "e",
    "error": "m",
    "traceback": "b",
    "cause": "p",
    "note": "n",
    "operation": "i",
    "result": "r",
}
_STORED = {short: name for name, short in _STORY.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Longest own id taken, in characters.
MAX_ID = 128


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A task that is to come back.

    Attributes:
        task: The task, with its id; what `waits` is enqueued as it is.
        state: The state it comes back to.
        tail: Its stored form after `expires_ms`.
        place_ms: Its place inside its priority, or 0 for now.
        expires_ms: When it is cancelled if not started, or 0.
        score_ms: When it is due or finished, or 0 for now.
        attempts: Finished runs.
        runs: Its timeline as Redis keeps it.
        failure: fingerprint|summary of why it is in retry or dead, or "".
        keep_ms: How long it is kept after it finished, or 0.
    """

    task: Task[object]
    state: TaskState
    tail: bytes
    place_ms: int
    expires_ms: int
    score_ms: int
    attempts: int
    runs: bytes
    failure: str
    keep_ms: int

    @property
    def waits(self) -> bool:
        """True if its parents or its group decide where it goes."""
        return self.state is TaskState.WAITING


def export_record(task: TaskView, options: Options, runs: bytes) -> dict[str, object]:
    """Return a task as an object to be written as one line.

    Args:
        task: The task.
        options: Its rare options.
        runs: Its timeline as Redis keeps it.
    """
    record: dict[str, object] = {
        "id": task.id,
        "type": task.type,
        "queue": task.queue,
        "state": task.state.value,
        "former_state": task.former_state.value if task.former_state else None,
        "priority": task.priority,
        **_payload_fields(task.payload_json),
        "max_retry": options.max_retry,
        "timeout_ms": task.timeout_ms or None,
        "backoff": _backoff_fields(options.backoff),
        "keep_ms": options.keep_ms or None,
        "unique_key": task.unique_key or None,
        "group": task.group or None,
        "depends_on": list(options.depends_on) or None,
        "on_dependency_failure": options.on_dependency_failure
        if options.on_dependency_failure != "fail"
        else None,
        "extra": dict(task.extra) or None,
        "attempts": task.attempts or None,
        "place_at": _iso(task.place_ms),
        "due_at": _iso(task.due_ms) if task.state is not TaskState.TRASH else None,
        "finished_at": _iso(task.finished_ms),
        "expires_at": _iso(task.expires_ms),
        "timeline": _story(runs) or None,
    }
    return {name: value for name, value in record.items() if value is not None}


def export_line(record: Mapping[str, object]) -> bytes:
    """Write a record as one line of ASCII, with its line end."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def parse_line(line: str) -> ImportRow:
    """Read a line that `export_line` or a person wrote; only `type` has to be there.

    Raises:
        InvalidOption: It is no such object, or a field is not what it must be.
        InvalidPayload: The payload is not JSON.
        PayloadTooLarge: The payload is over the limit.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidOption("it is not JSON.", cause=f"{error}.") from error
    if not isinstance(row, dict):
        raise InvalidOption("it is not an object.")
    try:
        return _row_of(row)
    except RediqError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InvalidOption("a field is not what it must be.", cause=f"{error}.") from error


def _row_of(row: dict[str, object]) -> ImportRow:
    state = TaskState(str(row.get("state") or "pending"))
    if state is TaskState.TRASH:
        state = TaskState(str(row.get("former_state") or "dead"))
    if state is TaskState.ACTIVE:
        # Its worker has it no more.
        state = TaskState.PENDING
    task = _task_of(row)
    payload_json = _payload_of(row)
    runs = _stored_story(row.get("timeline"))
    score_ms = _ms(row.get("finished_at" if state in FINAL_STATES else "due_at"))
    has_failed = state in (TaskState.RETRY, TaskState.DEAD)
    return ImportRow(
        task,
        state,
        header_tail(task, payload_json),
        _ms(row.get("place_at")),
        _ms(row.get("expires_at")),
        score_ms,
        int(str(row.get("attempts") or 0)),
        runs,
        _failure_of(row.get("timeline")) if has_failed else "",
        int(str(row.get("keep_ms") or 0)),
    )


def _task_of(row: dict[str, object]) -> Task[object]:
    queue = check_name("queue", row.get("queue") or DEFAULT_QUEUE)
    timeout_ms, keep_ms = row.get("timeout_ms"), row.get("keep_ms")
    task_id = row.get("id") or new_id(queue)
    if not isinstance(task_id, str) or len(task_id) > MAX_ID or not task_id.isprintable():
        raise InvalidOption("its id is not one.")
    depends_on, extra = row.get("depends_on"), row.get("extra")
    return Task(
        str(row["type"]) if "type" in row else _no_type(),
        queue=queue,
        id=task_id,
        priority=row.get("priority", 50),  # type: ignore[arg-type]  # Task checks
        max_retry=row.get("max_retry"),  # type: ignore[arg-type]  # Task checks
        timeout=timedelta(milliseconds=int(str(timeout_ms))) if timeout_ms else None,
        backoff=_backoff_of(row.get("backoff")),
        keep=timedelta(milliseconds=int(str(keep_ms))) if keep_ms else None,
        unique_key=row.get("unique_key") or None,  # type: ignore[arg-type]  # Task checks
        group=row.get("group") or None,  # type: ignore[arg-type]  # Task checks
        depends_on=list(map(str, depends_on)) if isinstance(depends_on, list) else [],
        on_dependency_failure=row.get("on_dependency_failure", "fail"),  # type: ignore[arg-type]  # Task checks
        extra=dict(extra) if isinstance(extra, dict) else {},
    )


def _no_type() -> str:
    raise InvalidOption("it has no type.")


def _payload_fields(payload_json: bytes) -> dict[str, object]:
    try:
        value = decode(payload_json)
    except InvalidPayload:
        return {"payload_text": payload_json.decode("utf-8", "surrogateescape")}
    if encode(value, limit_bytes=len(payload_json) * 8 + 64) == payload_json:
        return {"payload": value}
    return {"payload": value, "payload_text": payload_json.decode()}


def _payload_of(row: Mapping[str, object]) -> bytes:
    """Return the payload's bytes: the text if it still says the value, else the value."""
    text = row.get("payload_text")
    if not isinstance(text, str):
        return encode(row.get("payload"))
    raw = text.encode("utf-8", "surrogateescape")
    if "payload" not in row or decode(raw) == row["payload"]:
        return raw
    return encode(row["payload"])


def _backoff_fields(backoff: Backoff | None) -> dict[str, object] | None:
    if backoff is None:
        return None
    return {
        "kind": backoff.kind.value,
        "base_ms": backoff.base_ms,
        "cap_ms": backoff.cap_ms,
        "jitter": backoff.jitter,
        "delays_ms": list(backoff.delays_ms),
    }


def _backoff_of(fields: object) -> Backoff | None:
    if not isinstance(fields, dict):
        return None
    return Backoff(
        BackoffKind(fields["kind"]),
        int(fields["base_ms"]),
        int(fields["cap_ms"]),
        float(fields["jitter"]),
        tuple(map(int, fields["delays_ms"])),
    )


def _story(runs: bytes) -> list[object]:
    entries: list[object] = []
    for line in runs.splitlines():
        try:
            raw = json.loads(line)
            entries.append({_STORED.get(name, name): value for name, value in raw.items()})
        except (ValueError, AttributeError, RecursionError):
            continue
    return entries


def _stored_story(timeline: object) -> bytes:
    lines = []
    for entry in timeline if isinstance(timeline, list) else []:
        raw = {_STORY.get(str(name), str(name)): value for name, value in entry.items()}
        if "r" in raw:
            # Readers take the rest of the line for the result.
            raw["r"] = raw.pop("r")
        lines.append(json.dumps(raw, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    return b"".join(lines)


def _failure_of(timeline: object) -> str:
    for entry in reversed(timeline if isinstance(timeline, list) else []):
        if entry.get("cause"):
            summary = f"{entry.get('error_type', '')}: {entry.get('error', '')}".strip(": ")
            return f"{entry['cause']}|{summary[:200]}"
    return ""


def _iso(at_ms: int) -> str | None:
    if not at_ms:
        return None
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def _ms(text: object) -> int:
    if not text:
        return 0
    at = datetime.fromisoformat(str(text))
    return round((at.astimezone(UTC) - _EPOCH) / timedelta(milliseconds=1))
