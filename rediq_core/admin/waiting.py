"""Wait until what was asked for has happened: a worker obeyed, cancelled tasks ended.

Looks again and again, each time one round trip, and never longer than it is told to. It asks for
nothing itself; whoever waits has asked before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rediq_core.admin.access import Access
from rediq_core.admin.lookup import find_tasks
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import WorkerView
from rediq_core.verbs import presence
from rediq_core.verbs.presence import Do

# Seconds between looks: a person sees no difference, a server does not notice.
LOOK_S = 0.1
# Seconds more for each task that is looked at: its payload comes along.
LOOK_PER_TASK_S = 0.002

# Told after each look how much of the whole has happened.
OnLook = Callable[[int], None]
_OBEYED: dict[Do, frozenset[str]] = {
    Do.PAUSE: frozenset({"paused", "draining"}),
    Do.RESUME: frozenset({"running", "draining"}),
    Do.STOP: frozenset({presence.STOPPED, presence.LOST}),
}


def wait_for_worker(
    access: Access, worker_id: str, do: Do, *, timeout_s: float, on_look: OnLook | None = None
) -> bool:
    """Wait until a worker says that it has done what it was told, or is gone.

    Args:
        access: Where.
        worker_id: Its whole id.
        do: What it was told: pause, resume or stop.
        timeout_s: Seconds at most.
        on_look: Told after each look how many of its tasks still run.

    Returns:
        Whether it has obeyed.
    """
    end_s = SYSTEM_CLOCK.monotonic() + timeout_s
    pause = threading.Event()  # never set: its wait is a sleep of this thread alone
    while True:
        worker = _look(access, worker_id)
        if worker is None or worker.state in _OBEYED[do]:
            return True
        if on_look is not None:
            on_look(worker.busy)
        if SYSTEM_CLOCK.monotonic() >= end_s:
            return False
        pause.wait(LOOK_S)


def _look(access: Access, worker_id: str) -> WorkerView | None:
    commands = presence.one_worker_commands(access.namespace, worker_id)
    time, beat, row = access.commands(commands)
    now_ms = presence.read_time_ms(time)
    if beat is None:
        return None
    return presence.read_worker(worker_id, int(float(beat)), row, now_ms=now_ms)


def wait_until_ended(
    access: Access, ids: Sequence[str], *, timeout_s: float, on_look: OnLook | None = None
) -> dict[str, TaskState | None]:
    """Wait until no task of these can still change by itself: each is final, in trash or gone.

    One round trip a look once the queues of the ids are known; O(tasks that are left).

    Args:
        access: Where.
        ids: Whole ids.
        timeout_s: Seconds at most.
        on_look: Told after each look how many have ended.

    Returns:
        For each id its last state; None if it is gone.
    """
    end_s = SYSTEM_CLOCK.monotonic() + timeout_s
    pause = threading.Event()  # never set: see above
    states: dict[str, TaskState | None] = {}
    left = list(ids)
    while left:
        found = find_tasks(access, left)
        states |= {task_id: None if view is None else view.state for task_id, view in found.items()}
        left = [task_id for task_id in left if not has_ended(states[task_id])]
        if on_look is not None:
            on_look(len(ids) - len(left))
        if not left or SYSTEM_CLOCK.monotonic() >= end_s:
            break
        pause.wait(LOOK_S + len(left) * LOOK_PER_TASK_S)
    return states


def has_ended(state: TaskState | None) -> bool:
    """Say whether a task in this state does not go on by itself."""
    return state is None or state in FINAL_STATES or state is TaskState.TRASH
