"""Whether a worker that ends when there is nothing left to do has come to that end.

Nothing is left if no queue has a pending task that this worker may claim, no retry is due within
the wait, and no parent has children still to be told. What may not be claimed (paused, or of a type
nobody here knows) stays, and is named. Delayed tasks do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rediq_core import keys
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.model.durations import format_ms
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.inspect import read_page, read_queue


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What queues still hold.

    Attributes:
        is_done: Nothing is left that this worker would do.
        notes: One sentence a queue that holds something all the same.
    """

    is_done: bool
    notes: tuple[str, ...]


async def look_for_leftovers(
    executor: AsyncExecutor, space: Space, queues: Sequence[str], wait_ms: int
) -> Leftovers:
    """Look at queues: three round trips each.

    Args:
        executor: Sends the calls.
        space: Namespace and clock.
        queues: The worker's queues; nothing of its own is active.
        wait_ms: Retries due within this are waited for.

    Raises:
        RediqError: They cannot be read.
    """
    # Before the rest: whoever leaves an outbox is seen in the queue of its children then.
    is_done, notes = True, []
    for queue in queues:
        outbox = keys.queue_key(space.namespace, queue, "outbox")
        if await executor.link.command("ZCARD", outbox, key=outbox):
            is_done = False
    for queue in queues:
        minute = keys.minute_of(SYSTEM_CLOCK.now_ms())
        view = await executor.run(read_queue(space, queue, minute=minute))
        page = await executor.run(read_page(space, queue, "retry", limit=1))
        next_retry_ms = page.tasks[0].due_ms - page.at_ms if page.tasks else 0
        is_claimable = view.pending > view.held and view.pause is None
        if is_claimable or (page.tasks and next_retry_ms <= wait_ms):
            is_done = False
        if view.pending and view.pause is not None:
            notes.append(f"{queue} is paused with {view.pending} pending")
        elif view.held:
            notes.append(f"{queue} has {view.held} of types that no handler here takes")
        if page.total:
            notes.append(f"{queue} retries {page.total}, the next in {format_ms(next_retry_ms)}")
    return Leftovers(is_done, tuple(notes))
