"""The asyncio link: calls that outlive lost connections, restarts, failovers and reshards.

A call goes down a shared connection at once if there is one; only after a failure is it handed to
the courier, who waits, looks the server up again and repeats until the deadline. Everything sent
may therefore be executed twice, which every script of Rediq allows. A link knows scripts as
bytes; what they mean is decided by the floors above.

Example:
    link = AsyncLink(parse_url("redis://localhost:6379/0"))
    reply = await link.evalsha(call)
    await link.aclose()
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.connection.channel import CHANNEL_REPLY_TIMEOUT_S, AsyncChannel
from rediq_core.connection.courier import Courier
from rediq_core.connection.failures import UnknownScript
from rediq_core.connection.raw import Arg, RawCall, Reply
from rediq_core.connection.request import Request, pack, pack_eval, pack_evalsha, request_of
from rediq_core.connection.topology import Topology
from rediq_core.connection.translate import closed_error
from rediq_core.connection.waiter import Waiter
from rediq_core.errors import ConfigError, RediqError

# Seconds a call may take, all tries together.
DEFAULT_DEADLINE_S = 5.0


class AsyncLink:
    """Run calls on the Redis of one topology.

    Belongs to the event loop of its first call and is closed by whoever made it; channels and
    waiters made from it are closed with it.

    Attributes:
        topology: Where it connects to.
    """

    def __init__(
        self, topology: Topology, *, clock: Clock = SYSTEM_CLOCK, rng: random.Random | None = None
    ) -> None:
        """Prepare a link; the first call connects.

        Args:
            topology: Where to connect.
            clock: For deadlines.
            rng: For jitter.
        """
        self.topology = topology
        self._courier = Courier(topology, clock=clock, rng=rng)
        self._monotonic = clock.monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dependents: set[AsyncChannel | Waiter] = set()
        self._is_closed = False

    async def evalsha(
        self, call: RawCall, *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> Reply:
        """Run one script: one round trip, one more if the server does not know it.

        Args:
            call: The script call; it may be executed more than once.
            deadline_s: Seconds for all tries, or None to try for ever.

        Returns:
            The script's reply: nested lists of bytes, int and None.

        Raises:
            RedisUnavailable: The deadline passed, or the login was refused.
            RedisOutOfMemory: Redis is at maxmemory and the script may not run then.
            Refused: An ACL rule denies it.
            SchemaMismatch: A key has another type than the script needs.
            ConfigError: The topology is wrong, or this is not the link's event loop.
        """
        self._bind()
        courier = self._courier
        # A shared connection gives up by itself; a shorter deadline needs a timer of its own.
        is_patient = deadline_s is None or deadline_s >= self.topology.reply_timeout_s
        wire = courier.ready_wire(call.keys[0]) if is_patient else None
        if wire is None:
            return await courier.insist(request_of(call), courier.attempts(deadline_s))
        began = self._monotonic()
        reply = await wire.ask(pack_evalsha(call))
        if isinstance(reply, UnknownScript):
            reply = await wire.ask(pack_eval(call))
        if not isinstance(reply, Exception):
            return reply
        left_s = None if deadline_s is None else deadline_s - (self._monotonic() - began)
        return await courier.insist(request_of(call), courier.attempts(left_s), reply)

    async def evalsha_many(
        self, calls: Sequence[RawCall], *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> list[Reply | RediqError]:
        """Run several scripts: one pipeline a node, one round trip when nothing fails.

        Args:
            calls: The script calls; each may be executed more than once.
            deadline_s: Seconds for all tries of all, or None to try for ever.

        Returns:
            For each call in order its reply or the error that ended it.

        Raises:
            ConfigError: This is not the link's event loop, or it is closed.
        """
        self._bind()
        requests = [request_of(call) for call in calls]
        return await self._courier.insist_all(requests, self._courier.attempts(deadline_s))

    async def command(
        self,
        *args: Arg,
        key: str | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> Reply:
        """Run one plain command in one round trip; it may be executed more than once.

        Args:
            args: Name and arguments, a subcommand apart: `"CONFIG", "GET", "save"`.
            key: Decides the node of a Cluster; None for any master.
            deadline_s: Seconds for all tries, or None to try for ever.

        Raises:
            RediqError: As `evalsha`.
        """
        self._bind()
        request = Request(pack(*args), key)
        return await self._courier.insist(request, self._courier.attempts(deadline_s))

    async def commands(
        self,
        commands: Sequence[Sequence[Arg]],
        *,
        key: str | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> list[Reply | RediqError]:
        """Run several plain commands on the node of `key`, in one pipeline.

        Returns:
            For each command in order its reply or the error that ended it.

        Raises:
            ConfigError: This is not the link's event loop, or it is closed.
        """
        self._bind()
        requests = [Request(pack(*command), key) for command in commands]
        return await self._courier.insist_all(requests, self._courier.attempts(deadline_s))

    async def command_all(
        self, *args: Arg, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> dict[str, Reply | RediqError]:
        """Run one plain command on every master, all at once.

        Returns:
            For each "host:port" or socket path the reply or the error that ended it.

        Raises:
            RediqError: The masters could not be found.
        """
        self._bind()
        return await self._courier.insist_everywhere(pack(*args), deadline_s)

    def channel(
        self, key: str, *, reply_timeout_s: float | None = CHANNEL_REPLY_TIMEOUT_S
    ) -> AsyncChannel:
        """Return a connection of its own to the node of `key`, for one call after another.

        Args:
            key: Any key of the queue.
            reply_timeout_s: Seconds for one reply, or None to wait for ever.
        """
        self._bind()
        channel = AsyncChannel(
            self._courier, key, reply_timeout_s=reply_timeout_s, on_close=self._dependents.discard
        )
        self._dependents.add(channel)
        return channel

    def waiter(self, keys: Sequence[str], *, hear: Callable[[str], None] | None = None) -> Waiter:
        """Return something that sleeps until one of these lists has an element.

        Args:
            keys: Lists, in the order in which they are looked at; not empty.
            hear: Told of the list that had an element the moment it is read, before `wait`
                returns; must not raise.
        """
        self._bind()
        waiter = Waiter(self._courier, keys, on_close=self._dependents.discard, hear=hear)
        self._dependents.add(waiter)
        return waiter

    async def aclose(self) -> None:
        """Close every connection, channel and waiter; safe to call twice."""
        self._is_closed = True
        for dependent in list(self._dependents):
            await dependent.aclose()
        await self._courier.aclose()

    def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise ConfigError(
                    "this client is used from a second event loop.",
                    cause="Its connections belong to the loop of its first call.",
                    next_step="Make one client per event loop, or use SyncClient.",
                )
            self._loop = loop
        if self._is_closed:
            raise closed_error()
