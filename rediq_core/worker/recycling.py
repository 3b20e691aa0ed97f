"""The duty of replacing task processes that have grown too large.

Looks at memory and asks a process to retire: it claims no more, finishes what it runs and ends,
while another takes its place at once. One at a time, so that a fleet of equals does not do so
together. Processes that have run their number of tasks, or left a thread behind, retire by
themselves. This asks only: forking and burying stay with the supervisor.
"""

from __future__ import annotations

import asyncio

from rediq_core.worker.desk import Desk
from rediq_core.worker.memory import rss_of
from rediq_core.worker.seat import Seat

# Seconds between looks at memory.
LOOK_S = 1.0
_MIB = 1024 * 1024


async def limit_memory(desk: Desk) -> None:
    """Keep task processes below the plan's limit until cancelled; ends at once without one."""
    while desk.plan.max_rss_bytes:
        await asyncio.sleep(LOOK_S)
        largest = find_largest(desk)
        if largest is not None:
            seat, rss_bytes = largest
            limit = desk.plan.max_rss_bytes // _MIB
            seat.tell({"do": "retire", "why": f"{rss_bytes // _MIB} MiB is over {limit} MiB"})


def find_largest(desk: Desk) -> tuple[Seat, int] | None:
    """Return the process that is most over the limit, and its memory in bytes.

    None if there is none, or while one is being replaced already.
    """
    if desk.is_stopping() or any(not seat.is_ready or seat.is_retired for seat in desk.seats):
        return None
    sizes = [(rss_of(seat.pid), number) for number, seat in enumerate(desk.seats)]
    rss_bytes, number = max(sizes, default=(0, 0))
    return (desk.seats[number], rss_bytes) if rss_bytes > desk.plan.max_rss_bytes else None
