"""What operators see and do: the one way in for the command line and the dashboard.

Example:
    with connect("redis://localhost:6379/0") as admin:
        for queue in admin.queues():
            print(queue.name, queue.pending)
        admin.flush(parse_where(["dead:payment"]), by="ada@host")
"""

from __future__ import annotations

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
from rediq_core.admin.search import Search, Selection, Tally
from rediq_core.admin.transfers import ImportReport, Transfers
from rediq_core.admin.waiting import has_ended, wait_for_worker, wait_until_ended
from rediq_core.admin.why import Answer, Place, Reason, Weight
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.presence import LOST, Do

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
    "Reason",
    "Relative",
    "Role",
    "Search",
    "Selection",
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
