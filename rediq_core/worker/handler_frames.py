"""How a task process and its handler processes talk: JSON heads with raw bodies, in frames.

A frame is two lengths of 4 bytes, a head (a JSON object whose "op" says what it is) and a body
(bytes that nobody here looks into: a stored task, a payload, a result). No pickle: a handler
process holds user code, and what it sends is data. This knows neither processes nor tasks.
"""

from __future__ import annotations

import json
import socket
import struct
from asyncio import StreamReader
from collections.abc import Mapping
from dataclasses import dataclass

_LENGTHS = struct.Struct("!II")
# Most bytes of a frame from a handler process: a child task with the largest payload, the largest
# headers and a thousand parents fits; a stray write to the socket does not ask for gigabytes.
MAX_FRAME_BYTES = 4 * 1024 * 1024


class FrameError(Exception):
    """What came over the socket is no frame; whoever sent it is not to be talked to again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message.

    Attributes:
        head: A JSON object.
        body: Bytes that go with it, or b"".
    """

    head: Mapping[str, object]
    body: bytes = b""

    @property
    def op(self) -> str:
        """What kind of message it is."""
        return self.text("op")

    def text(self, name: str) -> str:
        """Return a field that is text; FrameError if it is not."""
        value = self.head.get(name)
        if not isinstance(value, str):
            raise FrameError(f"{name} is not text")
        return value

    def number(self, name: str) -> float:
        """Return a field that is a number; FrameError if it is not."""
        value = self.head.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FrameError(f"{name} is not a number")
        return value

    def fields(self, name: str) -> dict[str, object]:
        """Return a field that is an object; FrameError if it is not."""
        value = self.head.get(name)
        if not isinstance(value, dict):
            raise FrameError(f"{name} is not an object")
        return value

    def items(self, name: str) -> list[object]:
        """Return a field that is a list; FrameError if it is not."""
        value = self.head.get(name)
        if not isinstance(value, list):
            raise FrameError(f"{name} is not a list")
        return value


def pack(op: str, body: bytes = b"", **fields: object) -> bytes:
    """Return a frame as bytes; its fields are JSON values."""
    head = json.dumps({"op": op, **fields}, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(head), len(body)) + head + body


def receive(link: socket.socket) -> Frame | None:
    """Wait for the next frame on a blocking socket; None at its end."""
    lengths = _read(link, _LENGTHS.size)
    if lengths is None:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    head = _read(link, head_bytes)
    body = _read(link, body_bytes) if body_bytes else b""
    return None if head is None or body is None else Frame(_parse(head), body)


async def read_frame(reader: StreamReader) -> Frame:
    """Wait for the next frame from a handler process.

    Raises:
        FrameError: It is none, or is too large.
        asyncio.IncompleteReadError: The stream has ended.
        OSError: The stream broke.
    """
    head_bytes, body_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if head_bytes + body_bytes > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {head_bytes + body_bytes:,} bytes")
    head = await reader.readexactly(head_bytes)
    return Frame(_parse(head), await reader.readexactly(body_bytes) if body_bytes else b"")


def _parse(head: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise FrameError("its head is not JSON") from error
    if not isinstance(parsed, dict):
        raise FrameError("its head is not an object")
    return parsed


def _read(link: socket.socket, size: int) -> bytes | None:
    """Return exactly `size` bytes, or None if the stream ends before."""
    parts = bytearray()
    while len(parts) < size:
        try:
            part = link.recv(size - len(parts))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
