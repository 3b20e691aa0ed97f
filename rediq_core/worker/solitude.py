"""When a process runs one task alone: a suspect, whose lease was lost twice.

A task that kills its process takes the others in it down too, and after two such deaths nobody can
tell which one did it. So a suspect is claimed only by a process that runs nothing else and claims
nothing until it has settled. This is the consumer's bookkeeping for that; the counting of losses is
in reap.lua.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.model.claimed import ClaimedTask
from rediq_core.worker.lanes import Lane
from rediq_core.worker.settling import SUSPECT_LOSSES

# Seconds a process claims nothing so that it may become idle for a suspect; its long tasks must not
# keep its other slots empty for longer.
SEEK_S = 2.0
# Seconds until it tries again: others may have been luckier.
REST_S = 10.0


class Solitude:
    """Whether the process seeks to be idle, and whether it runs a suspect.

    Attributes:
        is_kept: A suspect runs; claim nothing.
    """

    def __init__(self) -> None:
        self.is_kept = False
        self._sought_since_s: float | None = None
        self._rest_until_s = 0.0

    def is_sought(self, lanes: Sequence[Lane], now_s: float) -> bool:
        """Say whether to claim nothing for now, because a suspect waits for an idle process."""
        if now_s < self._rest_until_s or not any(lane.suspects > 0 for lane in lanes):
            self._sought_since_s = None
            return False
        if self._sought_since_s is None:
            self._sought_since_s = now_s
        if now_s - self._sought_since_s <= SEEK_S:
            return True
        self._rest(now_s)
        return False

    def asked(self, claimed: Sequence[ClaimedTask], now_s: float) -> None:
        """Learn what came of asking for a suspect."""
        self._sought_since_s = None
        if any(task.losses >= SUSPECT_LOSSES for task in claimed):
            self.is_kept = True
        elif not claimed:
            # Somebody else took it, or its queue is paused.
            self._rest(now_s)

    def end(self) -> None:
        """The process is idle and all is settled."""
        self.is_kept = False

    def _rest(self, now_s: float) -> None:
        self._sought_since_s = None
        self._rest_until_s = now_s + REST_S
