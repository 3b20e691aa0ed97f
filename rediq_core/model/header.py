r"""The one line in front of a stored payload: written at enqueue, read by Lua and Python.

    1|priority|place_ms|expires_ms|timeout_ms|flags|type|unique key|group|options\npayload

The first nine fields are what scripts need, found by one `string.match`; options are short JSON
with defaults left out and are never read by Lua, but for their last one, `t`: the trace a task was
enqueued in, which is no part of what it is. `place_ms` and `expires_ms` depend on the server's
clock, so the producer sends the parts before and after them, and the enqueue script joins them.
Lua never decodes or writes the payload. A change of this format raises `REVISION` and needs a
reader for both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from rediq_core.errors import SchemaMismatch
from rediq_core.model.codec import encode
from rediq_core.model.durations import duration_ms
from rediq_core.model.retry import Backoff, BackoffKind, to_backoff
from rediq_core.model.task import Task

REVISION = b"1"
# Names of the headers of a W3C trace context, in `extra`.
TRACE_PARENT: Final = "traceparent"
TRACE_STATE: Final = "tracestate"
_FIELDS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """The rare options of a task, which only the worker and people read.

    Attributes:
        max_retry: Retries, or None.
        backoff: Delay before retries, or None.
        keep_ms: How long it is kept after it finished, or 0.
        depends_on: Ids of its parents, in order.
        on_dependency_failure: fail, run or cancel.
        extra: Headers, those of the trace it was enqueued in among them.
    """

    max_retry: int | None = None
    backoff: Backoff | None = None
    keep_ms: int = 0
    depends_on: tuple[str, ...] = ()
    on_dependency_failure: str = "fail"
    extra: dict[str, object] | None = None


NO_OPTIONS = Options()


class Header(NamedTuple):
    """A stored task, taken apart.

    Attributes:
        priority: 0 to 100.
        place_ms: Enqueue or due time: its place inside its priority.
        expires_ms: Cancelled if not started by then, or 0.
        timeout_ms: Its own timeout, or 0.
        flags: Marks that Lua reads: D it has parents; then r it runs whatever becomes of them, c a
            bad end of one cancels it; m one that is unknown counts as completed.
        type: Task type.
        unique_key: Unescaped, or "".
        group: Group name, or "".
        options_json: Options as stored, b"" for none.
        payload_json: Payload as sent.
    """

    priority: int
    place_ms: int
    expires_ms: int
    timeout_ms: int
    flags: str
    type: str
    unique_key: str
    group: str
    options_json: bytes
    payload_json: bytes


def escape_key(key: str) -> str:
    """Write a unique key so that it holds neither '|' nor a line end."""
    return key.replace("%", "%25").replace("|", "%7C")


def unescape_key(escaped: str) -> str:
    """Undo `escape_key`."""
    return escaped.replace("%7C", "|").replace("%25", "%")


@lru_cache(maxsize=1024)
def _plain_tail(type_name: str) -> bytes:
    return f"0||{type_name}|||\n".encode()


def header_tail(task: Task[object], payload_json: bytes, trace: str = "") -> bytes:
    """Return what follows `expires_ms` in the stored task: timeout to payload.

    Args:
        task: The task; its names were checked when it was made.
        payload_json: Its encoded payload.
        trace: What `write_trace` made of the span it is enqueued in, or "".

    Raises:
        InvalidPayload: `extra` is not JSON.
        PayloadTooLarge: `extra` is as large as no payload may be.
    """
    if task.is_plain and not trace:
        return _plain_tail(task.type) + payload_json
    timeout_ms = 0 if task.timeout is None else duration_ms(task.timeout, "timeout")
    unique = "" if task.unique_key is None else escape_key(task.unique_key)
    flags = _flags(task) if task.depends_on else ""
    head = f"{timeout_ms}|{flags}|{task.type}|{unique}|{task.group or ''}|".encode()
    return head + _options_json(task, trace) + b"\n" + payload_json


def _flags(task: Task[object]) -> str:
    on_failure = {"run": "r", "cancel": "c"}.get(task.on_dependency_failure, "")
    return f"D{on_failure}{'m' if task.on_missing_dependency == 'run' else ''}"


def _options_json(task: Task[object], trace: str) -> bytes:
    options: dict[str, object] = {}
    if task.max_retry is not None:
        options["r"] = task.max_retry
    if task.backoff is not None:
        options["b"] = _backoff_json(to_backoff(task.backoff))
    if task.keep is not None:
        options["k"] = duration_ms(task.keep, "keep")
    if task.depends_on:
        options["d"] = list(task.parent_ids)
    if task.on_dependency_failure != "fail":
        options["f"] = task.on_dependency_failure
    if task.extra:
        options["x"] = dict(task.extra)
    if trace and TRACE_PARENT not in (task.extra or {}):
        options["t"] = trace
    return encode(options, what="extra") if options else b""


def _backoff_json(backoff: Backoff) -> list[object]:
    return [
        backoff.kind.value,
        backoff.base_ms,
        backoff.cap_ms,
        backoff.jitter,
        list(backoff.delays_ms),
    ]


def parse_stored(stored: bytes) -> Header:
    """Take a stored task apart; one split, no JSON.

    Raises:
        SchemaMismatch: It was not written by this version, or is damaged.
    """
    head, _, payload = stored.partition(b"\n")
    fields = head.split(b"|", _FIELDS - 1)
    if len(fields) != _FIELDS or fields[0] != REVISION:
        raise damaged()
    try:
        unique = fields[7].decode()
        return Header(
            int(fields[1]),
            int(fields[2]),
            int(fields[3]),
            int(fields[4]),
            fields[5].decode(),
            fields[6].decode(),
            unescape_key(unique) if unique else "",
            fields[8].decode(),
            fields[9],
            payload,
        )
    except ValueError as error:
        raise damaged() from error


def parse_options(options_json: bytes) -> Options:
    """Read the rare options; defaults for what is left out.

    Raises:
        SchemaMismatch: They cannot be read.
    """
    if not options_json:
        return NO_OPTIONS
    try:
        raw = json.loads(options_json)
        backoff = raw.get("b")
        return Options(
            raw.get("r"),
            None if backoff is None else _backoff_from(backoff),
            raw.get("k", 0),
            tuple(raw.get("d", ())),
            raw.get("f", "fail"),
            {**raw.get("x", {}), **_read_trace(raw["t"])} if "t" in raw else raw.get("x"),
        )
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise damaged() from error


def write_trace(parent: str, state: str) -> str:
    """Write the two headers of a W3C trace context as one text without quotes."""
    return f"{parent};{quote(state, safe='=,*/@:')}" if state else parent


def _read_trace(written: str) -> dict[str, object]:
    parent, _, state = written.partition(";")
    return {TRACE_PARENT: parent, TRACE_STATE: unquote(state)} if state else {TRACE_PARENT: parent}


def _backoff_from(raw: list[object]) -> Backoff:
    kind, base_ms, cap_ms, jitter, delays_ms = raw
    return Backoff(BackoffKind(kind), base_ms, cap_ms, jitter, tuple(delays_ms))  # type: ignore[arg-type]  # __post_init__ and the caller's except check


def damaged() -> SchemaMismatch:
    """Make the error for a stored task that cannot be read."""
    return SchemaMismatch(
        "A stored task cannot be read.",
        cause="Its header line is damaged or of another version of Rediq.",
        next_step="See it raw: rediq task inspect ID --json",
    )
