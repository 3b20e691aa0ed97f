"""`doctor`: is everything that a queue relies on as it should be, and what can be put right.

Families of checks, each in its own file, each a generator of findings over one `Patient`. They read
in bounded pieces; with `by` they repair what can be repaired without losing anything, and write
that into the audit. Server settings are never changed.
"""

from __future__ import annotations

from rediq_core.admin.access import Access
from rediq_core.admin.doctor.content import check_content
from rediq_core.admin.doctor.crew import check_crew
from rediq_core.admin.doctor.edges import check_edges
from rediq_core.admin.doctor.finding import Check, Checkup, Finding, Level, OnProgress, Patient
from rediq_core.admin.doctor.keyspace import check_keyspace
from rediq_core.admin.doctor.safety import check_safety
from rediq_core.admin.doctor.server import check_server
from rediq_core.clock import SYSTEM_CLOCK, Clock

__all__ = ["Checkup", "Finding", "Level", "OnProgress", "examine_all"]

# The server first: what is wrong there explains the rest. Keys before what lies in them.
FAMILIES: tuple[Check, ...] = (
    check_server,
    check_safety,
    check_keyspace,
    check_content,
    check_edges,
    check_crew,
)


def examine_all(
    access: Access,
    *,
    by: str = "",
    clock: Clock = SYSTEM_CLOCK,
    on_progress: OnProgress | None = None,
) -> Checkup:
    """Look at everything, and repair it if somebody says so.

    About 40 round trips, and one for each 200 members of each key of each queue.

    Args:
        access: Where.
        by: Who repairs, as "user@host"; "" only looks.
        clock: This machine's clock, to compare the server's with.
        on_progress: Told after each key.

    Raises:
        Refused: It is to repair, and the access is read-only.
        RedisUnavailable: The server cannot be reached.
    """
    if by:
        access.require_writable("repair anything")
    patient = Patient(access, by, clock, on_progress)
    at_ms = access.now_ms()
    findings = [finding for check in FAMILIES for finding in check(patient)]
    return Checkup(tuple(findings), at_ms, len(patient.queues), patient.members)
