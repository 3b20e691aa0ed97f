"""What operators see and do: the one way in for the command line and the dashboard.

Example:
    with connect("redis://localhost:6379/0") as admin:
        for queue in admin.queues():
            print(queue.name, queue.pending)
        admin.flush(parse_where(["dead:payment"]), by="ada@host")
"""

from __future__ import annotations

from rediq_core.admin.bulk import TAKES, Conduct, OnProgress
from rediq_core.admin.operations import Operations
from rediq_core.admin.operator import Admin, connect
from rediq_core.admin.search import Selection, Tally
from rediq_core.admin.why import Answer, Place, Reason, Weight
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.presence import LOST, Do

__all__ = [
    "LOST",
    "TAKES",
    "Admin",
    "Answer",
    "Conduct",
    "Do",
    "MoveVerb",
    "OnProgress",
    "Operations",
    "Place",
    "Reason",
    "Selection",
    "Tally",
    "Weight",
    "connect",
]
