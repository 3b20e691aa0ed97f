"""Gets the reply to an exchange: on the spot, by insisting, or aside while other lanes go on.

A request that was sent may have been done, so it is asked for with the same number until there is
a reply, for ever: Redis answers a repeat with what the first one did. In a Cluster a server that is
away must not hold up the queues of the others, so what insists on its reply is a task of its own
there, and its lane begins nothing else meanwhile. This knows connections and no tasks; what a reply
means is the consumer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.channel import AsyncChannel
from rediq_core.connection.topology import Mode
from rediq_core.errors import RediqError, RedisUnavailable, SchemaMismatch
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.exchange import ExchangeReply
from rediq_core.worker.lanes import Lane
from rediq_core.worker.turns import Turn

log = logging.getLogger("rediq.worker")
# Seconds that a Cluster's server has for a reply before the other queues go on without it.
ASIDE_AFTER_S = 1.0
# Seconds of one try to connect again: the parent's watchdog wants to see beats.
REOPEN_S = 5.0
# Pause between tries at a server that is there and does not serve, in seconds.
_AGAIN_S = 0.1
# Pause of a lane whose exchange Redis refused (wrong-type key, denied command), in seconds.
_REFUSED_PAUSE_S = 1.0


class Exchanging:
    """The connections of one consumer. Belongs to its event loop; closed by it.

    Attributes:
        is_connected: The last exchange got a reply.
    """

    def __init__(
        self,
        link: AsyncLink,
        lanes: Sequence[Lane],
        *,
        on_written: Callable[[], None],
        on_answered: Callable[[], None],
        beat: Callable[[], None],
    ) -> None:
        """Prepare; channels open when they are used.

        Args:
            link: Where.
            lanes: All that will be asked for.
            on_written: Called when a request is on its way, or cannot be for now.
            on_answered: Called when something that was waited for aside has ended.
            beat: Called between tries.
        """
        self.is_connected = False
        self._asked: Turn | None = None
        self._lanes = lanes
        self._link = link
        self._scripts = AsyncExecutor(link)
        self._on_written = on_written
        self._on_answered = on_answered
        self._beat = beat
        self._channels: dict[str, AsyncChannel] = {}
        self._aside: dict[Lane, tuple[Turn, asyncio.Task[ExchangeReply | None]]] = {}
        # A Cluster keeps queues on different nodes; elsewhere one connection serves all.
        self._is_cluster = link.topology.mode is Mode.CLUSTER
        self._patience_s = ASIDE_AFTER_S if self._is_cluster and len(lanes) > 1 else None

    def is_waiting(self, lane: Lane | None = None) -> bool:
        """Say whether a lane's reply is waited for aside; None: any lane's."""
        return bool(self._aside) if lane is None else lane in self._aside

    @property
    def is_asking(self) -> bool:
        """Whether a request has no reply yet."""
        return self._asked is not None or bool(self._aside)

    def begin(self, turn: Turn) -> None:
        """Write a request at once if its connection is open and free."""
        turn.is_sent = self._channel(turn.lane).send_now(
            turn.call.raw(is_legacy=self._scripts.is_legacy)
        )

    async def ask(self, turn: Turn) -> ExchangeReply | None:
        """Send a request, unless it is on its way, and return its reply.

        Returns None if Redis refused it, or if its reply is waited for aside: see `answered`.
        """
        self._asked = turn
        try:
            return await self._ask(turn)
        finally:
            self._asked = None

    async def _ask(self, turn: Turn) -> ExchangeReply | None:
        channel, was_legacy = self._channel(turn.lane), self._scripts.is_legacy
        try:
            async with asyncio.timeout(self._patience_s):
                if not turn.is_sent:
                    await channel.send(turn.call.raw(is_legacy=was_legacy))
                    self._on_written()
                reply = await channel.receive()
        except (RedisUnavailable, TimeoutError) as error:
            self._on_written()
            why = error.message if isinstance(error, RedisUnavailable) else "it is late"
            self._note_outage(turn.lane, why)
        except RediqError as error:
            self._on_written()
            if was_legacy or not await self._is_too_new(error):
                self._refuse(turn.lane, error)
                return None
        else:
            self.is_connected = True
            return turn.call.read(reply)
        if self._patience_s is None:
            return await self._insist(turn)
        insisting = asyncio.get_running_loop().create_task(self._insist(turn))
        insisting.add_done_callback(lambda _: self._on_answered())
        self._aside[turn.lane] = turn, insisting
        return None

    def answered(self) -> list[tuple[Turn, ExchangeReply]]:
        """Take what was waited for aside and has come."""
        found = []
        for lane, (turn, insisting) in list(self._aside.items()):
            if insisting.done():
                del self._aside[lane]
                reply = insisting.result()
                if reply is not None:
                    found.append((turn, reply))
        return found

    async def aclose(self) -> None:
        """Close the connections; what is waited for aside is given up."""
        waiting = [insisting for _, insisting in self._aside.values()]
        for insisting in waiting:
            insisting.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for channel in self._channels.values():
            await channel.aclose()

    async def _insist(self, turn: Turn) -> ExchangeReply | None:
        """Ask for a reply until there is one; returns None if the request was refused."""
        channel = self._channel(turn.lane)
        while True:
            was_legacy = self._scripts.is_legacy
            self._beat()
            try:
                if not channel.is_open:
                    await channel.reopen(deadline_s=REOPEN_S)
                    log.info("connected to Redis again")
                    self._beat()
                await channel.send(turn.call.raw(is_legacy=was_legacy))
                reply = await channel.receive()
            except RedisUnavailable as error:
                log.warning("still no Redis for %s: %s", turn.lane.queue, error.message)
                await asyncio.sleep(_AGAIN_S)
            except RediqError as error:
                if was_legacy or not await self._is_too_new(error):
                    self._refuse(turn.lane, error)
                    return None
            else:
                self.is_connected = True
                return turn.call.read(reply)

    def _note_outage(self, lane: Lane, why: str) -> None:
        if self.is_connected:
            log.warning("no reply for %s: %s", lane.queue, why)
        self.is_connected = False
        channel = self._channel(lane)
        for other in self._lanes:
            if self._channel(other) is channel:
                other.stock_at_s = 0.0

    async def _is_too_new(self, error: RediqError) -> bool:
        """Say whether a script did not run because the server is older than its first line.

        Learned once; what is sent later is as that server takes it.
        """
        if not isinstance(error, SchemaMismatch):
            return False
        try:
            return await self._scripts.learn_age()
        except RediqError:
            return False  # it may not be asked, or is away

    def _refuse(self, lane: Lane, error: RediqError) -> None:
        lane.refuse(asyncio.get_running_loop().time() + _REFUSED_PAUSE_S)
        log.error("queue %s: %s", lane.queue, error)

    def _channel(self, lane: Lane) -> AsyncChannel:
        name = lane.queue if self._is_cluster else ""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = self._link.channel(lane.key("wake"))
        return channel
