"""Presence: how workers say that they live, and how operators speak to them.

Scripts and plain commands over the global keys, built and read here and sent by others. What writes
goes on at maxmemory: workers that drain a full Redis must be seen, and told what to do. A worker is
a row that its supervisor writes again every few seconds; nobody removes the row of one that died,
so it shows as lost until it expires. An order is a line in the list of the worker's supervisor,
which blocks on it: a hint that makes things happen at once, never the only record of an operator's
will.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from rediq_core import keys
from rediq_core.connection.raw import Arg, Reply
from rediq_core.model.views import WorkerView
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

Command = tuple[Arg, ...]

# A worker announces itself every 5 s; three beats missed is more than a slow moment.
LOST_AFTER_MS: Final = 15_000
# How long a lost worker is shown, in milliseconds: a day, so that the morning sees the night.
SHOWN_MS: Final = 86_400_000
# How long a row outlives its last beat, in seconds: an hour more than it is shown.
ROW_TTL_S: Final = 25 * 3_600
# Orders that no supervisor has taken by then are for one that is gone, in seconds.
ORDER_TTL_S: Final = 60
# Most workers of one reading, latest beats first.
MAX_WORKERS: Final = 1_000

LOST: Final = "lost"
STOPPED: Final = "stopped"


class Do(StrEnum):
    """What a supervisor can be told."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Order:
    """One thing a supervisor is told to do.

    Attributes:
        do: What.
        worker: Which of its workers.
        at_ms: When it was said, server time.
        queue: For cancel: the task's queue.
        task: For cancel: the task's id.
        is_forced: Kill what does not stop by itself.
        by: Who says it, as "user@host".
    """

    do: Do
    worker: str
    at_ms: int
    queue: str = ""
    task: str = ""
    is_forced: bool = False
    by: str = ""

    def to(self, worker: str) -> Order:
        """Return the same order for one of a supervisor's workers."""
        return replace(self, worker=worker)

    def line(self) -> str:
        """Return the order as it lies in the list."""
        row: dict[str, object] = {"do": self.do.value, "worker": self.worker, "at_ms": self.at_ms}
        if self.task:
            row |= {"queue": self.queue, "task": self.task}
        if self.is_forced:
            row["force"] = True
        if self.by:
            row["by"] = self.by
        return json.dumps(row, separators=(",", ":"))


def parse_order(line: bytes) -> Order | None:
    """Read an order; None for what no version of Rediq wrote."""
    raw = _mapping(line)
    try:
        return Order(
            Do(str(raw.get("do"))),
            str(raw["worker"]),
            _number(raw.get("at_ms")),
            queue=str(raw.get("queue", "")),
            task=str(raw.get("task", "")),
            is_forced=raw.get("force") is True,
            by=str(raw.get("by", "")),
        )
    except (ValueError, KeyError):
        return None


def orders_key(namespace: str, supervisor: str) -> str:
    """Return the list that a supervisor blocks on."""
    return keys.global_key(namespace, "commands", supervisor)


def give_orders(
    space: Space, supervisor: str, orders: Sequence[Order], *, is_journalled: bool = False
) -> Call[int]:
    """Put orders before a supervisor: one round trip, O(orders). Returns how many lie there.

    Args:
        space: Namespace and clock.
        supervisor: Whose list.
        orders: At least one.
        is_journalled: The first of them is what an operator told a worker, and goes into the audit.
    """
    first = orders[0]
    verb = f"{first.do.value} worker" if is_journalled else ""
    args: list[Arg] = [ORDER_TTL_S, verb, first.by, first.worker]
    args += [order.line() for order in orders]
    return space.call_global(load("order"), supervisor, args, int)


def announce(space: Space, worker: WorkerView) -> Call[int]:
    """Write a worker's row and its beat, which is the server's now: one round trip, O(log n)."""
    return _write_row(space, worker.id, _fields(worker), beats=True)


def withdraw_commands(namespace: str, worker_id: str) -> list[Command]:
    """Return what removes a worker that stopped in order."""
    return [
        ("ZREM", keys.global_key(namespace, "workers"), worker_id),
        ("DEL", keys.global_key(namespace, "worker", worker_id)),
    ]


def mark_lost(space: Space, worker_id: str) -> Call[int]:
    """Mark a worker as lost whose parent has seen it die, before its beats tell: one round trip."""
    return _write_row(space, worker_id, {"state": LOST, "busy": 0, "running": "[]"})


def note_beside(space: Space, worker_id: str, note: str) -> Call[int]:
    """Write beside a lost worker what was recovered from it: one round trip."""
    return _write_row(space, worker_id, {"note": note})


