"""Writes beside a lost worker what was taken back from it, for `worker list` the morning after.

Whoever reaps writes: the parent of a process that died, or any other worker when a lease ran out.
Counts go on while this process lives, so several queues and chunks become one sentence. It recovers
nothing itself; if it cannot write, the tasks are back all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from rediq_core.errors import RediqError
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs import presence
from rediq_core.verbs.lease import Reaped

log = logging.getLogger("rediq.supervisor")
# Lost workers whose counts are remembered; a fleet that loses more at once has other worries.
_MOST_WORKERS = 1_000
# Seconds before the next try after a failed one.
_AGAIN_S = 1.0


class Obituaries:
    """What was taken back, worker by worker. Belongs to one event loop."""

    def __init__(self, executor: AsyncExecutor, space: Space) -> None:
        self._executor = executor
        self._space = space
        self._taken: dict[str, Counter[str]] = {}
        self._unwritten: set[str] = set()
        self._is_due = asyncio.Event()

    def note(self, reaped: Reaped) -> None:
        """Count what one reaping took back; written soon."""
        for _, outcome, incarnation in reaped.outcomes:
            worker = incarnation.rpartition("#")[0]
            if worker and outcome != "gone":
                self._taken.setdefault(worker, Counter())[outcome] += 1
                self._unwritten.add(worker)
        while len(self._taken) > _MOST_WORKERS:
            self._taken.pop(next(iter(self._taken)))
        if self._unwritten:
            self._is_due.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            try:
                await self.write()
            except RediqError as error:
                log.debug("what was recovered is not noted yet: %s", error.message)
                await asyncio.sleep(_AGAIN_S)
                self._is_due.set()

    async def write(self) -> None:
        """Write what was not written yet: 1 round trip.

        Raises:
            RediqError: It was not written.
        """
        workers = sorted(self._unwritten & self._taken.keys())
        calls = [
            presence.note_beside(self._space, worker, sentence(self._taken[worker]))
            for worker in workers
        ]
        for reply in await self._executor.run_many(calls):
            if isinstance(reply, RediqError):
                raise reply
        self._unwritten.difference_update(workers)


def sentence(taken: Counter[str]) -> str:
    """Say what was taken back: "recovered 3 tasks: 2 pending, 1 dead"."""
    total = taken.total()
    parts = ", ".join(f"{number:,} {outcome}" for outcome, number in taken.most_common())
    return f"recovered {total:,} task{'' if total == 1 else 's'}: {parts}"
