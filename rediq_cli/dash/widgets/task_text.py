"""The text of one task for the drawer: facts, payload, error, attempts, bytes, links.

Lines ready to scroll, neutralised and cut to a bound, so that a payload of megabytes or a hostile
one costs what a screen costs. Nothing is ever decoded but JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from rediq_cli.dash.figures import ago_text, bytes_text, span_text
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, cut, joined, say, width_of
from rediq_cli.dash.widgets.look import Look, state_span
from rediq_cli.output.json import readable
from rediq_cli.output.neutralise import safe, safe_lines
from rediq_cli.output.records import as_json
from rediq_cli.output.width import cells, fit
from rediq_core.config.redact import MASK, is_secret_field, redact_fields
from rediq_core.model.terms import entered_ms
from rediq_core.model.views import TaskView, TimelineEntry

TABS = ("Payload", "Error", "Attempts", "Raw", "Links")
# Of a payload or result so much is shown; the whole is in the pager and in `task inspect -o json`.
SHOWN_BYTES = 64 * 1024
SHOWN_LINES = 2_000
# Of the bytes view so much is shown, 16 bytes a line.
HEX_BYTES = 8 * 1024
SHOWN_TRACEBACK = 200
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\x80\x03", "pickle, not decoded"),
    (b"\x80\x04", "pickle, not decoded"),
    (b"\x80\x05", "pickle, not decoded"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


def clock_text(at_ms: int) -> str:
    """Return the time of day, or the day too if it was not today's last 24 hours."""
    if not at_ms:
        return "-"
    try:
        moment = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return "?"  # no instant of this era: data can say anything
    return f"{moment:%H:%M:%S}"


def clock_stamp(at_ms: int) -> str:
    """Return an instant as part of a file's name, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y%m%dT%H%M%SZ}"


def facts(task: TaskView, look: Look, width: int) -> list[Line]:
    """Return what a task is and where it stands, in a few lines of two facts."""
    tries = attempts_text(task)
    state = state_span(task.state.value, look)
    right: Line = (state, Span(f"  try {tries}" if tries else ""))
    head = _two(say(task.type, "bold"), right, width)
    made = (Span(f"{clock_text(task.enqueued_ms)} ({ago_text(task.enqueued_ms, look.now_ms)})"),)
    pairs: list[tuple[str, Line]] = [
        ("id", say(task.id, "accent")),
        ("queue", (*say(task.queue), Span(f"  prio {task.priority}", "dim"))),
        ("made", made),
        ("since", say(_since(task, look))),
    ]
    pairs += _optional_facts(task, look)
    return [head, *_columns(pairs, width)]


def _optional_facts(task: TaskView, look: Look) -> list[tuple[str, Line]]:
    last = next((entry for entry in reversed(task.timeline) if entry.attempt), None)
    run = f"last {span_text(last.run_ms)}  on {last.worker or '-'}" if last else ""
    progress = progress_bar(task, 20, look) if task.progress is not None else EMPTY
    due = ago_text(task.due_ms, look.now_ms) if task.due_ms else ""
    expires = ago_text(task.expires_ms, look.now_ms) if task.expires_ms else ""
    facts: list[tuple[str, Line]] = [
        ("ran", _fact(run)),
        ("due", _fact(due)),
        ("worker", _fact(task.worker)),
        ("progress", progress),
        ("timeout", _fact(span_text(task.timeout_ms) if task.timeout_ms else "")),
        ("expires", _fact(expires)),
        ("lost", _fact(f"{task.losses} leases" if task.losses else "", "warn")),
        ("unique", _fact(task.unique_key)),
        ("group", _fact(task.group)),
        ("cancel", _fact(task.cancel_note, "warn")),
    ]
    return [(name, line) for name, line in facts if line]


def _fact(text: str, role: str = "") -> Line:
    return say(text, role) if text else EMPTY


def _since(task: TaskView, look: Look) -> str:
    return ago_text(entered_ms(task), look.now_ms)


def attempts_text(task: TaskView) -> str:
    """Return finished runs, of how many if that is known: "5/6"."""
    if task.max_retry is None:
        return str(task.attempts)
    return f"{task.attempts}/{task.max_retry + 1}"


def progress_bar(task: TaskView, width: int, look: Look) -> Line:
    """Return a bar, the share in figures, and the handler's words."""
    progress = task.progress
    if progress is None:
        return (Span("-", "dim"),)
    share = min(max(progress.percent, 0.0), 100.0) / 100
    full = round(share * width)
    done, left = look.glyph("━", "#"), look.glyph("─", ".")
    bar = (Span(done * full, "good"), Span(left * (width - full), "dim"))
    return (*bar, Span(f" {share * 100:3.0f}%"), *say(f" {progress.message}".rstrip(), "dim"))


