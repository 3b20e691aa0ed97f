"""What operators see and do: the one way in for the command line and the dashboard.

Names load on first use, so that a command pays only for what it needs.

Example:
    with connect("redis://localhost:6379/0") as admin:
        for queue in admin.queues():
            print(queue.name, queue.pending)
        admin.flush(parse_where(["dead:payment"]), by="ada@host")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rediq_core.admin.acl import Role, acl_rules, sentinel_rule
    from rediq_core.admin.bulk import TAKES, Conduct, OnProgress
    from rediq_core.admin.connecting import connect
    from rediq_core.admin.doctor import Checkup, Finding, Level
    from rediq_core.admin.draining import left_in, wait_until_empty
    from rediq_core.admin.events import Event, EventReader
    from rediq_core.admin.graph import TaskGraph
    from rediq_core.admin.kin import Kin, Relative
    from rediq_core.admin.operations import Operations
    from rediq_core.admin.operator import Admin
    from rediq_core.admin.pulse import Pulse, SlowCommand
    from rediq_core.admin.search import Search, Selection, Tally
    from rediq_core.admin.transfers import ImportReport, Transfers
    from rediq_core.admin.waiting import has_ended, wait_for_worker, wait_until_ended
    from rediq_core.admin.why import Answer, Place, Reason, Weight
    from rediq_core.verbs.moves import MoveVerb
    from rediq_core.verbs.presence import LOST, Do

_HOMES = {
    "Admin": "admin.operator",
    "Answer": "admin.why",
    "Checkup": "admin.doctor",
    "Conduct": "admin.bulk",
    "Do": "verbs.presence",
    "Event": "admin.events",
    "EventReader": "admin.events",
    "Finding": "admin.doctor",
    "ImportReport": "admin.transfers",
    "Kin": "admin.kin",
    "LOST": "verbs.presence",
    "Level": "admin.doctor",
    "MoveVerb": "verbs.moves",
    "OnProgress": "admin.bulk",
    "Operations": "admin.operations",
    "Place": "admin.why",
    "Pulse": "admin.pulse",
    "Reason": "admin.why",
    "Relative": "admin.kin",
    "Role": "admin.acl",
    "Search": "admin.search",
    "Selection": "admin.search",
    "SlowCommand": "admin.pulse",
    "TAKES": "admin.bulk",
    "Tally": "admin.search",
    "TaskGraph": "admin.graph",
    "Transfers": "admin.transfers",
    "Weight": "admin.why",
    "acl_rules": "admin.acl",
    "connect": "admin.connecting",
    "has_ended": "admin.waiting",
    "left_in": "admin.draining",
    "sentinel_rule": "admin.acl",
    "wait_for_worker": "admin.waiting",
    "wait_until_empty": "admin.draining",
    "wait_until_ended": "admin.waiting",
}

__all__ = [
    "LOST",
    "TAKES",
    "Admin",
    "Answer",
    "Checkup",
    "Conduct",
    "Do",
    "Event",
    "EventReader",
    "Finding",
    "ImportReport",
    "Kin",
    "Level",
    "MoveVerb",
    "OnProgress",
    "Operations",
    "Place",
    "Pulse",
    "Reason",
    "Relative",
    "Role",
    "Search",
    "Selection",
    "SlowCommand",
    "Tally",
    "TaskGraph",
    "Transfers",
    "Weight",
    "acl_rules",
    "connect",
    "has_ended",
    "left_in",
    "sentinel_rule",
    "wait_for_worker",
    "wait_until_empty",
    "wait_until_ended",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rediq_core.admin' has no attribute {name!r}")
    return getattr(import_module(f"rediq_core.{home}"), name)
