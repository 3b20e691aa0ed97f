"""A connection of its own for the worker's hot loop: send now, receive later.

The caller writes the next call before it works on the last reply, so server and handlers work at
once. Exactly one call is under way at a time. Unlike a link, a channel does not repeat a call
whose connection broke: the caller decides what the next exchange holds, then reopens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rediq_core.connection.courier import Courier
from rediq_core.connection.failures import UnknownScript
from rediq_core.connection.raw import RawCall, Reply
from rediq_core.connection.request import pack_eval, pack_evalsha, request_of
from rediq_core.connection.retry import RECONNECT_POLICY, TryFailed, persist
from rediq_core.connection.router import Detour
from rediq_core.connection.translate import Fate, fate_of, translated
from rediq_core.connection.wire import Wire
from rediq_core.errors import RediqError

# Seconds for one reply: a slow server is still a server, and a lease (10 s) must outlast a try.
CHANNEL_REPLY_TIMEOUT_S = 5.0
# Seconds for a `send` that finds its connection closed while it was idle, and for a call that was
# redirected on its way.
_REPAIR_DEADLINE_S = 5.0


class AsyncChannel:
    """Send calls to the node of one key, one at a time. One task uses it.

    Attributes:
        key: Decides the node.
    """

    def __init__(
        self,
        courier: Courier,
        key: str,
        *,
        reply_timeout_s: float | None,
        on_close: Callable[[AsyncChannel], None],
    ) -> None:
        self.key = key
        self._courier = courier
        self._reply_timeout_s = reply_timeout_s
        self._on_close = on_close
        self._wire: Wire | None = None
        self._under_way: tuple[RawCall, asyncio.Future[Reply]] | None = None
        self._detour = Detour(courier.directory.generation)

    @property
    def is_open(self) -> bool:
        """True if the connection was open when last looked at."""
        return self._wire is not None and self._wire.lost is None

    def send_now(self, call: RawCall) -> bool:
        """Write one call at once if the connection is open and free; says whether it did."""
        wire = self._wire
        if self._under_way is not None or wire is None or wire.lost is not None:
            return False
        self._under_way = (call, wire.ask(pack_evalsha(call)))
        return True

    async def send(self, call: RawCall) -> None:
        """Write one call now; nothing else runs before the bytes are with the transport.

        Opens the connection first if it is not open, within 5 s.

        Raises:
            RediqError: It could not be opened; nothing was sent.
            RuntimeError: The reply to the last call has not been received.
        """
        if self._under_way is not None:
            raise RuntimeError("receive() the last reply before the next send()")
        if not self.send_now(call):
            wire = await self._reopened(_REPAIR_DEADLINE_S)
            self._under_way = (call, wire.ask(pack_evalsha(call)))

    async def receive(self) -> Reply:
        """Return the reply to the last `send`; one more round trip if the script was unknown.

        A call that the server redirected, so did not run, is delivered by the shared
        connections instead. Cancelling drops the connection, so replies cannot be mixed up.

        Raises:
            RedisUnavailable: The connection broke (`ambiguous`), or the server refuses for now;
                `reopen` before the next call.
            RediqError: As `AsyncLink.evalsha`.
            RuntimeError: Nothing was sent.
        """
        wire, under_way = self._wire, self._under_way
        if wire is None or under_way is None:
            raise RuntimeError("send() a call before receive()")
        call, future = under_way
        try:
            reply = await future
            if isinstance(reply, UnknownScript):
                reply = await wire.ask(pack_eval(call))
        except asyncio.CancelledError:
            self._drop()
            raise
        finally:
            self._under_way = None
        if not isinstance(reply, Exception):
            return reply
        return await self._repaired(call, reply)

    async def reopen(self, *, deadline_s: float | None = None) -> None:
        """Drop the connection and open a new one to whichever node has the key now.

        Args:
            deadline_s: Seconds, or None to try for ever.

        Raises:
            RedisUnavailable: The deadline passed or the login was refused.
        """
        await self._reopened(deadline_s)

    async def aclose(self) -> None:
        """Close the connection; safe to call twice."""
        wire = self._wire
        self._drop()
        self._on_close(self)
        if wire is not None:
            await wire.wait_closed()

    async def _reopened(self, deadline_s: float | None) -> Wire:
        if self._wire is not None:
            self._detour.is_stale = True
        self._drop()
        attempts = self._courier.attempts(deadline_s, policy=RECONNECT_POLICY)

        async def once() -> Wire:
            address = await self._courier.locate(self.key, self._detour, attempts)
            try:
                return await self._courier.dial(address, reply_timeout_s=self._reply_timeout_s)
            except TryFailed:
                self._detour.is_stale = True
                raise

        wire = self._wire = await persist(attempts, once)
        wire.write_at_once()
        return wire

    async def _repaired(self, call: RawCall, error: Exception) -> Reply:
        """Deliver a redirected call another way; raise for any other failure."""
        where = self._courier.topology.redacted
        match fate_of(error):
            case Fate.MOVED | Fate.ASKING:
                if fate_of(error) is Fate.MOVED:
                    self._drop()
                attempts = self._courier.attempts(_REPAIR_DEADLINE_S)
                return await self._courier.insist(request_of(call), attempts, error)
            case Fate.LOST:
                self._drop()
                raise translated(error, where, is_ambiguous=True) from error
            case Fate.PASSING:
                self._drop()
            case Fate.FINAL:
                pass
        ours = translated(error, where)
        raise ours from (None if isinstance(error, RediqError) else error)

    def _drop(self) -> None:
        self._under_way = None
        if self._wire is not None:
            self._wire.close()
