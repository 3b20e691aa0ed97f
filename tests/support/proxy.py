"""A proxy between a client and a server that loses, delays or cuts what the test says.

It runs its own event loop in a thread, so synchronous tests and child processes can use it too.
It knows no protocol: it sees bytes, and finds a command by its name in them. When a method
returns, the new behaviour holds for every byte that arrives from then on.

Example:
    with Proxy(server.url) as proxy:
        proxy.drop_replies(1, matching=b"EVALSHA")
        client = redis.Redis.from_url(proxy.url)
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from tests.support.process import make_directory

T = TypeVar("T")

CHUNK_BYTES = 65_536
CONTROL_TIMEOUT_S = 10
# SO_LINGER with a time of 0: close() sends RST in place of FIN.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forward connections to `upstream` on a socket of the same kind.

    Attributes:
        upstream: URL of the server behind, `unix://` or `redis://`; `point_at` changes it.
        connections: How many clients have connected so far.
        dropped: How many replies were swallowed so far.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.connections = 0
        self.dropped = 0
        self._drops_left = 0
        self._drop_matching = b""
        self._delay_s = 0.0
        self._in_requests = self._in_replies = (b"", b"")
        self._is_refusing = False
        self._directory = make_directory()
        self._address = ""
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The upstream's URL with the proxy's address in it; password and database stay."""
        parts = urlsplit(self.upstream)
        userinfo, at, _ = parts.netloc.rpartition("@")
        if parts.scheme == "unix":
            return f"unix://{userinfo}{at}{self._address}?{parts.query}"
        return urlunsplit(parts._replace(netloc=f"{userinfo}{at}{self._address}"))

    def drop_replies(self, count: int = 1, *, matching: bytes = b"") -> None:
        """Forward the next `count` requests, swallow their replies, and close the connection.

        Args:
            count: How many; the rest pass.
            matching: Only requests with these bytes in them, such as b"EVALSHA".
        """

        def change() -> None:
            self._drops_left, self._drop_matching = count, matching

        self._call(change)

    def delay(self, seconds: float) -> None:
        """Hold every reply back so long; 0 ends it."""

        def change() -> None:
            self._delay_s = seconds

        self._call(change)

    def pretend_redis_6(self) -> None:
        """Say of the server that it is Redis 6, and have it refuse what that refuses: `#!lua`."""

        def change() -> None:
            # Of the same length, so that no length prefix lies.
            self._in_requests = (b"#!lua", b"#!old")
            self._in_replies = (b"redis_version:7", b"redis_version:6")

        self._call(change)

    def black_hole(self) -> None:
        """Accept and forward nothing, in both directions; `heal` delivers what was held."""
        self._call(self._open_gate.clear)

    def refuse(self) -> None:
        """Reset all connections and every new one until `heal`."""

        def change() -> None:
            self._is_refusing = True
            self._reset()

        self._call(change)

    def heal(self) -> None:
        """End every fault; open connections stay open."""

        def change() -> None:
            self._drops_left, self._delay_s, self._is_refusing = 0, 0.0, False
            self._open_gate.set()

        self._call(change)

    def reset_all(self) -> None:
        """Cut all open connections with RST; new ones are served."""
        self._call(self._reset)

    def point_at(self, upstream: str) -> None:
        """Send new connections to another server of the same kind, and cut the open ones."""

        def change() -> None:
            self.upstream = upstream
            self._reset()

        self._call(change)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONTROL_TIMEOUT_S)
        self._loop.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CONTROL_TIMEOUT_S)

    def _call(self, change: Callable[[], object]) -> None:
        async def on_the_loop() -> None:
            change()
            await asyncio.sleep(0)  # an aborted transport closes its socket one turn later

        self._run(on_the_loop())

    async def _listen(self) -> None:
        if urlsplit(self.upstream).scheme == "unix":
            self._address = str(self._directory / "p.sock")
            self._listener = await asyncio.start_unix_server(self._serve, self._address)
            return
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._address = f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        assert self._listener is not None, "not listening"
        self._listener.close()
        self._open_gate.set()
        self._reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(writer)
        self._links.add(link)
        try:
            await self._open_gate.wait()
            if self._is_refusing:
                link.reset()
                return
            server_reader, link.upstream = await self._connect()
            await _both(self._pump_requests(reader, link), self._pump_replies(server_reader, link))
        except OSError:
            link.reset()  # what the client would see of a server that is not there
        finally:
            self._links.discard(link)
            link.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.upstream)
        if parts.scheme == "unix":
            return await asyncio.open_unix_connection(parts.path)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def _pump_requests(self, reader: asyncio.StreamReader, link: _Link) -> None:
        assert link.upstream is not None, "connected first"
        while chunk := await reader.read(CHUNK_BYTES):
            await self._open_gate.wait()
            if self._drops_left and self._drop_matching in chunk:
                self._drops_left -= 1
                link.swallows = True
            link.upstream.write(_with(self._in_requests, chunk))
            await link.upstream.drain()

    async def _pump_replies(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if link.swallows:  # the reply is here, so the server has run the request
                self.dropped += 1
                return
            await asyncio.sleep(self._delay_s)
            await self._open_gate.wait()
            link.client.write(_with(self._in_replies, chunk))
            await link.client.drain()


class _Link:
    """One client connection and its connection upstream, None until connected."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.upstream: asyncio.StreamWriter | None = None
        self.swallows = False

    def close(self) -> None:
        self.client.close()
        if self.upstream is not None:
            self.upstream.close()

    def reset(self) -> None:
        for writer in filter(None, (self.client, self.upstream)):
            raw: socket.socket | None = writer.get_extra_info("socket")
            if raw is not None and raw.family != socket.AF_UNIX:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


def _with(change: tuple[bytes, bytes], chunk: bytes) -> bytes:
    return chunk.replace(*change) if change[0] else chunk


async def _both(*pumps: Coroutine[Any, Any, None]) -> None:
    """Run both directions until one ends; then end the other."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
