"""The file of a recorded dashboard: what a line of it says, and what is left out of it.

Gzip over lines of JSON. The first line is the heading; each further line is one reading, as
`[head, {"set": …, "del": …}]`: the head is what a scrub bar and charts need, the rest is what
changed since the line before, by name. A full reading begins a new gzip member, so that a reader
can start there; every line is flushed, so that a killed recorder loses at most one.

Secrets never enter the file: values of secret fields, secrets in text and URLs, and payloads that
are large or no JSON are taken out before a line is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from rediq_cli.dash.figures import bytes_text
from rediq_cli.dash.view_model import Demand, QueueRow, TaskDetail, ViewName
from rediq_core.admin import Event
from rediq_core.config.redact import SECRET_FIELDS, redact_fields, redact_text
from rediq_core.model.failures import Failure
from rediq_core.model.schedule import ScheduleView
from rediq_core.model.views import TaskView, WorkerView

# Files of another version are refused, not guessed at.
VERSION = 1
# Name of the heading's field that tells a recording from any other gzip file.
MARK = "rediq_recording"
# A payload or result of more bytes is not written.
PAYLOAD_BYTES = 4_096
# Instants beyond these are nonsense, in ms: the years 1970 to 2286.
LAST_MS = 9_999_999_999_999
# Numbers of a file are brought between these, so that none can break arithmetic or drawing.
LARGEST = 2**62
# The six figures of the charts, as they stand in a head.
FIGURES = ("done", "enqueued", "failed", "p50", "p95", "backlog")

Figures = tuple[float | None, ...]
State = dict[str, Any]
"""What is known at one instant, as JSON by name: `queue:mail`, `worker:w-1`, `list:…`."""

QUEUE: TypeAdapter[QueueRow] = TypeAdapter(QueueRow)
WORKER: TypeAdapter[WorkerView] = TypeAdapter(WorkerView)
TASKS: TypeAdapter[tuple[TaskView, ...]] = TypeAdapter(tuple[TaskView, ...])
DETAIL: TypeAdapter[TaskDetail] = TypeAdapter(TaskDetail)
EXTRAS: dict[str, TypeAdapter[Any]] = {
    ViewName.SCHEDULES: TypeAdapter(tuple[ScheduleView, ...]),
    ViewName.FAILURES: TypeAdapter(tuple[Failure, ...]),
    ViewName.EVENTS: TypeAdapter(tuple[Event, ...]),
}
"""What views need besides queues and workers, by their names."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a recording says of itself.

    Attributes:
        version: Version of the format.
        label: The server's address, without its secrets.
        profile: The profile, or "".
        before: Time and figures from before the recording, oldest first.
    """

    version: int
    label: str = ""
    profile: str = ""
    before: tuple[tuple[int, Figures], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Why a reading failed, as it is kept."""

    title: str
    reason: str
    next_step: str = ""
    tries: int = 1
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What the index keeps of each reading.

    Attributes:
        at_ms: The server's time.
        figures: See `FIGURES`.
        urgent: How many findings need attention.
        is_full: Nothing before this line is needed to read it.
        took_ms: How long the reading took.
        commands: Commands that it cost.
        told: Why it failed, or None.
    """

    at_ms: int
    figures: Figures = ()
    urgent: int = 0
    is_full: bool = False
    took_ms: float = 0.0
    commands: int = 0
    told: Told | None = None


class Line(NamedTuple):
    """One line after the heading."""

    head: Head
    changed: Mapping[str, Any]
    gone: Sequence[str]


HEADING: TypeAdapter[Heading] = TypeAdapter(Heading)
HEAD: TypeAdapter[Head] = TypeAdapter(Head)


def list_key(demand: Demand) -> str:
    """Return the name under which the rows of a list are kept."""
    where = "" if demand.where is None else " ".join(demand.where.words())
    order = "down" if demand.is_reversed else "up"
    return f"list:{demand.queue}/{demand.state.value}/{order}/{where}/{demand.start}"


# Writing.


def dumped(
    adapter: TypeAdapter[Any], value: object, secret_fields: Sequence[str], **how: Any
) -> Any:
    """Return a value as JSON without what must not be written."""
    plain = adapter.dump_python(value, exclude_defaults=True, **how)
    return without_secrets(plain, secret_fields)


def without_secrets(value: object, secret_fields: Sequence[str] = SECRET_FIELDS) -> Any:
    """Return JSON of a dumped value: secrets hidden in text, fields and payloads."""
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, Mapping):
        names = ((_name(name), part) for name, part in value.items())
        return {name: _field(name, part, secret_fields) for name, part in names}
    if isinstance(value, list | tuple | set | frozenset):
        return [without_secrets(part, secret_fields) for part in value]
    return _body(value, secret_fields) if isinstance(value, bytes) else redact_text(_name(value))


def _name(name: object) -> str:
    return str(name.value) if isinstance(name, Enum) else str(name)


def _field(name: str, value: object, secret_fields: Sequence[str]) -> Any:
    if name == "extra" and isinstance(value, Mapping):
        return without_secrets(redact_fields(dict(value), secret_fields), secret_fields)
    return without_secrets(value, secret_fields)


def _body(raw: bytes, secret_fields: Sequence[str]) -> str:
    """Return a payload as JSON text, secrets hidden, or what it was if it is not written."""
    if len(raw) > PAYLOAD_BYTES:
        return json.dumps(f"not recorded: {bytes_text(len(raw))}")
    try:
        value = redact_fields(json.loads(raw), secret_fields) if raw else None
    except (ValueError, RecursionError):
        return json.dumps(f"not recorded: {bytes_text(len(raw))} that are no JSON")
    plain = without_secrets(value, secret_fields)
    return json.dumps(plain, separators=(",", ":")) if raw else ""


def written(value: object) -> bytes:
    """Return one line. Lone surrogates, which no file can hold, become question marks."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


