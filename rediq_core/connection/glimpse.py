"""Ask one server a few questions over a bare socket, for who cannot wait for a client library.

Shell completion has a tenth of a second, and importing redis-py takes half of it. One standalone
server, no TLS, one try: whoever needs more opens a link. Replies are values, error replies too.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from types import TracebackType

import hiredis

from rediq_core.connection.raw import Arg, Reply
from rediq_core.connection.request import pack
from rediq_core.connection.topology import Address, Mode, Topology

_CHUNK_BYTES = 65_536


class Glimpse:
    """A connection for a moment, to be used in a with-block; owned by one thread."""

    def __init__(self, topology: Topology, timeout_s: float) -> None:
        """Connect and log in.

        Raises:
            OSError: It cannot be reached in time, or is of a kind that needs a link.
        """
        if topology.mode is not Mode.STANDALONE or topology.tls is not None:
            raise OSError("a glimpse needs a standalone server without TLS")
        self._reader = hiredis.Reader()
        self._socket = _connected(topology.nodes[0], timeout_s)
        try:
            self.ask(_greeting(topology))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Glimpse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, commands: Sequence[Sequence[Arg]]) -> list[Reply]:
        """Send commands and return their replies: one round trip.

        Raises:
            OSError: The connection broke, or a reply did not come in time.
        """
        if not commands:
            return []
        self._socket.sendall(b"".join(pack(*command) for command in commands))
        replies: list[Reply] = []
        while len(replies) < len(commands):
            reply = self._reader.gets()
            if reply is not False:
                replies.append(reply)
                continue
            chunk = self._socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionResetError("the server hung up")
            self._reader.feed(chunk)
        return replies


def _connected(address: Address, timeout_s: float) -> socket.socket:
    if not address.is_unix:
        return socket.create_connection(address, timeout_s)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(address.host)
    except OSError:
        connection.close()
        raise
    return connection


def _greeting(topology: Topology) -> list[Sequence[Arg]]:
    login = topology.credentials
    greeting: list[Sequence[Arg]] = []
    if login.password:
        greeting.append(("AUTH", *([login.username] if login.username else []), login.password))
    if topology.db:
        greeting.append(("SELECT", topology.db))
    return greeting
