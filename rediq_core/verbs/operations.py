"""Operations in Redis: what writes and reads their records.

Pure functions over the global keys: `ops` has all ids by when they began, a hash each has the rest.
A record decides nothing about tasks (each task's timeline says what acted on it), so it is written
beside the acts and not with them; at maxmemory too, since operations free memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace

from rediq_core import keys
from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import InvalidOption
from rediq_core.model.operations import BulkOrder, Operation, OperationState
from rediq_core.model.where import Where, parse_where
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.inspect import pairs
from rediq_core.verbs.presence import Command

# Records kept, and for how long, in seconds: 30 days. Trash is emptied long before.
MAX_RECORDS = 1_000
RECORD_TTL_S = 30 * 86_400
# Ids of named tasks that a record holds, about half a MiB; of more it holds none.
MAX_IDS = 20_000


def write_record(space: Space, operation: Operation) -> Call[int]:
    """Begin a record, or write it whole: one round trip, O(log n)."""
    about = {"order": _order_text(operation.order), "queues": json.dumps(operation.queues)}
    row = {**about, "at_ms": operation.at_ms, **_progress(operation)}
    return _record(space, operation.id, row, began_ms=operation.at_ms)


def write_progress(space: Space, operation: Operation) -> Call[int]:
    """Write how far an operation came: one round trip."""
    return _record(space, operation.id, _progress(operation))


def write_undone(space: Space, operation_id: str, by_operation: str) -> Call[int]:
    """Write which operation took one back: one round trip."""
    return _record(space, operation_id, {"undone_by": by_operation})


def _record(
    space: Space, operation_id: str, row: Mapping[str, str | int], *, began_ms: int = 0
) -> Call[int]:
    args: list[Arg] = [operation_id, began_ms, RECORD_TTL_S, MAX_RECORDS]
    for name, value in row.items():
        args += (name, value)
    return space.call_global(load("record"), operation_id, args, int)


def latest_command(namespace: str, limit: int) -> Command:
    """Return the command for the ids of the latest operations, latest first."""
    return ("ZREVRANGE", keys.global_key(namespace, "ops"), 0, limit - 1)


def read_command(namespace: str, operation_id: str) -> Command:
    """Return the command that reads a record."""
    return ("HGETALL", keys.global_key(namespace, "op", operation_id))


def read_operation(operation_id: str, flat: Reply) -> Operation | None:
    """Return an operation as its record says; None if it is not there or cannot be read."""
    row = pairs(flat)
    try:
        return Operation(
            operation_id,
            _order_of(row["order"]),
            OperationState(row["state"]),
            at_ms=int(row["at_ms"]),
            updated_ms=int(row["updated_ms"]),
            total=int(row["total"]),
            moved=int(row["moved"]),
            intents=int(row["intents"]),
            skipped=int(row["skipped"]),
            queues=tuple(json.loads(row["queues"])),
            undone_by=row.get("undone_by", ""),
        )
    except (KeyError, ValueError, TypeError, InvalidOption):
        return None


def _order_text(order: BulkOrder) -> str:
    row: dict[str, object] = {
        field.name: getattr(order, field.name) for field in fields(order) if field.name != "where"
    }
    where = order.where
    row["ids"] = where.ids if len(where.ids) <= MAX_IDS else None
    row["words"] = replace(where, ids=()).words()
    return json.dumps(row)


def _order_of(text: str) -> BulkOrder:
    row = json.loads(text)
    ids, words = row.pop("ids"), row.pop("words")
    where = parse_where(words)
    if row["is_named"]:
        where = Where(ids=tuple(map(str, ids or ())), terms=where.terms)
    return BulkOrder(where=where, **row)


def _progress(operation: Operation) -> dict[str, str | int]:
    return {
        "state": operation.state.value,
        "updated_ms": operation.updated_ms,
        "total": operation.total,
        "moved": operation.moved,
        "intents": operation.intents,
        "skipped": operation.skipped,
    }
