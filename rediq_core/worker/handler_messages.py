"""Tasks, errors and outcomes as JSON, for the way into a handler process and back.

Pure functions in pairs: what one side writes, the other reads. A claimed task goes as it is stored
in Redis, so it is read by the code that read it first. Errors travel by class name and
fields and become an error of the same class; only classes of the error tree are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from rediq_core import errors
from rediq_core.errors import RediqError
from rediq_core.handlers.context import Dependency
from rediq_core.handlers.outcomes import Failure, Outcome, Verdict, error_name
from rediq_core.handlers.signals import Permanent, Retry, Signal, Snooze
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.codec import decode, encode
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.header import REVISION, escape_key
from rediq_core.model.retry import Backoff, BackoffKind, to_backoff
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.worker.handler_frames import Frame, FrameError, pack

# Options of a task that are durations.
_DURATIONS = ("timeout", "delay", "expires_in", "keep", "unique_for")
# Options that are JSON as they are.
_PLAIN_OPTIONS = (
    "queue",
    "priority",
    "max_retry",
    "unique_key",
    "on_duplicate",
    "on_missing_dependency",
    "on_dependency_failure",
    "group",
    "cron",
    "id",
)
_SIGNALS: dict[str, type[Signal]] = {kind.__name__: kind for kind in (Permanent, Retry, Snooze)}


def pack_run(
    number: int, task: ClaimedTask, place: tuple[str, str], remaining_s: float | None
) -> bytes:
    """Return the frame that starts a run.

    Args:
        number: Of the run in this process; what belongs to it carries the number.
        task: The claimed task.
        place: Module and name of the handler.
        remaining_s: Seconds until it times out, or None.
    """
    fields = (
        REVISION,
        b"%d" % task.priority,
        b"%d" % task.ready_ms,
        b"0",
        b"%d" % task.timeout_ms,
        b"",
        task.type.encode(),
        escape_key(task.unique_key).encode(),
        task.group.encode(),
        task.options_json,
    )
    return pack(
        "run",
        b"|".join(fields) + b"\n" + task.payload_json,
        run=number,
        id=task.id,
        queue=task.queue,
        tries=f"{task.attempt - 1}|{task.losses}|{task.ready_ms}",
        token=task.token,
        claimed_ms=task.claimed_ms,
        module=place[0],
        name=place[1],
        remaining_s=remaining_s,
    )


def claimed_of(frame: Frame) -> ClaimedTask:
    """Read the task of a run frame."""
    return ClaimedTask(
        frame.text("id"),
        frame.text("queue"),
        frame.body,
        frame.text("tries").encode(),
        frame.text("token"),
        int(frame.number("claimed_ms")),
    )


def pack_child(sequence: int, run: int, task: Task[object]) -> bytes:
    """Return the frame that asks for a child of the running task to be enqueued.

    Raises:
        InvalidPayload: Its payload or headers are not JSON.
        PayloadTooLarge: They are over the limit.
    """
    options = {name: getattr(task, name) for name in _PLAIN_OPTIONS}
    for name in _DURATIONS:
        value: Duration | None = getattr(task, name)
        options[name] = None if value is None else duration_ms(value, name)
    options["at"] = None if task.at is None else task.at.isoformat()
    options["depends_on"] = list(task.parent_ids)
    options["backoff"] = None if task.backoff is None else _backoff_fields(task.backoff)
    options["extra"] = None if task.extra is None else decode(encode(task.extra, what="extra"))
    return pack(
        "enqueue", encode(task.payload), sequence=sequence, run=run, type=task.type, task=options
    )


def child_of(frame: Frame) -> Task[object]:
    """Read the task of an enqueue frame; its id is the one it was made with.

    Raises:
        FrameError: It is none.
        InvalidOption: One of its options is wrong.
    """
    options = frame.fields("task")
    # Task checks every value; only the containers are taken apart here.
    for name in _DURATIONS:
        value = options.get(name)
        options[name] = timedelta(milliseconds=value) if isinstance(value, int) else None
    at, parents = options.get("at"), options.get("depends_on")
    options["at"] = datetime.fromisoformat(at) if isinstance(at, str) else None
    options["depends_on"] = tuple(map(str, parents)) if isinstance(parents, list) else ()
    options["backoff"] = _backoff_of(options.get("backoff"))
    payload = decode(frame.body)
    try:
        return Task(frame.text("type"), payload, **options)  # type: ignore[arg-type]  # see above
    except TypeError as error:
        raise FrameError("the task has unknown options") from error


def pack_error(op: str, error: RediqError, sequence: int = 0) -> bytes:
    """Return a frame that carries an error of the tree, by itself or as an answer."""
    known = {name: _jsonable(value) for name, value in vars(error).items()}
    known.pop("__notes__", None)
    return pack(op, error=error_name(error), error_fields=known, sequence=sequence)


def error_of(frame: Frame) -> RediqError:
    """Make the error that a frame carries: the same class, code and fields."""
    found = getattr(errors, frame.text("error"), RediqError)
    kind = found if isinstance(found, type) and issubclass(found, RediqError) else RediqError
    fields = frame.fields("error_fields")
    # Not by its constructor: those differ, and the fields are what matters.
    error = kind.__new__(kind, fields.get("message", ""))
    for name, value in fields.items():
        setattr(error, name, tuple(value) if isinstance(value, list) else value)
    return error


def pack_outcome(run: int, error: BaseException, outcome: Outcome) -> bytes:
    """Return the frame that says how a run failed."""
    failure = outcome.failure
    return pack(
        "failed",
        run=run,
        verdict=outcome.verdict.value,
        delay_ms=outcome.delay_ms,
        failure=[failure.error_type, failure.message, failure.traceback, failure.fingerprint],
        signal=next((name for name, kind in _SIGNALS.items() if isinstance(error, kind)), ""),
    )


def outcome_of(frame: Frame) -> tuple[Outcome, str]:
    """Read how a run failed, and which signal it raised: Permanent, Retry, Snooze or ""."""
    parts = frame.items("failure")
    delay_ms = frame.head.get("delay_ms")
    try:
        failure = Failure(*map(str, parts))
        verdict = Verdict(frame.text("verdict"))
    except (TypeError, ValueError) as error:
        raise FrameError("it is no outcome") from error
    return Outcome(verdict, None if delay_ms is None else int(frame.number("delay_ms")), failure), (
        frame.text("signal")
    )


def pack_dependencies(sequence: int, dependencies: Sequence[Dependency]) -> bytes:
    """Return the frame that answers what a task's parents were."""
    rows = [[each.id, each.type, each.state.value, each.result] for each in dependencies]
    return pack("answer", sequence=sequence, dependencies=rows)


