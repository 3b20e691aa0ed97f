"""Listens for wake-up markers on the wake lists of all queues of a task process.

A marker is a hint that something is claimable. It is popped by one listener only, so a process that
cannot use one puts it back, and leaves that list alone until it can: lists are popped in their
order, and the markers of other queues lie behind it. If the process dies with a marker in hand, the
next look of somebody else, at most `lanes.IDLE_LOOK_S` later, finds the task all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from rediq_core.connection.aio import AsyncLink
from rediq_core.errors import RediqError, RedisUnavailable
from rediq_core.worker.lanes import Lane

log = logging.getLogger("rediq.worker")
# Seconds of one blocking read; a server closes idle connections later than this.
BLOCK_S = 30.0
# The same while some list is left alone, so that it is not left alone for longer.
_BLOCK_WITHOUT_S = 1.0
# Pause after a failed read, and between looks whether any list can be of use, in seconds.
_PAUSE_S = 0.2


class MarkerListener:
    """One task that blocks on the wake lists.

    Owned by the consumer, which starts and closes it.
    """

    def __init__(
        self,
        link: AsyncLink,
        lanes: Mapping[str, Lane],
        can_take: Callable[[Lane], bool],
        on_marker: Callable[[Lane], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Prepare to listen.

        Args:
            link: Where.
            lanes: Wake key to lane.
            can_take: Says whether a marker of a lane would be of use now.
            on_marker: Told of a marker as soon as it is read, if it is of use. Must not raise.
            on_lost: Told that the connection was lost, once until there is another. Must not raise.
        """
        self._link = link
        self._lanes = dict(lanes)
        self._can_take = can_take
        self._on_marker = on_marker
        self._on_lost = on_lost
        # Lists whose marker was of no use: put back, and left alone.
        self._declined: set[str] = set()
        self._may_listen = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="markers")

    async def aclose(self) -> None:
        """Stop listening, and leave a marker for others: one may be lost with the connection."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for key in self._lanes:
            try:
                await self._put_back(key)
            except RediqError:
                return

    def go_on(self) -> None:
        """Listen again: what the last marker led to is under way."""
        self._may_listen.set()

    def _hear(self, key: str) -> None:
        lane = self._lanes[key]
        if self._can_take(lane):
            self._may_listen.clear()
            self._on_marker(lane)
        else:
            self._declined.add(key)

    async def _run(self) -> None:
        waiter = self._link.waiter(list(self._lanes), hear=self._hear)
        is_lost = False
        try:
            while True:
                self._declined = {k for k in self._declined if not self._can_take(self._lanes[k])}
                if len(self._declined) == len(self._lanes):
                    await asyncio.sleep(_PAUSE_S)
                    continue
                try:
                    block_s = _BLOCK_WITHOUT_S if self._declined else BLOCK_S
                    key = await waiter.wait(block_s, without=self._declined)
                    is_lost = False
                    if key is not None and key in self._declined:
                        await self._try_put_back(key)
                    elif key is not None:
                        # Writing the next BLPOP would delay the task that this marker is about.
                        await self._may_listen.wait()
                except RediqError as error:
                    log.debug("cannot listen for markers: %s", error.message)
                    if isinstance(error, RedisUnavailable) and not is_lost:
                        is_lost = True
                        self._on_lost()
                    await asyncio.sleep(_PAUSE_S)
        finally:
            await waiter.aclose()

    async def _try_put_back(self, key: str) -> None:
        """Put a marker back, or leave it: a reply that is late is no lost connection."""
        try:
            await self._put_back(key)
        except RediqError as error:
            log.debug("a marker is gone: %s", error.message)

    async def _put_back(self, key: str) -> None:
        # RPUSHX would need the list to exist; at most one marker too many is harmless.
        if not await self._link.command("LLEN", key, key=key, deadline_s=1.0):
            await self._link.command("RPUSH", key, "1", key=key, deadline_s=1.0)
