"""Keeps leases alive and reaps expired ones; its own loop, never the one that runs handlers.

A supervisor runs it for its task processes. A task process whose parent died, and a worker embedded
in another program, run it in a thread. It beats every queue it serves each third of a lease, in one
pipeline, whether or not anything is held: the beat is how a reaper tells that Redis was away
(DESIGN: `beat_ms`). If it dies, leases run out and somebody else's keeper reaps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rediq_core import keys
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.lease import Reaped, Renewed, reap, renew

log = logging.getLogger("rediq.lease")
# A lease is renewed this many times in its life: two renewals may fail before it is lost.
RENEWALS_PER_LEASE = 3
# Seconds after an expiry at which reaping is tried, so that it finds the lease expired.
_REAP_SLACK_S = 0.02
# Longest pause before the first try after a failed renewal, in seconds.
_RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class KeeperHooks:
    """What the keeper asks and tells its owner.

    Attributes:
        held: Queue to the incarnations that hold something there.
        on_lost: An incarnation's lease is gone.
        on_cancel: Somebody wants a held task cancelled: queue, task id, JSON of who and why.
        on_reaped: What was taken back from the dead.
        deliver: Tells children of these parents that they finished.
    """

    held: Callable[[], dict[str, list[str]]]
    on_lost: Callable[[str, str], None]
    on_cancel: Callable[[str, str, bytes], None]
    on_reaped: Callable[[str, Reaped], None]
    deliver: Callable[[str, Sequence[str]], Awaitable[None]]


class LeaseKeeper:
    """Renew, beat and reap for a set of queues.

    Attributes:
        queues: The queues served.
        is_connected: The last renewal reached Redis.
    """

    def __init__(
        self,
        executor: AsyncExecutor,
        space: Space,
        queues: Sequence[str],
        lease_ms: int,
        hooks: KeeperHooks,
    ) -> None:
        self.queues = tuple(queues)
        self.is_connected = False
        self._complaints: dict[str, str] = {}
        self._executor = executor
        self._space = space
        self._lease_ms = lease_ms
        self._hooks = hooks
        self._minute = keys.minute_of(SYSTEM_CLOCK.now_ms())

    async def run(self) -> None:
        """Keep on until cancelled; never raises for a Redis that is away."""
        while True:
            wait_s = await self.turn()
            await asyncio.sleep(wait_s)

    async def turn(self) -> float:
        """Renew and reap once; return how many seconds to wait before the next turn."""
        period_s = self._lease_ms / RENEWALS_PER_LEASE / 1000
        held = self._hooks.held()
        calls = [
            renew(self._space, queue, held.get(queue, ()), lease_ms=self._lease_ms)
            for queue in self.queues
        ]
        replies = await self._executor.run_many(calls, deadline_s=self._lease_ms / 2000)
        waits = [period_s]
        self.is_connected = False
        for queue, reply in zip(self.queues, replies, strict=True):
            if isinstance(reply, RediqError):
                self._complain(queue, reply.message)
                waits.append(_RETRY_S)
                continue
            if self._complaints.pop(queue, ""):
                log.info("leases of %s are renewed again", queue)
            self.is_connected = True
            waits.append(await self._after(queue, reply))
        return max(min(waits), 0.01)

    def _complain(self, queue: str, why: str) -> None:
        # It is tried several times a second: said once, and again when the reason is another.
        if self._complaints.get(queue) != why:
            self._complaints[queue] = why
            log.warning("cannot renew leases of %s: %s", queue, why)

    async def _after(self, queue: str, renewed: Renewed) -> float:
        self._minute = keys.minute_of(renewed.now_ms)
        for incarnation in renewed.lost:
            self._hooks.on_lost(queue, incarnation)
        for task_id, intent in renewed.cancels.items():
            self._hooks.on_cancel(queue, task_id, intent)
        if renewed.has_expired:
            await self.reap(queue)
        if renewed.next_expiry_ms > renewed.now_ms:
            return (renewed.next_expiry_ms - renewed.now_ms) / 1000 + _REAP_SLACK_S
        return self._lease_ms / 1000

    async def reap(self, queue: str, dead: Sequence[str] = (), *, is_charged: bool = True) -> int:
        """Take back what dead incarnations of one queue held; returns how many tasks.

        Args:
            queue: The queue.
            dead: Incarnations known to be dead; none: those whose lease expired.
            is_charged: Count a loss for each task.
        """
        start, taken = 0, 0
        while start >= 0:
            call = reap(
                self._space,
                queue,
                lease_ms=self._lease_ms,
                minute=self._minute,
                start=start,
                dead=dead,
                is_charged=is_charged,
            )
            try:
                reaped = await self._executor.run(call, deadline_s=self._lease_ms / 1000)
            except RediqError as error:
                log.warning("cannot reap %s: %s", queue, error.message)
                return taken
            start = reaped.next_start
            taken += len(reaped.outcomes)
            if reaped.outcomes:
                self._hooks.on_reaped(queue, reaped)
            if reaped.deliver:
                await self._hooks.deliver(queue, reaped.deliver)
        return taken
