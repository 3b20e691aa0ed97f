"""Export and import: tasks as lines of JSON, and back into their queue as they were.

Pure functions over read_tasks.lua and import.lua. What a line looks like is `model/exported.py`'s
business; which tasks to export, the admin floor's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import SchemaMismatch
from rediq_core.model.exported import ImportRow, export_line, export_record
from rediq_core.model.header import NO_OPTIONS, Options, parse_options, parse_stored
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.inspect import view_of


def read_lines(space: Space, queue: str, ids: Sequence[str]) -> Call[list[bytes]]:
    """Read tasks as export lines, one round trip; those this queue does not know are left out."""

    def read(reply: Reply) -> list[bytes]:
        return [
            export_line(export_record(view_of(row, queue), _options_of(row[3]), row[5]))
            for row in reply[1:]
            if row
        ]

    return space.call(load("read_tasks"), queue, list(ids), read)


def _options_of(stored: bytes) -> Options:
    try:
        return parse_options(parse_stored(stored).options_json)
    except SchemaMismatch:
        return NO_OPTIONS


@dataclass(frozen=True, slots=True)
class ImportReply:
    """What became of a batch.

    Attributes:
        is_registered: False if nothing was done because the queue is not in the set of queues.
        now_ms: Server time.
        codes: One letter a task, see import.lua.
    """

    is_registered: bool
    now_ms: int
    codes: str


def import_tasks(
    space: Space,
    queue: str,
    rows: Sequence[ImportRow],
    *,
    by: str,
    operation: str,
    minute: int,
    is_registering: bool = False,
) -> Call[ImportReply]:
    """Put up to 500 tasks back into a queue: one round trip, O(log n) a task. Safe to repeat.

    Args:
        space: Namespace and clock.
        queue: The tasks' queue.
        rows: What to put back; none of them waits.
        by: Who does it.
        operation: Names the import in the audit.
        minute: Number of the server's minute, for the counters.
        is_registering: The queue's name is in the global set by now.
    """
    note = json.dumps({"by": by}, separators=(",", ":"))
    args: list[Arg] = ["R" if is_registering else "", note, operation, len(rows)]
    for row in rows:
        args += [
            row.task.id,
            row.state.value,
            f"{row.task.priority}|{row.place_ms}|{row.expires_ms}",
            row.tail,
            row.score_ms,
            row.attempts,
            row.runs,
            row.failure,
            row.keep_ms,
        ]
    return space.call(load("import"), queue, args, _read, minute=minute)


def _read(reply: Reply) -> ImportReply:
    status, now_ms, codes = reply
    return ImportReply(status == 1, now_ms, codes.decode())