def _two(left: Line, right: Line, width: int) -> Line:
    room = max(width - width_of(right) - 1, 8)
    shown = cut(left, room)
    gap = room - width_of(shown) + 1
    return (*shown, Span(" " * max(gap, 1)), *right)


def _columns(pairs: Sequence[tuple[str, Line]], width: int) -> list[Line]:
    """Put name and value behind one another, two to a line where there is room."""
    lines: list[Line] = [(Span(f"{name:<8} ", "dim"), *value) for name, value in pairs]
    if width < 76:
        return lines
    half = width // 2
    paired: list[Line] = []
    for at in range(0, len(lines), 2):
        left = cut(lines[at], half - 2)
        gap = half - width_of(left)
        right = lines[at + 1] if at + 1 < len(lines) else EMPTY
        paired.append((*left, Span(" " * max(gap, 1)), *right))
    return paired


def payload(task: TaskView, look: Look, *, has_secrets: bool = False) -> list[Line]:
    """Return the payload as indented JSON, or as text if it is none; then what was left out."""
    return [*_json_body(task.payload_json, look, has_secrets=has_secrets), *_result(task, look)]


def _json_body(raw: bytes, look: Look, *, has_secrets: bool) -> list[Line]:
    if len(raw) > SHOWN_BYTES:
        head = safe_lines(raw[:SHOWN_BYTES], 400)
        more = f"showing {bytes_text(SHOWN_BYTES)} of {bytes_text(len(raw))}"
        return [*map(_code, head[:SHOWN_LINES]), (Span(more, "warn"),)]
    try:
        value: object = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return _opaque(raw)
    if not has_secrets:
        value = redact_fields(value, look.secret_fields)
    lines = safe_lines(readable(as_json(value), indent=2), 2_000)
    shown: list[Line] = [_code(line) for line in lines[:SHOWN_LINES]]
    notes = [f"json · {bytes_text(len(raw))}"]
    seen = sum(not character.isprintable() for character in raw.decode("utf-8", "replace"))
    escaped = raw.count(b"\\u00")
    if not has_secrets and any(MASK in line for line in lines):
        notes.append("secrets hidden, v shows them")
    if seen or escaped:
        notes.append(f"{seen + escaped} control characters as symbols")
    return [*shown, EMPTY, (Span(" · ".join(notes), "dim"),)]


def _code(line: str) -> Line:
    """Colour the name in front of a value."""
    indent = len(line) - len(line.lstrip())
    body = line[indent:]
    if body.startswith('"') and '": ' in body:
        name, rest = body.split('": ', 1)
        return (Span(line[:indent]), Span(f'{name}"', "info"), Span(f": {rest}"))
    return (Span(line),)


def _opaque(raw: bytes) -> list[Line]:
    kind = next((name for magic, name in _MAGIC if raw.startswith(magic)), "not JSON")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        head: Line = (Span(f"<binary {bytes_text(len(raw))} · {kind} · x shows bytes>", "warn"),)
        return [head, EMPTY, *raw_bytes(raw)[:16]]
    lines = safe_lines(text, 2_000)[:SHOWN_LINES]
    return [*((Span(line),) for line in lines), EMPTY, (Span(f"text, {kind}", "dim"),)]


def _result(task: TaskView, look: Look) -> list[Line]:
    if task.result_json is None:
        return []
    body = _json_body(task.result_json, look, has_secrets=False)
    return [EMPTY, (Span("result", "head+bold"),), *body]


def error(task: TaskView, look: Look, width: int) -> list[Line]:
    """Return the last error and its traceback."""
    last = task.last_failure
    if last is None:
        return [(Span("It has not failed.", "dim"),)]
    head: list[Line] = [
        (Span(fit(safe(part, 2_000), width), "bad"),)
        for part in _wrapped(f"{last.error_type}: {last.error}", width)
    ]
    note = (
        f"attempt {last.attempt} · {clock_text(last.at_ms)} · {ago_text(last.at_ms, look.now_ms)}"
    )
    cause = f" · cause {safe(last.fingerprint, 16)}" if last.fingerprint else ""
    lines = safe_lines(last.traceback, 400)[:SHOWN_TRACEBACK] if last.traceback else []
    return [*head, (Span(note + cause, "dim"),), EMPTY, *((Span(line),) for line in lines)]


