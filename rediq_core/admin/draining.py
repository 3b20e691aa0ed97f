"""Wait until a queue has nothing left to do: for deployments, and for scripts that fill queues.

What is delayed does not count (it may be due in a month), nor what has finished. It looks again and
again, one round trip each, slower the longer it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from rediq_core.admin.access import Access
from rediq_core.admin.snapshot import read_one_queue
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView

# Seconds between looks, at first and at last.
FIRST_LOOK_S = 0.05
LAST_LOOK_S = 1.0
# The states in which a task is still to be done by itself, soon.
_LEFT = (TaskState.PENDING, TaskState.ACTIVE, TaskState.RETRY, TaskState.WAITING)


def left_in(queue: QueueView) -> dict[TaskState, int]:
    """Return how many tasks are left to do, in each state that has any."""
    return {state: queue.counts[state] for state in _LEFT if queue.counts.get(state)}


def wait_until_empty(
    access: Access,
    queue: str,
    *,
    timeout_s: float | None,
    on_look: Callable[[int], None] | None = None,
) -> dict[TaskState, int]:
    """Wait until nothing is pending, active, in retry or waiting.

    Args:
        access: Where.
        queue: The queue.
        timeout_s: Seconds at most; None for as long as it takes.
        on_look: Told after each look how many tasks are left.

    Returns:
        What is left; nothing, unless the time was over.

    Raises:
        QueueNotFound: It does not exist.
    """
    end_s = None if timeout_s is None else SYSTEM_CLOCK.monotonic() + timeout_s
    wait_s = FIRST_LOOK_S
    pause = threading.Event()  # never set: its wait is a sleep of this thread alone
    while True:
        left = left_in(read_one_queue(access, queue))
        if on_look is not None:
            on_look(sum(left.values()))
        if end_s is not None:
            wait_s = min(wait_s, end_s - SYSTEM_CLOCK.monotonic())
        if not left or wait_s <= 0:
            return left
        pause.wait(wait_s)
        wait_s = min(wait_s * 1.3, LAST_LOOK_S)
