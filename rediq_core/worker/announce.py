"""How a worker makes itself known: one hash a task process, and a place in the set of workers.

Built as plain commands for one pipeline. A hint for people, never a lease: what a worker holds is
decided by leases alone. Reading them is the operator's side.
"""

from __future__ import annotations

import json

from rediq_core.connection.raw import Arg
from rediq_core.keys import global_key
from rediq_core.model.views import WorkerView

# Seconds a worker that vanished is still listed: a day, and an hour for the slow reader.
SHOWN_S = 25 * 3_600


def announce_commands(
    namespace: str, worker: WorkerView, supervisor_id: str, now_ms: int
) -> list[tuple[Arg, ...]]:
    """Return the commands that announce one worker: three, in one round trip with others'."""
    key = global_key(namespace, "worker", worker.id)
    fields: dict[str, Arg] = {
        "host": worker.host,
        "pid": worker.pid,
        "supervisor": supervisor_id,
        "supervisor_pid": worker.supervisor_pid,
        "state": worker.state,
        "queues": json.dumps(worker.queues),
        "types": json.dumps(worker.types),
        "concurrency": worker.concurrency,
        "busy": worker.busy,
        "processed": worker.processed,
        "failed": worker.failed,
        "started_ms": worker.started_ms,
        "beat_ms": now_ms,
        "rss_bytes": worker.rss_bytes,
        "loop_lag_ms": worker.loop_lag_ms,
        "version": worker.version,
        "running": json.dumps(worker.running),
        "note": worker.note,
    }
    flat: list[Arg] = [part for field in fields.items() for part in field]
    return [
        ("HSET", key, *flat),
        ("EXPIRE", key, SHOWN_S),
        ("ZADD", global_key(namespace, "workers"), now_ms, worker.id),
    ]


def withdraw_commands(namespace: str, worker_id: str) -> list[tuple[Arg, ...]]:
    """Return the commands with which a worker that ended in order leaves the list."""
    return [
        ("DEL", global_key(namespace, "worker", worker_id)),
        ("ZREM", global_key(namespace, "workers"), worker_id),
    ]
