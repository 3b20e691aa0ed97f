"""Audit: reading what operators did, and writing down what no script does by itself.

Pure functions. Acts on tasks and queues write their entry in the same script; an enqueue by an
operator is written after it, and acts on what is in no queue go to the journal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from rediq_core import keys
from rediq_core.connection.raw import Reply
from rediq_core.model.audit import AuditEntry
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load
from rediq_core.verbs.inspect import pairs
from rediq_core.verbs.presence import Command

# Entries of one queue in one reading; a bulk operation writes one for each 500 tasks.
MAX_ENTRIES = 500
# Entries that a stream keeps, about.
KEPT = 10_000
_KNOWN = ("verb", "by", "why", "count", "operation", "first")


def read_audit(
    space: Space, queue: str, *, since_ms: int = 0, until_ms: int = 0
) -> Call[list[AuditEntry]]:
    """Read the last entries of a queue, latest first: one round trip, up to MAX_ENTRIES.

    Args:
        space: Namespace and clock.
        queue: The queue.
        since_ms: Leave out older ones; 0 for none.
        until_ms: Leave out later ones; 0 for none.
    """

    def read(reply: Reply) -> list[AuditEntry]:
        return [_entry(row, (queue,)) for row in reply[1:]]

    return space.call(load("read_audit"), queue, [since_ms, until_ms, MAX_ENTRIES], read)


def journal_command(namespace: str, *, since_ms: int, until_ms: int) -> Command:
    """Return the command for the journal's last entries; read each with `read_journal`."""
    key = keys.global_key(namespace, "journal")
    return ("XREVRANGE", key, until_ms or "+", since_ms or "-", "COUNT", MAX_ENTRIES)


def read_journal(reply: Reply) -> list[AuditEntry]:
    """Return the entries that `journal_command` found."""
    return [_entry(row, ()) for row in reply]


def note_command(key: str, verb: str, by: str, details: Mapping[str, str | int]) -> Command:
    """Return the command that writes an entry to a stream.

    Args:
        key: A queue's audit, or the journal.
        verb: What was done.
        by: Who did it.
        details: What else is worth keeping, such as a count.
    """
    words = [word for pair in details.items() for word in pair]
    return ("XADD", key, "MAXLEN", "~", KEPT, "*", "verb", verb, "by", by, *words)


def _entry(row: Reply, queues: tuple[str, ...]) -> AuditEntry:
    stream_id, flat = row
    fields = pairs(flat)
    at_ms = int(stream_id.partition(b"-")[0])
    by, reason = _who(fields.get("by", ""))
    details = {name: value for name, value in fields.items() if name not in _KNOWN and value}
    count = fields.get("count", "")
    return AuditEntry(
        at_ms,
        at_ms,
        fields.get("verb", "?"),
        by,
        reason or fields.get("why", ""),
        queues or tuple(filter(None, [details.get("queue", "")])),
        int(count) if count.isdecimal() else 0,
        fields.get("operation", ""),
        first=fields.get("first", ""),
        details=details,
    )


def _who(written: str) -> tuple[str, str]:
    """Return who and why; some acts write both as JSON, others the name alone."""
    try:
        raw = json.loads(written)
        return str(raw["by"]), str(raw.get("why", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return written, ""