def dependencies_of(frame: Frame) -> tuple[Dependency, ...]:
    """Read the parents of a task."""
    rows = cast("list[tuple[str, str, str, object]]", frame.items("dependencies"))
    return tuple(Dependency(row[0], row[1], TaskState(row[2]), row[3]) for row in rows)


def _backoff_fields(value: object) -> Mapping[str, object]:
    backoff = to_backoff(value)  # type: ignore[arg-type]  # the task has checked it
    return {
        "kind": backoff.kind.value,
        "base_ms": backoff.base_ms,
        "cap_ms": backoff.cap_ms,
        "jitter": backoff.jitter,
        "delays_ms": list(backoff.delays_ms),
    }


def _backoff_of(fields: object) -> Backoff | None:
    if fields is None:
        return None
    try:
        known = dict(cast("Mapping[str, object]", fields))
        known["kind"] = BackoffKind(str(known["kind"]))
        known["delays_ms"] = tuple(cast("list[int]", known["delays_ms"]))
        return Backoff(**known)  # type: ignore[arg-type]  # a wrong name or type is a FrameError
    except (TypeError, ValueError, KeyError) as error:
        raise FrameError("it is no backoff") from error


def _jsonable(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple | list):
        return [_jsonable(each) for each in value]
    return str(value)
