"""Sleep until a queue has something: BLPOP on its wake list, and only as a hint.

What is popped is a marker, never a task, so losing one costs a look at the next due time and
nothing else. In a Cluster one BLPOP cannot name keys of two slots, so each slot has a lane, a
connection of its own; elsewhere one lane has all keys. Lanes that did not win go on listening and
are picked up by the next wait; a cancelled wait closes them, because a consumer that is full must
not take markers from others. A lane that is lost is opened again beside the others, which it
neither delays nor silences.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from math import inf

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
# Pause before a lane that failed is tried again.
_REST_S = 0.2
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
        deadline_s = loop.time() + timeout_s
        wanted = [lane for lane in self._lanes if lane.wants(without)]
        for lane in self._lanes:
            lane.failure = None
        try:
            while (left_s := deadline_s - loop.time()) > 0:
                for lane in wanted:
                    lane.listen(left_s, without)
                # One that is left alone now may listen all the same, since an earlier wait.
                events = {event for lane in self._lanes if (event := lane.event) is not None}
                looks_s = [lane.look_s for lane in self._lanes if lane in wanted or lane.event]
                look_s = min([deadline_s + _GRACE_S, *looks_s])
                await _first_of(events, look_s - loop.time())
                is_over, key = self._settle(loop.time())
                if is_over:
                    return key
                _raise_if_hopeless([lane.failure for lane in wanted])
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

    def _settle(self, now_s: float) -> tuple[bool, str | None]:
        """See what became of the lanes; returns whether the wait is over, and the list."""
        for lane in self._lanes:
            if not lane.settle(now_s):
                continue
            if lane.key:
                self.element = lane.element
                return True, lane.key
            if len(self._lanes) == 1:
                return True, None
        return False, None

    def _drop(self) -> None:
        for lane in self._lanes:
            lane.drop()


class _Lane:
    """One BLPOP over the keys of one slot.

    Attributes:
        key: The list that had an element, as the last reply says; "" for none.
        element: The element.
        failure: Why it cannot be listened to, as far as the wait that is under way knows.
        look_s: When to look at it though nothing happened, by the loop's clock.
    """

    def __init__(
        self, courier: Courier, keys: Sequence[str], hear: Callable[[str], None] | None
    ) -> None:
        self.key = ""
        self.element = b""
        self.failure: RedisUnavailable | None = None
        self.look_s = inf
        self._hear = hear
        self._courier = courier
        self._keys = tuple(keys)
        self._wire: Wire | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._opening: asyncio.Task[Wire] | None = None
        self._dropped: asyncio.Task[Wire] | None = None
        self._rests_until_s = 0.0
        self._detour = Detour(courier.directory.generation)

    @property
    def is_listening(self) -> bool:
        """A BLPOP is outstanding."""
        return self._reply is not None

    @property
    def event(self) -> asyncio.Future[Reply] | asyncio.Task[Wire] | None:
        """What ends when something happened; None while it rests."""
        return self._reply if self._reply is not None else self._opening

    def wants(self, without: Container[str]) -> bool:
        """Say whether there is anything to listen to."""
        return any(key not in without for key in self._keys)

    def listen(self, timeout_s: float, without: Container[str]) -> None:
        """Have one BLPOP outstanding, or a connection for it under way, unless it rests."""
        if self._reply is not None or self._opening is not None:
            return
        loop = asyncio.get_running_loop()
        wire = self._wire
        if wire is None or wire.lost is not None:
            self.look_s = self._rests_until_s
            if loop.time() >= self._rests_until_s:
                self._opening = loop.create_task(self._open(), name="waiter")
                self.look_s = inf  # it has a deadline of its own
            return
        keys = [key for key in self._keys if key not in without]
        block_s = f"{max(timeout_s, _SHORTEST_BLOCK_S):.3f}"
        into = None if self._hear is None else _Heard(self._hear)
        self._reply = wire.ask(pack("BLPOP", *keys, block_s), into)
        # A server is late only after its own timeout and the grace.
        self.look_s = loop.time() + timeout_s + _GRACE_S

    def settle(self, now_s: float) -> bool:
        """Take what happened; returns whether the server answered, be it without an element.

        Raises:
            RediqError: The lane failed, and will again.
        """
        if self._opening is not None and self._opening.done():
            self._opened(self._opening, now_s)
        elif self._reply is not None and self._reply.done():
            return self._take(self._reply.result(), now_s)
        elif self._reply is not None and now_s >= self.look_s:
            self._failed(TimeoutError(), now_s)
        return False

    def _opened(self, opening: asyncio.Task[Wire], now_s: float) -> None:
        self._opening = None
        try:
            self._wire = opening.result()
        except RedisUnavailable as error:
            self.failure, self._rests_until_s = error, now_s + _REST_S
        else:
            self.failure = None

    def _take(self, reply: Reply, now_s: float) -> bool:
        self._reply, self.key = None, ""
        if isinstance(reply, Exception):
            self._failed(reply, now_s)
        elif reply is not None:
            self.key, self.element = bytes(reply[0]).decode(), bytes(reply[1])
        return self.failure is None

    def _failed(self, error: Exception, now_s: float) -> None:
        self._detour.note(error, self._courier.directory, self._courier.topology)
        self._detour.ask_at = None
        self.drop()
        # A slot that is on its way says ASK each time, a node that is starting LOADING.
        self._rests_until_s = now_s + _REST_S
        fate, problem = fate_of(error), translated(error, self._courier.topology.redacted)
        if fate is Fate.LOST and isinstance(problem, RedisUnavailable):
            self.failure = problem
        elif fate in (Fate.LOST, Fate.FINAL):
            raise problem from error

    def drop(self) -> None:
        """Close the connection and forget what it may still say."""
        self._reply, self.look_s = None, inf
        opening, self._opening = self._opening, None
        if opening is not None and not opening.cancel() and _is_good(opening):
            opening.result().close()  # it had ended, and nobody had looked
        self._dropped = opening
        if self._wire is not None:
            self._wire.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is gone."""
        if self._dropped is not None:
            await asyncio.gather(self._dropped, return_exceptions=True)
        if self._wire is not None:
            await self._wire.wait_closed()

    async def _open(self) -> Wire:
        attempts = self._courier.attempts(self._courier.topology.connect_timeout_s)
        try:
            address = await self._courier.locate(self._keys[0], self._detour, attempts)
            return await self._courier.dial(address, reply_timeout_s=None)
        except TryFailed as failed:
            self._detour.is_stale = True
            raise attempts.final(failed.error) from failed.error


def _is_good(ended: asyncio.Task[Wire]) -> bool:
    return not ended.cancelled() and ended.exception() is None


def _raise_if_hopeless(failures: Sequence[RedisUnavailable | None]) -> None:
    """Raise if no lane can be listened to, or one for a reason that time does not heal."""
    known = [failure for failure in failures if failure is not None]
    for failure in known:
        if failure.is_authentication or len(known) == len(failures):
            raise failure


async def _first_of(
    events: set[asyncio.Future[Reply] | asyncio.Task[Wire]], timeout_s: float
) -> None:
    if events:
        await asyncio.wait(events, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(timeout_s)
