"""One exchange of the consumer, and which lane comes next.

A turn is an exchange that was begun: until it is answered its lane begins no other, since what it
asked for may have been done. Values and arithmetic; the consumer sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rediq_core.scripts.call import Call
from rediq_core.verbs.exchange import ExchangeReply
from rediq_core.worker.lanes import Lane


@dataclass(slots=True)
class Turn:
    """One exchange.

    Attributes:
        lane: With which lane.
        want: How many tasks it asks for.
        is_solo: A suspect may be among them.
        call: What is sent, also when it is sent again.
        is_sent: It is on its way.
    """

    lane: Lane
    want: int
    is_solo: bool
    call: Call[ExchangeReply]
    is_sent: bool = False


def heaviest(lanes: Sequence[Lane]) -> Lane:
    """Choose among lanes that are ready by a smooth weighted round robin; moves their credit."""
    for lane in lanes:
        lane.credit += lane.plan.weight
    best = max(lanes, key=lambda lane: lane.credit)
    best.credit -= sum(lane.plan.weight for lane in lanes)
    return best
