"""How the blocking link gets a request to the right server, and again until it is answered.

The counterpart of courier.py for threads: same tries, same detours, same deadlines. What is
opened here belongs to one process; sync.py makes a new one after a fork.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

from rediq_core.clock import Clock
from rediq_core.connection.batch import Batch, Place
from rediq_core.connection.blocking_options import blocking_connection
from rediq_core.connection.failures import LinkFailure, ReplyError, UnknownScript
from rediq_core.connection.lines import Line, Lines, ask, connect, read, write
from rediq_core.connection.raw import Reply
from rediq_core.connection.request import ASKING, Request, pack, pack_eval
from rediq_core.connection.retry import Attempts, TryFailed, persist_blocking
from rediq_core.connection.router import Detour, directory_for
from rediq_core.connection.topology import Address, Topology
from rediq_core.connection.translate import closed_error
from rediq_core.errors import RediqError

DIAL_ERRORS = (LinkFailure, RediqError, OSError)
# Threads of one process that may sleep in a blocking pop at once.
_MAX_SLEEPERS = 64
# Seconds that a reply may come after the time the server was asked to wait.
_GRACE_S = 2.0
# A socket timeout of 0 would mean "do not block at all".
_SHORTEST_S = 0.001


class BlockingCourier:
    """Deliver requests for the threads of one process.

    Attributes:
        topology: Where to connect.
        directory: Which server has a key.
        is_closed: True once `close` was called.
    """

    def __init__(self, topology: Topology, *, clock: Clock, rng: random.Random | None) -> None:
        self.topology = topology
        self.directory = directory_for(topology)
        self.is_closed = False
        self._clock = clock
        self._rng = rng
        self._nodes: dict[Address, Lines] = {}
        self._bedrooms: dict[Address, Lines] = {}
        self._lock = threading.Lock()
        self._survey = threading.Lock()

    def attempts(self, deadline_s: float | None) -> Attempts:
        """Begin counting the tries of one call."""
        return Attempts(self.topology.redacted, deadline_s, clock=self._clock, rng=self._rng)

    def ready_lines(self, key: str) -> Lines | None:
        """Return the connections to the server of `key` if there have been any."""
        address = self.directory.find(key)
        return None if address is None else self._nodes.get(address)

    def insist(
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

        def once() -> Reply:
            nonlocal first
            if first is not None:
                error, first = first, None
                detour.note(error, self.directory, self.topology)
                raise TryFailed(error, was_sent=True)
            address = self.locate(request.key, detour)
            place = Place(address, detour.ask_at is not None)
            reply = self._try_at({place: [request]}, attempts)[0]
            if isinstance(reply, TryFailed):
                detour.note(reply.error, self.directory, self.topology)
                raise reply
            return reply

        return persist_blocking(attempts, once)

    def insist_all(
        self, requests: Sequence[Request], attempts: Attempts
    ) -> list[Reply | RediqError]:
        """Repeat requests, one pipeline a node, until each is answered or ended by an error."""
        batch = Batch(requests, self.directory)

        def once() -> None:
            groups: dict[Place, list[int]] = {}
            for index in batch.todo:
                batch.detour.ask_at = batch.asking.pop(index, None)
                address = self.locate(requests[index].key, batch.detour)
                place = Place(address, batch.detour.ask_at is not None)
                groups.setdefault(place, []).append(index)
            order = [index for indices in groups.values() for index in indices]
            answers = self._try_at(
                {place: [requests[i] for i in indices] for place, indices in groups.items()},
                attempts,
            )
            replies = dict(zip(order, answers, strict=True))
            batch.take(replies, attempts, self.topology)

        try:
            persist_blocking(attempts, once)
        except RediqError as error:
            batch.give_up(error)
        return batch.replies()

    def insist_everywhere(
        self, packed: bytes, deadline_s: float | None
    ) -> dict[str, Reply | RediqError]:
        """Repeat one command at every master, one after another."""
        detour = Detour(self.directory.generation)
        persist_blocking(self.attempts(deadline_s), lambda: self.locate(None, detour))
        found: dict[str, Reply | RediqError] = {}
        for address in self.directory.masters():
            attempts = self.attempts(deadline_s)

            def once(address: Address = address, attempts: Attempts = attempts) -> Reply:
                reply = self._try_at({Place(address): [Request(packed, None)]}, attempts)[0]
                if isinstance(reply, TryFailed):
                    raise reply
                return reply

            try:
                found[str(address)] = persist_blocking(attempts, once)
            except RediqError as error:
                found[str(address)] = error
        return found

    def pop(self, key: str, timeout_s: float) -> bytes | None:
        """Sleep in BLPOP on connections of its own."""
        clock = self._clock
        deadline = clock.monotonic() + timeout_s
        attempts = self.attempts(timeout_s + self.topology.connect_timeout_s)
        detour = Detour(self.directory.generation)

        def once() -> bytes | None:
            if self.is_closed:
                return None
            block_s = max(deadline - clock.monotonic(), _SHORTEST_S)
            reply: Reply = TimeoutError()
            lines = self._lines(self.locate(key, detour), self._bedrooms, _MAX_SLEEPERS)
            line = self._taken(lines, attempts)
            try:
                packed = pack("BLPOP", key, f"{block_s:.3f}")
                reply = ask(line, packed, timeout_s=block_s + _GRACE_S)
            finally:
                lines.give_back(line)
            if isinstance(reply, Exception):
                detour.note(reply, self.directory, self.topology)
                detour.ask_at = None
                raise TryFailed(reply, was_sent=True)
            return None if reply is None else bytes(reply[1])

        return persist_blocking(attempts, once)

    def locate(self, key: str | None, detour: Detour) -> Address:
        """Return the server of `key`, asked for anew if the last try made it doubtful.

        Raises:
            TryFailed: Nobody could say.
        """
        if self.is_closed:
            raise TryFailed(closed_error(), was_sent=False)
        if detour.ask_at is not None:
            return detour.ask_at
        try:
            if detour.is_stale:
                self._refresh(detour.generation)
                detour.is_stale = False
            detour.generation = self.directory.generation
            address = self.directory.find(key)
            if address is None:
                self._refresh(detour.generation)
                detour.generation = self.directory.generation
                address = self.directory.find(key)
        except DIAL_ERRORS as error:
            detour.is_stale = True
            raise TryFailed(error, was_sent=False) from error
        if address is None:
            detour.is_stale = True
            raise TryFailed(ReplyError("CLUSTERDOWN", "slot not served"), was_sent=False)
        return address

    def close(self) -> None:
        """Close every connection.

        Threads that sleep in `pop` get None; calls that are still being repeated end with E014.
        """
        self.is_closed = True
        with self._lock:
            nodes, bedrooms = list(self._nodes.values()), list(self._bedrooms.values())
        for lines in nodes:
            lines.close()
        for lines in bedrooms:
            lines.abort()

    def _try_at(
        self, groups: dict[Place, list[Request]], attempts: Attempts
    ) -> list[Reply | TryFailed]:
        """Make one try: write to every server, then read from every server, in order."""
        taken: list[tuple[Lines, Line | TryFailed]] = []
        replies: list[Reply | TryFailed] = []
        try:
            for place in groups:
                lines = self._lines(place.address, self._nodes, self.topology.pool_size)
                try:
                    taken.append((lines, self._taken(lines, attempts)))
                except TryFailed as failed:
                    taken.append((lines, failed))
            written = [
                line if isinstance(line, TryFailed) else _write(line, requests, place)
                for (_, line), (place, requests) in zip(taken, groups.items(), strict=True)
            ]
            for problem, (_, line), (place, requests) in zip(
                written, taken, groups.items(), strict=True
            ):
                if isinstance(line, TryFailed) or problem is not None:
                    replies.extend([problem] * len(requests))
                else:
                    replies.extend(self._read(line, requests, place, attempts))
        finally:
            for lines, line in taken:
                if not isinstance(line, TryFailed):
                    lines.give_back(line)
        return replies

    def _read(
        self, line: Line, requests: Sequence[Request], place: Place, attempts: Attempts
    ) -> list[Reply | TryFailed]:
        usual_s = self.topology.reply_timeout_s
        unknown: list[int] = []
        replies: list[Reply | TryFailed] = []
        for index, request in enumerate(requests):
            timeout_s = max(attempts.allowed_s(usual_s), _SHORTEST_S)
            if place.is_asking:
                _ = read(line, timeout_s=timeout_s)  # the OK of ASKING
            reply = read(line, timeout_s=timeout_s)
            if isinstance(reply, UnknownScript) and request.call is not None:
                unknown.append(index)
            is_failed = isinstance(reply, Exception)
            replies.append(TryFailed(reply, was_sent=True) if is_failed else reply)
        for index in unknown:  # after all replies are read, or they would mix
            call = requests[index].call
            if call is not None:
                again = [Request(pack_eval(call), call.keys[0])]
                failed = _write(line, again, place)
                replies[index] = failed or self._read(line, again, place, attempts)[0]
        return replies

    def _taken(self, lines: Lines, attempts: Attempts) -> Line:
        try:
            return lines.take(max(attempts.allowed_s(self.topology.connect_timeout_s), _SHORTEST_S))
        except DIAL_ERRORS as error:
            raise TryFailed(error, was_sent=False) from error

    def _lines(self, address: Address, among: dict[Address, Lines], size: int) -> Lines:
        lines = among.get(address)
        if lines is None:
            topology = self.topology
            with self._lock:
                lines = among.setdefault(
                    address,
                    Lines(
                        lambda timeout_s: blocking_connection(
                            topology, address, connect_timeout_s=timeout_s
                        ),
                        size,
                    ),
                )
        return lines

    def _refresh(self, seen_generation: int) -> None:
        """Have the directory learn anew, unless somebody has since `seen_generation`."""
        with self._survey:
            if self.directory.generation != seen_generation or not self.directory.question:
                return
            self._ask_around()

    def _ask_around(self) -> None:
        """Put the directory's question to one server after another until one reply helps."""
        topology, directory = self.topology.for_survey(), self.directory
        failure: Exception = OSError("nobody to ask")
        for address in directory.whom_to_ask():
            line = blocking_connection(
                topology, address, connect_timeout_s=topology.connect_timeout_s
            )
            try:
                connect(line)
                reply = ask(line, pack(*directory.question))
            except (LinkFailure, OSError) as error:
                reply = error
            finally:
                line.disconnect()
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


def _write(line: Line, requests: Sequence[Request], place: Place) -> TryFailed | None:
    """Write requests in one go, each behind its ASKING if it needs one."""
    prefix = ASKING if place.is_asking else b""
    try:
        write(line, b"".join([prefix + request.packed for request in requests]))
    except (LinkFailure, OSError) as error:
        return TryFailed(error, was_sent=True)
    return None
