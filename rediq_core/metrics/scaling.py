"""How many task processes a backlog asks for: the arithmetic behind /scale.

By Little's law the slots in use are arrivals a second times seconds a run; a backlog adds what it
takes to be gone within the target. It decides nothing: an autoscaler does, with its own limits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rediq_core.model.views import QueueView

# Seconds within which a backlog should be gone, unless the autoscaler says.
DEFAULT_TARGET_S: Final = 60.0
# Seconds a run is thought to take where none has finished lately.
UNKNOWN_RUN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """What one queue asks for.

    Attributes:
        queue: The queue.
        backlog: Tasks that could run now; 0 while the queue is paused, for nothing would help.
        oldest_age_s: How long the first of them has waited.
        in_per_s: Tasks that come.
        done_per_s: Tasks that get done.
        run_s: How long a run takes, the mean of the last minutes.
        wanted_slots: Slots that would keep up and clear the backlog in time.
    """

    queue: str
    backlog: int
    oldest_age_s: float
    in_per_s: float
    done_per_s: float
    run_s: float
    wanted_slots: float


def load_of(view: QueueView, target_s: float) -> QueueLoad:
    """Return what a queue asks for, to be without backlog within the target."""
    backlog = 0 if view.pause is not None else view.pending
    arrivals = 0.0 if view.pause is not None else view.enqueued_per_s
    mean_ms = view.run.mean_ms
    run_s = UNKNOWN_RUN_S if mean_ms is None else mean_ms / 1000
    wanted = arrivals * run_s + backlog * run_s / target_s
    return QueueLoad(
        view.name,
        backlog,
        view.oldest_ms / 1000 if backlog else 0.0,
        view.enqueued_per_s,
        view.done_per_s,
        run_s,
        wanted,
    )


def scale_document(
    views: Sequence[QueueView], slots_a_process: int, target_s: float
) -> dict[str, object]:
    """Return the answer of /scale: all queues together, then each.

    Args:
        views: The queues.
        slots_a_process: What one more process brings.
        target_s: Seconds within which a backlog should be gone.
    """
    loads = [load_of(view, target_s) for view in views]
    backlog = sum(load.backlog for load in loads)
    wanted_slots = sum(load.wanted_slots for load in loads)
    wanted = math.ceil(wanted_slots / max(slots_a_process, 1) - 1e-9)
    return {
        "backlog": backlog,
        "oldest_age_s": max((load.oldest_age_s for load in loads), default=0.0),
        "in_per_s": round(sum(load.in_per_s for load in loads), 3),
        "done_per_s": round(sum(load.done_per_s for load in loads), 3),
        "wanted_slots": math.ceil(wanted_slots - 1e-9),
        # Something that waits needs at least one, however quick it is.
        "wanted_processes": max(wanted, 1 if backlog else 0),
        "slots_per_process": slots_a_process,
        "target_s": target_s,
        "queues": {
            load.queue: {
                "backlog": load.backlog,
                "oldest_age_s": load.oldest_age_s,
                "in_per_s": round(load.in_per_s, 3),
                "done_per_s": round(load.done_per_s, 3),
                "run_s": round(load.run_s, 4),
                "wanted_slots": math.ceil(load.wanted_slots - 1e-9),
            }
            for load in loads
        },
    }


def target_of(text: str | None) -> float:
    """Read the target of a query, in seconds.

    Raises:
        ValueError: It is no number from 1 to a day.
    """
    if text is None:
        return DEFAULT_TARGET_S
    target_s = float(text)
    if not 1 <= target_s <= 86_400:
        raise ValueError(text)
    return target_s