# Reading.


def _whole(text: str) -> int:
    # Python refuses to read numbers of thousands of digits; this bound is far below.
    value = int(text) if len(text) < 40 else LARGEST
    return max(-LARGEST, min(value, LARGEST))


def _fraction(text: str) -> float:
    value = float(text)
    return max(-1e18, min(value, 1e18)) if math.isfinite(value) else 0.0


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=lambda _: 0.0)


def read_heading(line: bytes) -> Heading | None:
    """Return the heading that a line holds, or None if it holds none."""
    try:
        value = _DECODER.decode(line.decode("utf-8", "replace"))
        version = value[MARK] if isinstance(value, dict) else None
        if not isinstance(version, int) or version != VERSION:
            return Heading(version) if isinstance(version, int) else None
        return HEADING.validate_python({"version": version, **value["heading"]})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def read_head(line: bytes) -> Head:
    """Return the head of a line alone, for the index.

    Raises:
        ValueError: It is no line of a recording.
    """
    text = line.decode("utf-8", "replace")
    if not text.startswith("[{"):
        raise ValueError("not a reading")
    value, _ = _DECODER.raw_decode(text, 1)
    return _checked(HEAD.validate_python(value))


def read_line(line: bytes) -> Line:
    """Return a whole line.

    Raises:
        ValueError: It is no line of a recording.
    """
    try:
        head, body = _DECODER.decode(line.decode("utf-8", "replace"))
        changed, gone = body["set"], body["del"]
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a reading") from error
    if not isinstance(changed, dict) or not isinstance(gone, list):
        raise ValueError("not a reading")  # noqa: TRY004  # one error for whatever is wrong
    return Line(_checked(HEAD.validate_python(head)), changed, [str(name) for name in gone])


def _checked(head: Head) -> Head:
    if not 0 < head.at_ms <= LAST_MS or len(head.figures) != len(FIGURES):
        raise ValueError("not a reading")
    return head