def wrapped(text: str, width: int, lines: int) -> list[str]:
    """Break a sentence between words, at most so many lines; what is left is cut with a mark.

    Next steps that errors set apart by several spaces are set apart by a dot.
    """
    shown = [""]
    for word in re.sub(" {2,}", " · ", safe(text).strip()).split():
        longer = f"{shown[-1]} {word}".strip()
        if cells(longer) <= width or len(shown) == lines:
            shown[-1] = longer
        else:
            shown.append(word)
    return [fit(line, width) if cells(line) > width else line for line in shown]


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of a width; what is long has at most eight of them."""
    flat = safe(text, 4_000)
    width = max(width, 10)
    parts = [flat[at : at + width] for at in range(0, len(flat), width)] or [""]
    return parts[:8]


def attempts(task: TaskView, look: Look, width: int) -> list[Line]:
    """Return what happened to a task, latest first."""
    if not task.timeline:
        return [(Span("Nothing has happened to it yet.", "dim"),)]
    lines: list[Line] = []
    for entry in reversed(task.timeline):
        lines += _entry(entry, look, width)
    return lines


_ENTRY_ROLES = {"completed": "good", "dead": "bad", "retry": "warn", "failed": "bad", "lost": "bad"}


def _entry(entry: TimelineEntry, look: Look, width: int) -> list[Line]:
    run = ""
    if entry.attempt:
        run = f"try {entry.attempt}  waited {span_text(entry.waited_ms)}"
        run += f"  ran {span_text(entry.run_ms)}"
    head = joined(
        [
            (Span(clock_text(entry.at_ms), "dim"),),
            (Span(f"{safe(entry.kind, 12):<10}", _ENTRY_ROLES.get(entry.kind, "")),),
            say(run),
            say(entry.worker, "dim"),
            (Span(ago_text(entry.at_ms, look.now_ms), "dim"),),
        ]
    )
    lines = [head]
    if entry.note:
        lines.append((Span("  "), *say(entry.note, "dim")))
    if entry.error_type:
        text = fit(safe(f"{entry.error_type}: {entry.error}", 400), max(width - 2, 8))
        lines.append((Span("  "), Span(text, "bad")))
    return lines


def whole(task: TaskView, look: Look) -> list[Line]:
    """Return everything of a task for a pager: nothing is cut, secrets are hidden."""
    try:
        value: object = json.loads(task.payload_json) if task.payload_json else None
        shown = as_json(redact_fields(value, look.secret_fields))
        body = safe_lines(readable(shown, indent=2), 0)
    except (ValueError, RecursionError):
        body = safe_lines(task.payload_json.decode("utf-8", "replace"), 0)
    head = [(Span(f"{task.type}  {task.queue}  {task.state.value}  {task.id}"),), EMPTY]
    lines: list[Line] = [*head, *((Span(line),) for line in body)]
    last = task.last_failure
    if last is not None:
        told = [f"{last.error_type}: {last.error}", *last.traceback.split("\n")]
        lines += [
            EMPTY,
            (Span("error"),),
            *((Span(line),) for line in safe_lines("\n".join(told), 0)),
        ]
    return [*lines, EMPTY, (Span("attempts"),), *attempts(task, look, 10_000)]


def raw_bytes(raw: bytes) -> list[Line]:
    """Return bytes as hex and ASCII, 16 a line."""
    lines: list[Line] = []
    for at in range(0, min(len(raw), HEX_BYTES), 16):
        chunk = raw[at : at + 16]
        hexes = " ".join(f"{byte:02x}" for byte in chunk)
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in chunk)
        lines.append((Span(f"{at:06x} ", "dim"), Span(f"{hexes:<47}  "), Span(text, "info")))
    if len(raw) > HEX_BYTES:
        more = f"showing {bytes_text(HEX_BYTES)} of {bytes_text(len(raw))}"
        lines.append((Span(more, "warn"),))
    return lines or [(Span("no bytes", "dim"),)]


def links(task: TaskView, tree: Sequence[str]) -> list[Line]:
    """Return what a task depends on and who depends on it, as far as it is known."""
    if tree:
        return [say(line) for line in tree]
    lines = [(Span("waits for  ", "dim"), *say(parent)) for parent in task.depends_on]
    if task.group:
        lines.append((Span("group      ", "dim"), *say(task.group)))
    return lines or [(Span("It depends on nothing.", "dim"),)]


def extra_lines(task: TaskView, look: Look) -> list[Line]:
    """Return the task's headers."""
    shown = redact_fields(dict(task.extra), look.secret_fields)
    if not isinstance(shown, dict):
        return []
    return [
        (Span(f"{safe(str(name), 24)}: ", "info"), *say(readable(as_json(value))))
        for name, value in shown.items()
        if not is_secret_field(str(name), look.secret_fields)
    ]
