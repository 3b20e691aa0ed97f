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

# Seconds that a turn tries to reach its server while other lanes wait: at first, and at most. As
# long as it has tried, it stands aside.
FIRST_PATIENCE_S = 0.25
MOST_PATIENCE_S = 5.0


@dataclass(slots=True)
class Turn:
    """One exchange.

    Attributes:
        lane: With which lane.
        want: How many tasks it asks for.
        is_solo: A suspect may be among them.
        call: What is sent, also when it is sent again.
        is_sent: It is on its way.
        tries: How often its server could not be reached in a row.
    """

    lane: Lane
    want: int
    is_solo: bool
    call: Call[ExchangeReply]
    is_sent: bool = False
    tries: int = 0


def patience_s(tries: int) -> float:
    """Return how many seconds to try after so many tries."""
    return min(FIRST_PATIENCE_S * 2.0**tries, MOST_PATIENCE_S)


def heaviest(lanes: Sequence[Lane]) -> Lane:
    """Choose among lanes that are ready by a smooth weighted round robin; moves their credit."""
    for lane in lanes:
        lane.credit += lane.plan.weight
    best = max(lanes, key=lambda lane: lane.credit)
    best.credit -= sum(lane.plan.weight for lane in lanes)
    return best