def _write_row(
    space: Space, worker_id: str, row: Mapping[str, Arg], *, beats: bool = False
) -> Call[int]:
    args: list[Arg] = [worker_id, int(beats), ROW_TTL_S, SHOWN_MS]
    for name, value in row.items():
        args += (name, value)
    return space.call_global(load("announce"), worker_id, args, int)


def roster_commands(namespace: str) -> list[Command]:
    """Return what reads the server's time and who beat lately: 2 commands, O(log n + workers)."""
    workers = keys.global_key(namespace, "workers")
    return [
        ("TIME",),
        ("ZREVRANGEBYSCORE", workers, "+inf", "-inf", "WITHSCORES", "LIMIT", 0, MAX_WORKERS),
    ]


def read_time_ms(reply: Reply) -> int:
    """Return the milliseconds of a reply of TIME."""
    seconds, microseconds = reply
    return int(seconds) * 1_000 + int(microseconds) // 1_000


def read_beats(reply: Reply, now_ms: int) -> dict[str, int]:
    """Return each worker that is still shown and when it last beat, latest first."""
    beats = {
        name.decode("utf-8", "replace"): _number(beat)
        for name, beat in zip(reply[::2], reply[1::2], strict=True)
    }
    return {name: beat for name, beat in beats.items() if beat > now_ms - SHOWN_MS}


def one_worker_commands(namespace: str, worker_id: str) -> list[Command]:
    """Return what reads the server's time, a worker's last beat and its row: 3 commands."""
    workers = keys.global_key(namespace, "workers")
    return [("TIME",), ("ZSCORE", workers, worker_id), row_command(namespace, worker_id)]


def row_command(namespace: str, worker_id: str) -> Command:
    """Return what reads one worker's row."""
    return ("HGETALL", keys.global_key(namespace, "worker", worker_id))


def supervisor_command(namespace: str, worker_id: str) -> Command:
    """Return what reads which supervisor a worker has."""
    return ("HGET", keys.global_key(namespace, "worker", worker_id), "supervisor")


def read_worker(worker_id: str, beat_ms: int, reply: Reply, *, now_ms: int) -> WorkerView | None:
    """Read a worker's row; None if it expired. Whoever missed three beats is lost."""
    words = [word.decode("utf-8", "replace") for word in reply]
    row = dict(zip(words[::2], words[1::2], strict=True))
    if not row:
        return None
    age_ms = max(now_ms - beat_ms, 0)
    state = row.get("state", "")
    return WorkerView(
        id=worker_id,
        host=row.get("host", ""),
        pid=_number(row.get("pid")),
        supervisor_pid=_number(row.get("supervisor_pid")),
        state=LOST if age_ms > LOST_AFTER_MS and state != STOPPED else state,
        queues=_names(row.get("queues")),
        types=_names(row.get("types")),
        concurrency=_number(row.get("concurrency")),
        busy=_number(row.get("busy")),
        processed=_number(row.get("processed")),
        failed=_number(row.get("failed")),
        started_ms=_number(row.get("started_ms")),
        beat_ms=beat_ms,
        beat_age_ms=age_ms,
        rss_bytes=_number(row.get("rss_bytes")),
        loop_lag_ms=_number(row.get("loop_lag_ms")),
        version=row.get("version", ""),
        running=tuple(slot for slot in _list(row.get("running")) if isinstance(slot, dict)),
        note=row.get("note", ""),
        supervisor=row.get("supervisor", ""),
    )


def worker_of_token(token: str) -> str:
    """Return the worker that holds a claim: a token is `worker#n:seq`."""
    return token.rpartition(":")[0].rpartition("#")[0]


def _fields(worker: WorkerView) -> dict[str, Arg]:
    return {
        "host": worker.host,
        "pid": worker.pid,
        "supervisor": worker.supervisor,
        "supervisor_pid": worker.supervisor_pid,
        "state": worker.state,
        "queues": _json(list(worker.queues)),
        "types": _json(list(worker.types)),
        "concurrency": worker.concurrency,
        "busy": worker.busy,
        "processed": worker.processed,
        "failed": worker.failed,
        "started_ms": worker.started_ms,
        "rss_bytes": worker.rss_bytes,
        "loop_lag_ms": worker.loop_lag_ms,
        "version": worker.version,
        "running": _json([dict(slot) for slot in worker.running]),
        "note": worker.note,
    }


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _loaded(text: str | bytes) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _mapping(text: bytes) -> Mapping[str, object]:
    value = _loaded(text)
    return value if isinstance(value, dict) else {}


def _list(text: str | None) -> list[object]:
    value = _loaded(text or "[]")
    return value if isinstance(value, list) else []


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(str(name) for name in _list(text))


def _number(value: object) -> int:
    """Read a number that another program may have written; 0 for what is none."""
    if not isinstance(value, int | float | str | bytes):
        return 0
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return 0
