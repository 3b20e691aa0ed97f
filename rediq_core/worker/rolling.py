"""A chore of the sweep: adds the minutes that a queue has counted to its hours and days.

Exactly once, whoever does it and however often: the script remembers in each minute what was taken
from it. The last minutes are looked at again each time, because a worker that was cut off counts
what it did into the minute it last knew. Catching up after days without a sweep is spread over
turns. If the worker dies half way, the next sweep goes on from the mark.
"""

from __future__ import annotations

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.keys import minute_of
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.history import Rolled, roll
from rediq_core.verbs.sweep import Swept
from rediq_core.worker.desk import Desk

# Minutes rolled up again each time, for what was counted late.
AGAIN = 5
# Minutes of one queue caught up with in one turn.
MOST_MINUTES = 400


async def roll_history(desk: Desk, queue: str, swept: Swept) -> None:
    """Roll a queue's minutes up, once a sweep. See `roll_minutes`."""
    if not swept.has_more:
        await roll_minutes(desk.executor, desk.space, queue)


async def roll_minutes(executor: AsyncExecutor, space: Space, queue: str) -> int:
    """Roll up the minutes that are over; 2 round trips, each of up to MOST_MINUTES small calls.

    Returns:
        How many minutes had something new.

    Raises:
        RediqError: A call failed; what was done stays done.
    """
    now_ms = space.now_ms or SYSTEM_CLOCK.now_ms()
    probe = await executor.run(roll(space, queue, minute_of(now_ms) - 1))
    last = minute_of(probe.now_ms) - 1
    first = min(probe.mark + 1, last - AGAIN + 1)
    minutes = range(first, min(last + 1, first + MOST_MINUTES))
    replies = await executor.run_many([roll(space, queue, minute) for minute in minutes])
    return int(probe.has_moved) + sum(_sound(reply).has_moved for reply in replies)


def _sound(reply: Rolled | RediqError) -> Rolled:
    if isinstance(reply, RediqError):
        raise reply
    return reply
