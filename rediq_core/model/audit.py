"""What an operator did, as the audit has it: one entry an act, whatever it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of an operator.

    Attributes:
        at_ms: When its last batch was done, server time.
        began_ms: When its first was.
        verb: What was done, such as "delete", "pause", "stop worker".
        by: Who did it, as "user@host".
        reason: Why, or "".
        queues: Where; none for what is in no queue.
        count: Tasks it was done to, 0 if to none.
        operation: The operation it was part of, or "".
        where: What the operation was meant for, as far as its record is still there, or "".
        first: The first task, or "".
        details: What else was written down.
    """

    at_ms: int
    began_ms: int
    verb: str
    by: str
    reason: str = ""
    queues: tuple[str, ...] = ()
    count: int = 0
    operation: str = ""
    where: str = ""
    first: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """A bounded look at what operators did.

    Attributes:
        entries: Latest first.
        is_complete: False if there is more in the time that was asked for.
        at_ms: Server time of the reading.
    """

    entries: tuple[AuditEntry, ...]
    is_complete: bool
    at_ms: int
