"""The relay of a process: tells children how their parents ended, beside whatever else goes on.

What is handed over waits until what is on its way is done, and goes together then. It owns one
task at a time on the event loop it was made in. Nothing depends on it: a parent stays in its
queue's outbox until its children were told, so what it drops when it is closed, or dies with, is
found by the sweep, whose chore for that is here too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from rediq_core import keys
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.scripts.steps import Steps, drive_async
from rediq_core.verbs.relay import Parent, Relayed, relay, repair
from rediq_core.verbs.sweep import Swept
from rediq_core.worker.desk import Desk

log = logging.getLogger("rediq.relay")
# Seconds for one call; longer outages are the sweep's.
DEADLINE_S = 5.0
# Seconds that a closing relay may take to finish what it was handed.
CLOSING_S = 2.0


class Relay:
    """Tell children of finished parents; for one event loop.

    Attributes:
        is_idle: Nothing is on its way and nothing waits.
    """

    def __init__(self, executor: AsyncExecutor, space: Space) -> None:
        self._executor = executor
        self._space = space
        self._waiting: dict[Parent, None] = {}
        self._running: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way and nothing waits."""
        return self._running is None

    async def deliver(self, queue: str, parents: Sequence[str]) -> None:
        """Tell the children of these parents, and of all that end by it, before returning.

        Never raises for a Redis that is away: what is left is in the outboxes.
        """
        await self._relay([(queue, parent) for parent in parents])

    async def hand_over(self, queue: str, parents: Sequence[str]) -> None:
        """Have the children of these parents told soon; returns at once."""
        self._waiting |= {(queue, parent): None for parent in parents}
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                parents = list(self._waiting)
                self._waiting.clear()
                await self._relay(parents)
        finally:
            self._running = None

    async def _relay(self, parents: Sequence[Parent]) -> None:
        await self._drive(relay(self._space, parents, minute=_minute()))

    async def repair(self, queue: str) -> int:
        """Ask again for what tasks of a queue have long waited; returns how many were told."""
        name = keys.global_key(self._space.namespace, "queues")
        found = await self._executor.link.command("SMEMBERS", name)
        queues = sorted(word.decode("utf-8", "replace") for word in found)
        return await self._drive(repair(self._space, queue, queues, minute=_minute()))

    async def _drive(self, steps: Steps[Relayed]) -> int:
        try:
            relayed = await drive_async(
                steps, self._executor, self._space.namespace, deadline_s=DEADLINE_S
            )
        except RediqError as error:
            log.warning("children are told later: %s", error.message)
            return 0
        if relayed.errors:
            log.warning("some children are told later: %s", relayed.errors[0].message)
        return relayed.told

    async def aclose(self) -> None:
        """Finish what was handed over, within CLOSING_S; the rest stays in the outboxes."""
        if self._running is None:
            return
        running = self._running
        done, _ = await asyncio.wait({running}, timeout=CLOSING_S)
        if not done:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def tell_leftovers(desk: Desk, queue: str, swept: Swept) -> None:
    """Tell what nobody told in time, and last ask again for what has long been waited for."""
    mender = Relay(desk.executor, desk.space)
    if swept.deliver:
        await mender.deliver(queue, swept.deliver)
    if not swept.has_more:
        await mender.repair(queue)


def _minute() -> int:
    return keys.minute_of(SYSTEM_CLOCK.now_ms())
