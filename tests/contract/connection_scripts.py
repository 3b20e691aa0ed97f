"""Small scripts that connection tests run, and one TLS listener in front of a plain server."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path

from rediq_core.connection.raw import Arg, RawCall
from tests.support.proxy import Proxy

KEY = "t:{q}:x"
CERTIFICATES = Path(__file__).parent / "tls"

ECHO = "return ARGV[1]"
COUNT = "return redis.call('INCR', KEYS[1])"
SET = "return redis.call('SET', KEYS[1], ARGV[1])"
PUSH = "return redis.call('RPUSH', KEYS[1], ARGV[1])"


def script(body: str, *args: Arg, key: str = KEY) -> RawCall:
    """A call of `body` over one key."""
    return RawCall(hashlib.sha1(body.encode()).hexdigest(), body, (key,), args)


def echo(text: str, *, key: str = KEY) -> RawCall:
    """A call that answers `text`."""
    return script(ECHO, text, key=key)


def count(*, key: str = KEY) -> RawCall:
    """A call that counts how often it was executed."""
    return script(COUNT, key=key)


class TlsProxy(Proxy):
    """Speak TLS to clients and plain to the server behind."""

    def __init__(self, upstream: str, certificate: str, *, asks_certificate: bool = False) -> None:
        super().__init__(upstream)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(CERTIFICATES / certificate)
        if asks_certificate:
            self._context.load_verify_locations(CERTIFICATES / "ca.pem")
            self._context.verify_mode = ssl.CERT_REQUIRED

    @property
    def tls_url(self) -> str:
        """`rediss://localhost:port/0`."""
        return f"rediss://localhost:{self._address.rpartition(':')[2]}/0"

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self._address = f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
