"""The sampler: four times a second, whether the keys of every queue contradict each other.

One read-only script looks at a whole queue at one instant. It is written apart from the engine's
own scripts and from `doctor`, which the engine's mistakes could share.
"""

from __future__ import annotations

import threading
from pathlib import Path

from rediq_core.errors import RediqError
from rediq_core.keys import queue_keys
from tests.chaos.scene import NAMESPACE, QUEUES, Scene

EACH_S = 0.25
_PLACES = (
    *("pending", "suspects", "held", "active", "delayed", "retry", "waiting", "completed"),
    *("cancelled", "dead", "trash"),
)
_KEYS = (*_PLACES, "tasks", "claims", "leases", "counters", "unique", "needs", "groups")
_SCRIPT = Path(__file__).with_name("look.lua").read_text()


class Sampler(threading.Thread):
    """Looks until it is stopped.

    Attributes:
        samples: Queues looked at.
        violations: What was wrong, with how often it was seen.
    """

    def __init__(self, scene: Scene) -> None:
        super().__init__(name="sampler", daemon=True)
        self.samples = 0
        self.violations: dict[str, int] = {}
        self._scene = scene
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Look at every queue, again and again."""
        while not self._stop_asked.wait(EACH_S):
            for queue in QUEUES:
                self.look(queue)

    def look(self, queue: str) -> None:
        """Look at one queue; a server that is away has nothing to show."""
        keys = queue_keys(NAMESPACE, queue, _KEYS)
        try:
            faults = self._scene.link.command(
                "EVAL", _SCRIPT, len(keys), *keys, *_PLACES, key=keys[0], deadline_s=2.0
            )
        except RediqError:
            return
        self.samples += 1
        for fault in faults:
            said = f"queue {queue}: {fault.decode()}"
            self.violations[said] = self.violations.get(said, 0) + 1

    def stop(self) -> None:
        """End and wait for it."""
        self._stop_asked.set()
        self.join()
