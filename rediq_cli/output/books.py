"""How failures by cause and what operators did look in lists."""

from __future__ import annotations

from rediq_cli.output.humanise import ago, stamp, stamp_title
from rediq_cli.output.json import Json, iso
from rediq_cli.output.notes import limits_text, reason_of
from rediq_cli.output.table import Cell, Column
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.config.redact import redact_text
from rediq_core.model.audit import AuditEntry
from rediq_core.model.failures import Failure

# Details of an entry that have a column of their own.
_TOLD_ELSEWHERE = ("queue", "note")


def failure_listing(now_ms: int) -> Listing[Failure]:
    """Return how causes are shown."""

    def row(failure: Failure) -> list[Cell]:
        return [
            failure.tasks,
            failure.fingerprint,
            ", ".join(failure.types) or None,
            redact_text(failure.summary),
            _ago(failure.first_ms, now_ms),
            _ago(failure.last_ms, now_ms),
            ", ".join(failure.queues),
            failure.seen,
            failure.sample,
        ]

    return Listing(
        [
            Column("COUNT", is_right=True),
            Column("CAUSE"),
            Column("TYPE", is_flexible=True),
            Column("ERROR", is_flexible=True),
            Column("FIRST", is_right=True, spare=1),
            Column("LAST", is_right=True),
            Column("QUEUES", is_flexible=True),
            Column("SEEN", is_right=True, is_wide=True),
            Column("SAMPLE", is_wide=True),
        ],
        row,
        failure_record,
        lambda failure: failure.fingerprint,
    )


def failure_record(failure: Failure) -> Json:
    """Return a cause as an object."""
    return {
        "cause": failure.fingerprint,
        "tasks": failure.tasks,
        "error": redact_text(failure.summary),
        "first_at": iso(failure.first_ms or None),
        "last_at": iso(failure.last_ms or None),
        "seen": failure.seen,
        "queues": list(failure.queues),
        "types": list(failure.types),
        "sample": failure.sample or None,
    }


def audit_listing(terminal: Terminal) -> Listing[AuditEntry]:
    """Return how acts of operators are shown."""

    def row(entry: AuditEntry) -> list[Cell]:
        return [
            stamp(entry.at_ms, terminal),
            entry.by,
            entry.verb,
            entry.count or None,
            ", ".join(entry.queues) or None,
            entry.where or _details(entry),
            entry.reason or reason_of(entry.details.get("note", "")) or None,
            entry.operation or None,
        ]

    return Listing(
        [
            Column(stamp_title(terminal)),
            Column("BY", is_flexible=True),
            Column("VERB"),
            Column("TASKS", is_right=True),
            Column("QUEUES", is_flexible=True, spare=1),
            Column("WHAT", is_flexible=True),
            Column("REASON", is_flexible=True),
            Column("OP", is_wide=True),
        ],
        row,
        _audit_record,
        lambda entry: entry.operation or str(entry.at_ms),
    )


def _details(entry: AuditEntry) -> str | None:
    if entry.count == 1 and entry.first:
        return entry.first
    words = [
        limits_text(value) if name == "limits" else f"{name} {value}"
        for name, value in entry.details.items()
        if name not in _TOLD_ELSEWHERE
    ]
    return ", ".join(words) or None


def _audit_record(entry: AuditEntry) -> Json:
    return {
        "at": iso(entry.at_ms),
        "began_at": iso(entry.began_ms),
        "by": entry.by,
        "verb": entry.verb,
        "reason": entry.reason or None,
        "queues": list(entry.queues),
        "tasks": entry.count,
        "where": entry.where or None,
        "first": entry.first or None,
        "operation": entry.operation or None,
        "details": dict(entry.details),
    }


def _ago(at_ms: int, now_ms: int) -> Cell:
    return ago(at_ms, now_ms) if at_ms else None
