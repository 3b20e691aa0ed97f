"""The blocking link: what aio.py does, for threads, the command line and the supervisor.

Threads share it; each call takes a connection for itself. After a fork the child finds a new
process id and begins with connections of its own; what it inherited is left to the parent.

Example:
    link = SyncLink(parse_url("redis://localhost:6379/0"))
    reply = link.evalsha(call)
    link.close()
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.connection.blocking import BlockingCourier
from rediq_core.connection.failures import UnknownScript
from rediq_core.connection.lines import Line, Lines, ask
from rediq_core.connection.raw import Arg, RawCall, Reply
from rediq_core.connection.request import Request, pack, pack_eval, pack_evalsha, request_of
from rediq_core.connection.topology import Topology
from rediq_core.connection.translate import closed_error
from rediq_core.errors import RediqError

# Seconds a call may take, all tries together.
DEFAULT_DEADLINE_S = 5.0


class SyncLink:
    """Run calls on the Redis of one topology. Shared by threads, safe to create before a fork.

    Closed by whoever made it.

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
        self._clock = clock
        self._monotonic = clock.monotonic
        self._rng = rng
        self._pid = os.getpid()
        self._courier = BlockingCourier(topology, clock=clock, rng=rng)
        self._left_behind: list[BlockingCourier] = []

    def evalsha(self, call: RawCall, *, deadline_s: float | None = DEFAULT_DEADLINE_S) -> Reply:
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
            ConfigError: The topology is wrong, or the link is closed.
        """
        courier = self._own()
        is_patient = deadline_s is None or deadline_s >= self.topology.reply_timeout_s
        lines = courier.ready_lines(call.keys[0]) if is_patient else None
        line = lines.take_idle() if lines is not None else None
        if lines is None or line is None:
            return courier.insist(request_of(call), courier.attempts(deadline_s))
        began = self._monotonic()
        reply = _run_once(lines, line, call)
        if not isinstance(reply, Exception):
            return reply
        left_s = None if deadline_s is None else deadline_s - (self._monotonic() - began)
        return courier.insist(request_of(call), courier.attempts(left_s), reply)

    def evalsha_many(
        self, calls: Sequence[RawCall], *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> list[Reply | RediqError]:
        """Run several scripts: one pipeline a node, one round trip when nothing fails.

        Args:
            calls: The script calls; each may be executed more than once.
            deadline_s: Seconds for all tries of all, or None to try for ever.

        Returns:
            For each call in order its reply or the error that ended it.

        Raises:
            ConfigError: The link is closed.
        """
        courier = self._own()
        requests = [request_of(call) for call in calls]
        return courier.insist_all(requests, courier.attempts(deadline_s))

    def command(
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
        courier = self._own()
        return courier.insist(Request(pack(*args), key), courier.attempts(deadline_s))

    def commands(
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
            ConfigError: The link is closed.
        """
        courier = self._own()
        requests = [Request(pack(*command), key) for command in commands]
        return courier.insist_all(requests, courier.attempts(deadline_s))

    def command_all(
        self, *args: Arg, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> dict[str, Reply | RediqError]:
        """Run one plain command on every master, one after another.

        Returns:
            For each "host:port" or socket path the reply or the error that ended it.

        Raises:
            RediqError: The masters could not be found.
        """
        return self._own().insist_everywhere(pack(*args), deadline_s)

    def blocking_pop(self, key: str, timeout_s: float) -> bytes | None:
        """Sleep until the list `key` has an element, and pop its head.

        Connections of its own; at most 64 threads at once. An element is lost if the connection
        breaks while it is on its way, so what is popped may only be a hint.

        Args:
            key: The list.
            timeout_s: Seconds, above 0.

        Returns:
            The element, or None when the time passed or another thread closed the link.

        Raises:
            RedisUnavailable: Redis could not be reached for `timeout_s` and 2 s more.
            RediqError: As `evalsha`.
        """
        return self._own().pop(key, timeout_s)

    def close(self) -> None:
        """Close every connection of this process; safe to call twice."""
        self._courier.close()

    def _own(self) -> BlockingCourier:
        if self._pid != os.getpid():
            # Kept alive: collecting it would close sockets in the middle of anything.
            self._left_behind.append(self._courier)
            self._courier = BlockingCourier(self.topology, clock=self._clock, rng=self._rng)
            self._pid = os.getpid()
        courier = self._courier
        if courier.is_closed:
            raise closed_error()
        return courier


def _run_once(lines: Lines, line: Line, call: RawCall) -> Reply:
    """Run a script on a taken connection and give it back; failures are values."""
    try:
        reply = ask(line, pack_evalsha(call))
        if isinstance(reply, UnknownScript):
            reply = ask(line, pack_eval(call))
        return reply
    finally:
        lines.give_back(line)
