"""Sleep until a queue has something: BLPOP on its wake list, and only as a hint.

What is popped is a marker, never a task, so losing one costs a look at the next due time and
nothing else. In a Cluster one BLPOP cannot name keys of two slots, so each slot has a lane, a
connection of its own; elsewhere one lane has all keys. Lanes that did not win go on listening and
are picked up by the next wait; a cancelled wait closes them, because a consumer that is full must
not take markers from others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence

from rediq_core.connection.courier import Courier
from rediq_core.connection.raw import Reply
from rediq_core.connection.request import pack
from rediq_core.connection.retry import TryFailed
from rediq_core.connection.router import Detour, slot_of
from rediq_core.connection.topology import Mode
from rediq_core.connection.translate import Fate, fate_of, translated
from rediq_core.connection.wire import Wire
from rediq_core.errors import RedisUnavailable

# Seconds that a reply may come after the time the server was asked to wait.
_GRACE_S = 2.0
# Redis reads a timeout of 0 as "for ever"; below this BLPOP would round to it.
_SHORTEST_BLOCK_S = 0.001


class _Heard(asyncio.Future[Reply]):
    """A reply that somebody hears of while it is read, a turn of the loop before who awaits it."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def set_result(self, result: Reply) -> None:
        """Take the reply."""
        super().set_result(result)
        if isinstance(result, list):
            self._hear(bytes(result[0]).decode())


class Waiter:
    """Wait for the first of several lists. One task uses it.

    Attributes:
        keys: The lists.
        element: What ended the last `wait` that named a list.
    """

    def __init__(
        self,
        courier: Courier,
        keys: Sequence[str],
        *,
        on_close: Callable[[Waiter], None],
        hear: Callable[[str], None] | None = None,
    ) -> None:
        self.keys = tuple(keys)
        self.element = b""
        self._courier = courier
        self._on_close = on_close
        groups: dict[int, list[str]] = {}
        is_cluster = courier.topology.mode is Mode.CLUSTER
        for key in self.keys:
            groups.setdefault(slot_of(key) if is_cluster else 0, []).append(key)
        self._lanes = [_Lane(courier, group, hear) for group in groups.values()]

    async def wait(self, timeout_s: float, *, without: Container[str] = ()) -> str | None:
        """Sleep until a list has an element, and pop it; 0 round trips while asleep.

        Args:
            timeout_s: Seconds, above 0.
            without: Lists to leave alone; not all of them. One that an earlier call still listens
                to may be popped once more.

        Returns:
            The list that had one, or None when the time passed. None may also come early, when
            a server changed its role: look at the queues.

        Raises:
            RedisUnavailable: No server of these lists can be reached, or none answers.
            RediqError: As `AsyncLink.command`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        try:
            while (left_s := deadline - loop.time()) > 0:
                futures = await self._listen(left_s, without)
                # A server is late only after its own timeout and the grace.
                done, _ = await asyncio.wait(
                    futures, timeout=left_s + _GRACE_S, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    raise _late(self._courier)
                key = self._first(done)
                if key is not None or len(self._lanes) == 1:
                    return key
        except BaseException:
            self._drop()
            raise
        return None

    async def aclose(self) -> None:
        """Close the connections; safe to call twice."""
        self._drop()
        self._on_close(self)
        for lane in self._lanes:
            await lane.wait_closed()

    async def _listen(
        self, timeout_s: float, without: Container[str]
    ) -> list[asyncio.Future[Reply]]:
        """Have every lane listen that can: one lost shard must not silence the others."""
        failure: RedisUnavailable | None = None
        for lane in self._lanes:
            try:
                await lane.listen(timeout_s, without)
            except RedisUnavailable as error:
                failure = error
        futures = [lane.reply for lane in self._lanes if lane.reply is not None]
        if failure is not None and (not futures or failure.is_authentication):
            raise failure
        return futures

    def _first(self, done: Container[asyncio.Future[Reply]]) -> str | None:
        """Return the first key that had an element."""
        for lane in self._lanes:
            if lane.reply is None or lane.reply not in done:
                continue
            try:
                key = lane.take()
            except RedisUnavailable:
                if len(self._lanes) == 1:
                    raise
                continue
            if key is not None:
                self.element = lane.element
                return key
        return None

    def _drop(self) -> None:
        for lane in self._lanes:
            lane.drop()


class _Lane:
    """One BLPOP over the keys of one slot."""

    def __init__(
        self, courier: Courier, keys: Sequence[str], hear: Callable[[str], None] | None
    ) -> None:
        self._hear = hear
        self.reply: asyncio.Future[Reply] | None = None
        self.element = b""
        self._courier = courier
        self._keys = tuple(keys)
        self._wire: Wire | None = None
        self._detour = Detour(courier.directory.generation)

    async def listen(self, timeout_s: float, without: Container[str]) -> None:
        """Have one BLPOP outstanding, if there is anything to listen to."""
        keys = [key for key in self._keys if key not in without]
        if self.reply is not None or not keys:
            return
        wire = self._wire
        if wire is None or wire.lost is not None:
            wire = self._wire = await self._open()
        block_s = f"{max(timeout_s, _SHORTEST_BLOCK_S):.3f}"
        into = None if self._hear is None else _Heard(self._hear)
        self.reply = wire.ask(pack("BLPOP", *keys, block_s), into)

    def take(self) -> str | None:
        """Return the key that had an element, None for a timeout or a change of role.

        Raises:
            RediqError: The lane failed.
        """
        reply = self.reply.result() if self.reply is not None else None
        self.reply = None
        if isinstance(reply, Exception):
            self._failed(reply)
            return None
        if reply is None:
            return None
        self.element = bytes(reply[1])
        return bytes(reply[0]).decode()

    def drop(self) -> None:
        """Close the connection and forget what it may still say."""
        self.reply = None
        if self._wire is not None:
            self._wire.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is gone."""
        if self._wire is not None:
            await self._wire.wait_closed()

    def _failed(self, error: Exception) -> None:
        self._detour.note(error, self._courier.directory, self._courier.topology)
        self._detour.ask_at = None
        self.drop()
        if fate_of(error) in (Fate.LOST, Fate.FINAL):
            raise translated(error, self._courier.topology.redacted) from error

    async def _open(self) -> Wire:
        attempts = self._courier.attempts(self._courier.topology.connect_timeout_s)
        try:
            address = await self._courier.locate(self._keys[0], self._detour, attempts)
            return await self._courier.dial(address, reply_timeout_s=None)
        except TryFailed as failed:
            self._detour.is_stale = True
            raise attempts.final(failed.error) from failed.error


def _late(courier: Courier) -> Exception:
    return translated(TimeoutError(), courier.topology.redacted)
