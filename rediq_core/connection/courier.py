"""How the asyncio link gets a request to the right server, and again until it is answered.

The courier owns the shared connections, the directory and the one survey that refreshes it. A
`once` function is a single try; `persist` repeats it. Failures of a try travel as `TryFailed`
and never leave this package.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Iterable, Sequence

from rediq_core.clock import Clock
from rediq_core.connection.batch import Batch, Place
from rediq_core.connection.failures import LinkFailure, ReplyError, UnknownScript
from rediq_core.connection.raw import Reply
from rediq_core.connection.request import ASKING, Request, pack, pack_eval
from rediq_core.connection.retry import CALL_POLICY, Attempts, RetryPolicy, TryFailed, persist
from rediq_core.connection.router import Detour, directory_for
from rediq_core.connection.topology import Address, Topology
from rediq_core.connection.translate import closed_error
from rediq_core.connection.wire import Wire, dial
from rediq_core.connection.wires import Wires
from rediq_core.errors import RediqError

# What opening a connection or asking for a map can raise; all else is a defect.
DIAL_ERRORS = (LinkFailure, RediqError, OSError)


class Courier:
    """Deliver requests. Belongs to one event loop.

    Attributes:
        topology: Where to connect.
        directory: Which server has a key.
    """

    def __init__(self, topology: Topology, *, clock: Clock, rng: random.Random | None) -> None:
        self.topology = topology
        self.directory = directory_for(topology)
        self.clock = clock
        self._rng = rng
        self._nodes: dict[Address, Wires] = {}
        self._survey: asyncio.Task[None] | None = None
        self._is_closed = False

    def attempts(self, deadline_s: float | None, *, policy: RetryPolicy = CALL_POLICY) -> Attempts:
        """Begin counting the tries of one call."""
        return Attempts(
            self.topology.redacted, deadline_s, policy=policy, clock=self.clock, rng=self._rng
        )

    def ready_wire(self, key: str) -> Wire | None:
        """Return an open shared connection to the server of `key`, or None."""
        address = self.directory.find(key)
        node = self._nodes.get(address) if address is not None else None
        return None if node is None else node.ready()

    async def insist(
        self, request: Request, attempts: Attempts, failed: Exception | None = None
    ) -> Reply:
        """Repeat one request until it is answered.

        Args:
            request: What to send.
            attempts: Its deadline.
            failed: What a first try, already made, has met.

        Raises:
            RediqError: The failure is final or the deadline has passed.
        """
        detour = Detour(self.directory.generation)
        first = failed

        async def once() -> Reply:
            nonlocal first
            if first is not None:
                error, first = first, None
                detour.note(error, self.directory, self.topology)
                raise TryFailed(error, was_sent=True)
            address = await self.locate(request.key, detour, attempts)
            place = Place(address, detour.ask_at is not None)
            reply = (await self._try_at(place, [request], attempts))[0]
            if isinstance(reply, TryFailed):
                detour.note(reply.error, self.directory, self.topology)
                raise reply
            return reply

        return await persist(attempts, once)

    async def insist_all(
        self, requests: Sequence[Request], attempts: Attempts
    ) -> list[Reply | RediqError]:
        """Repeat requests, one pipeline a node, until each is answered or ended by an error."""
        batch = Batch(requests, self.directory)

        async def once() -> None:
            groups: dict[Place, list[int]] = {}
            for index in batch.todo:
                batch.detour.ask_at = batch.asking.pop(index, None)
                address = await self.locate(requests[index].key, batch.detour, attempts)
                place = Place(address, batch.detour.ask_at is not None)
                groups.setdefault(place, []).append(index)
            tries = [
                self._try_at(place, [requests[index] for index in indices], attempts)
                for place, indices in groups.items()
            ]
            replies = dict[int, Reply | TryFailed]()
            for indices, answers in zip(groups.values(), await _all(tries), strict=True):
                replies.update(zip(indices, answers, strict=True))
            batch.take(replies, attempts, self.topology)

        try:
            await persist(attempts, once)
        except RediqError as error:
            batch.give_up(error)
        return batch.replies()

    async def insist_everywhere(
        self, packed: bytes, deadline_s: float | None
    ) -> dict[str, Reply | RediqError]:
        """Repeat one command at every master until each has answered or failed for good."""
        attempts = self.attempts(deadline_s)
        detour = Detour(self.directory.generation)
        await persist(attempts, lambda: self.locate(None, detour, attempts))
        masters = list(self.directory.masters())

        async def at(address: Address) -> Reply | RediqError:
            attempts = self.attempts(deadline_s)
            request = Request(packed, None)

            async def once() -> Reply:
                reply = (await self._try_at(Place(address, False), [request], attempts))[0]
                if isinstance(reply, TryFailed):
                    raise reply
                return reply

            try:
                return await persist(attempts, once)
            except RediqError as error:
                return error

        replies = await _all([at(address) for address in masters])
        return {str(node): reply for node, reply in zip(masters, replies, strict=True)}

    async def locate(self, key: str | None, detour: Detour, attempts: Attempts) -> Address:
        """Return the server of `key`, asked for anew if the last try made it doubtful.

        Raises:
            TryFailed: Nobody could say.
        """
        if self._is_closed:
            raise TryFailed(closed_error(), was_sent=False)
        if detour.ask_at is not None:
            return detour.ask_at
        try:
            async with asyncio.timeout(attempts.left_s()):
                if detour.is_stale:
                    await self._refresh(detour.generation)
                    detour.is_stale = False
                detour.generation = self.directory.generation
                address = self.directory.find(key)
                if address is None:
                    await self._refresh(detour.generation)
                    detour.generation = self.directory.generation
                    address = self.directory.find(key)
        except DIAL_ERRORS as error:
            detour.is_stale = True
            raise TryFailed(error, was_sent=False) from error
        if address is None:
            detour.is_stale = True
            raise TryFailed(ReplyError("CLUSTERDOWN", "slot not served"), was_sent=False)
        return address

    async def dial(self, address: Address, *, reply_timeout_s: float | None) -> Wire:
        """Open a connection that is not shared.

        Raises:
            TryFailed: It could not be opened.
        """
        try:
            return await dial(self.topology, address, reply_timeout_s=reply_timeout_s)
        except DIAL_ERRORS as error:
            raise TryFailed(error, was_sent=False) from error

    async def aclose(self) -> None:
        """Close every shared connection; calls that are still being repeated end with E014."""
        self._is_closed = True
        survey, self._survey = self._survey, None
        if survey is not None:
            survey.cancel()
            await asyncio.gather(survey, return_exceptions=True)
        nodes, self._nodes = self._nodes, {}
        for node in nodes.values():
            await node.aclose()

    def _was_closed_meanwhile(self) -> bool:
        """Say whether what was waited for was cancelled by closing, and not the caller itself."""
        task = asyncio.current_task()
        return self._is_closed and task is not None and not task.cancelling()

    async def _try_at(
        self, place: Place, requests: Sequence[Request], attempts: Attempts
    ) -> list[Reply | TryFailed]:
        """Make one try of requests at one server; each gets its reply or its failure."""
        try:
            async with asyncio.timeout(attempts.allowed_s(self.topology.connect_timeout_s)):
                wire = await self._node(place.address).get()
        except DIAL_ERRORS as error:
            return [TryFailed(error, was_sent=False)] * len(requests)
        except asyncio.CancelledError:
            if not self._was_closed_meanwhile():
                raise
            return [TryFailed(closed_error(), was_sent=False)] * len(requests)
        left_s = attempts.left_s()
        usual_s = self.topology.reply_timeout_s
        replies: list[Reply | TryFailed] = []
        try:
            # The connection gives up by itself after its own timeout: no second timer for that.
            async with asyncio.timeout(None if left_s is None or left_s > usual_s else left_s):
                for request, future in _send(wire, requests, is_asking=place.is_asking):
                    reply = await future
                    if isinstance(reply, UnknownScript) and request.call is not None:
                        body = Request(pack_eval(request.call), request.key)
                        [(_, again)] = _send(wire, [body], is_asking=place.is_asking)
                        reply = await again
                    is_failed = isinstance(reply, Exception)
                    replies.append(TryFailed(reply, was_sent=True) if is_failed else reply)
        except TimeoutError as error:
            missing = len(requests) - len(replies)
            replies.extend([TryFailed(error, was_sent=True)] * missing)
        return replies

    def _node(self, address: Address) -> Wires:
        node = self._nodes.get(address)
        if node is None:
            topology = self.topology
            node = self._nodes[address] = Wires(
                lambda on_lost: dial(
                    topology, address, reply_timeout_s=topology.reply_timeout_s, on_lost=on_lost
                ),
                topology.pool_size,
            )
        return node

    async def _refresh(self, seen_generation: int) -> None:
        """Have the directory learn anew, unless somebody has since `seen_generation`."""
        if self.directory.generation != seen_generation or not self.directory.question:
            return
        if self._survey is None:
            self._survey = asyncio.create_task(self._ask_around())
            self._survey.add_done_callback(self._surveyed)
        # Shielded: a cancelled caller must not end the survey of the others.
        try:
            await asyncio.shield(self._survey)
        except asyncio.CancelledError:
            if not self._was_closed_meanwhile():
                raise
            raise closed_error() from None

    def _surveyed(self, survey: asyncio.Task[None]) -> None:
        self._survey = None
        if not survey.cancelled():
            survey.exception()  # all who cared have it; without this asyncio would log it

    async def _ask_around(self) -> None:
        """Put the directory's question to one server after another until one reply helps."""
        topology, directory = self.topology.for_survey(), self.directory
        failure: Exception = OSError("nobody to ask")
        for address in directory.whom_to_ask():
            try:
                wire = await dial(topology, address, reply_timeout_s=topology.reply_timeout_s)
            except DIAL_ERRORS as error:
                failure = error
                continue
            try:
                reply = await wire.ask(pack(*directory.question))
            finally:
                wire.close()
                await wire.wait_closed()
            if isinstance(reply, Exception):
                failure = reply
                continue
            try:
                directory.learn(reply, address)
            except ReplyError as error:
                failure = error
            else:
                return
        raise failure


def _send(
    wire: Wire, requests: Sequence[Request], *, is_asking: bool
) -> list[tuple[Request, asyncio.Future[Reply]]]:
    """Write requests in one go, each behind its ASKING if it needs one."""
    if not is_asking:
        futures = wire.ask_all([request.packed for request in requests])
    else:
        packed = [part for request in requests for part in (ASKING, request.packed)]
        futures = wire.ask_all(packed)[1::2]
    return list(zip(requests, futures, strict=True))


async def _all(tries: Iterable[Awaitable[Reply]]) -> list[Reply]:
    """Await several tries at once; one try needs no task of its own."""
    waiting = list(tries)
    if len(waiting) == 1:
        return [await waiting[0]]
    return list(await asyncio.gather(*waiting))
