"""The JSON of queues, tasks and workers: the fields that scripts rely on.

Fields are only ever added. Instants are ISO-8601 UTC, durations are numbers whose name ends in
`_ms` or `_s`, and a thing that is not there is null. Values of secret fields are hidden, as
everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rediq_cli.output.json import Json, iso
from rediq_core.config.redact import SECRET_FIELDS, redact_fields
from rediq_core.errors import InvalidPayload
from rediq_core.model.limits import Limits, QueueLimits
from rediq_core.model.state import TaskState
from rediq_core.model.terms import entered_ms
from rediq_core.model.views import Pause, QueueView, TaskView, TimelineEntry, WorkerView


def queue_record(queue: QueueView) -> dict[str, Json]:
    """Return a queue's numbers as an object."""
    counts: dict[str, Json] = {state.value: queue.counts.get(state, 0) for state in TaskState}
    return {
        "name": queue.name,
        "paused": queue.pause is not None,
        **counts,
        "oldest_age_ms": queue.oldest_ms,
        "done_per_s": queue.done_per_s,
        "failed_per_s": queue.failed_per_s,
        "enqueued_per_s": queue.enqueued_per_s,
        "eta_s": queue.eta_s,
        "workers": queue.workers,
        "suspects": queue.suspects,
        "held": queue.held,
        "pause": _pause_record(queue.pause),
        "next_due_at": _at(queue.next_due_ms),
        **limits_record_of(queue.limits),
        "lifetime": dict(queue.lifetime),
        "at": iso(queue.at_ms),
    }


def limits_record_of(limits: QueueLimits) -> dict[str, Json]:
    """Return the limits of a queue: in force, declared, overridden; None where there is none."""
    return {
        "limits": _limits_record(limits.live),
        "declared_limits": _limits_record(limits.declared),
        "overridden_limits": sorted(limits.overridden),
    }


def _limits_record(limits: Limits) -> Json:
    return {
        "concurrency": limits.concurrency,
        "rate": None if limits.rate is None else str(limits.rate),
        "aging_ms": limits.aging_ms,
        "max_len": limits.max_len,
    }


def _pause_record(pause: Pause | None) -> Json:
    if pause is None:
        return None
    return {
        "by": pause.by,
        "reason": pause.reason,
        "since": iso(pause.since_ms),
        "until": _at(pause.until_ms),
    }


def task_record(task: TaskView, secret_fields: Sequence[str] = SECRET_FIELDS) -> dict[str, Json]:
    """Return a task as an object, its timeline included.

    Args:
        task: The task.
        secret_fields: Names of fields of payload, headers and result whose values are hidden.
    """
    payload, payload_text = _payload(task)
    return {
        "id": task.id,
        "type": task.type,
        "queue": task.queue,
        "state": task.state.value,
        "priority": task.priority,
        "attempts": task.attempts,
        "losses": task.losses,
        "max_retry": task.max_retry,
        "timeout_ms": task.timeout_ms or None,
        "enqueued_at": _at(task.enqueued_ms),
        "since": _at(entered_ms(task)),
        "due_at": _at(task.due_ms),
        "expires_at": _at(task.expires_ms),
        "finished_at": _at(task.finished_ms),
        "payload": as_json(redact_fields(payload, secret_fields)),
        "payload_text": payload_text,
        "payload_bytes": len(task.payload_json),
        "extra": as_json(redact_fields(dict(task.extra), secret_fields)),
        "unique_key": task.unique_key or None,
        "group": task.group or None,
        "depends_on": list(task.depends_on),
        "worker": task.worker or None,
        "progress": _progress(task),
        "result": as_json(redact_fields(task.result, secret_fields)),
        "error": task.error or None,
        "cause": task.last_failure.fingerprint if task.last_failure else None,
        "cancel_note": task.cancel_note or None,
        "suspect": task.is_suspect,
        "held": task.is_held,
        "former_state": task.former_state.value if task.former_state else None,
        "timeline": [_entry_record(entry) for entry in task.timeline],
    }


def _payload(task: TaskView) -> tuple[object, str | None]:
    """Return the payload, or None and its bytes as text if it is no JSON."""
    try:
        return task.payload, None
    except InvalidPayload:
        return None, task.payload_json.decode("utf-8", "backslashreplace")


def _progress(task: TaskView) -> Json:
    if task.progress is None:
        return None
    return {
        "percent": task.progress.percent,
        "message": task.progress.message,
        "at": iso(task.progress.at_ms),
    }


def _entry_record(entry: TimelineEntry) -> Json:
    return {
        "kind": entry.kind,
        "at": _at(entry.at_ms),
        "attempt": entry.attempt or None,
        "worker": entry.worker or None,
        "claimed_at": _at(entry.claimed_ms),
        "waited_ms": entry.waited_ms,
        "run_ms": entry.run_ms,
        "error_type": entry.error_type or None,
        "error": entry.error or None,
        "traceback": entry.traceback or None,
        "cause": entry.fingerprint or None,
        "note": entry.note or None,
    }


def worker_record(worker: WorkerView) -> Json:
    """Return a worker as an object."""
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "supervisor_pid": worker.supervisor_pid,
        "state": worker.state,
        "queues": list(worker.queues),
        "types": list(worker.types),
        "concurrency": worker.concurrency,
        "busy": worker.busy,
        "processed": worker.processed,
        "failed": worker.failed,
        "started_at": _at(worker.started_ms),
        "beat_at": _at(worker.beat_ms),
        "beat_age_ms": worker.beat_age_ms,
        "rss_bytes": worker.rss_bytes,
        "loop_lag_ms": worker.loop_lag_ms,
        "version": worker.version,
        "running": [as_json(dict(slot)) for slot in worker.running],
        "note": worker.note or None,
    }


def as_json(value: object) -> Json:
    """Return a value that was read from JSON with the type that says so."""
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _at(at_ms: int) -> str | None:
    """Return an instant; 0 stands for none."""
    return iso(at_ms) if at_ms else None
