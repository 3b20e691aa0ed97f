"""A small HTTP server for numbers and health, on an event loop that has better things to do.

GET and HEAD, one request a connection, no body, no keep-alive. Every wait has a deadline, every
size a bound, and so has the number of connections: a slow or hostile client costs a bounded amount
and blocks nobody. No thread. It says nothing about what is behind a path.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

log = logging.getLogger("rediq.metrics")
# Longest request line and headers together.
MAX_HEAD_BYTES: Final = 8_192
# What of a request is read after it was answered.
MAX_UNREAD_BYTES: Final = 65_536
# Connections at once; more are closed unread.
MAX_CONNECTIONS: Final = 32
# Seconds for a client to say what it wants, for an answer to be made, and to be taken.
REQUEST_S: Final = 5.0
ANSWER_S: Final = 5.0
SEND_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back.

    Attributes:
        body: The bytes.
        content_type: What they are.
        status: Of HTTP.
    """

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Query = Mapping[str, str]
Page = Callable[[Query], Awaitable[Answer]]


def as_json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """Return an answer that is a JSON document."""
    return Answer(json.dumps(value).encode() + b"\n", "application/json", status)


class HttpServer:
    """Serves pages until it is closed. Belongs to the event loop that starts it.

    Attributes:
        port: Where it listens, once started.
    """

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.port = 0
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Args:
            host: Address or name.
            port: 0 for any free one.

        Raises:
            OSError: The address cannot be had.
        """
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening and drop who is connected; safe twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            # Gone, or we are closing: nothing to tell, and the task ends here.
            log.debug("a client went away")
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            answer, method = _text(HTTPStatus.REQUEST_TIMEOUT), "GET"
        except asyncio.LimitOverrunError:
            answer, method = _text(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), "GET"
        except asyncio.IncompleteReadError:
            return
        else:
            method, answer = await self._answer(head)
        writer.write(_response(answer, is_bodyless=method == "HEAD"))
        async with asyncio.timeout(SEND_S):
            await writer.drain()
            writer.write_eof()
            # Until the client closes too: closed with bytes unread, a connection is reset, and the
            # answer may be lost on its way.
            left = MAX_UNREAD_BYTES
            while left > 0 and (unread := await reader.read(MAX_HEAD_BYTES)):
                left -= len(unread)

    async def _answer(self, head: bytes) -> tuple[str, Answer]:
        asked = _parse(head)
        if isinstance(asked, HTTPStatus):
            return "GET", _text(asked)
        method, path, query = asked
        page = self._pages.get(path)
        if page is None:
            return method, _text(HTTPStatus.NOT_FOUND, "\n".join(["There is:", *self._pages, ""]))
        try:
            async with asyncio.timeout(ANSWER_S):
                return method, await page(query)
        except TimeoutError:
            return method, _text(HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception:
            log.exception("cannot answer %s", path)
            return method, _text(HTTPStatus.INTERNAL_SERVER_ERROR)


def _parse(head: bytes) -> tuple[str, str, Query] | HTTPStatus:
    """Read a request's first line: method, path, query; or why it is refused."""
    line = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(line) != 3 or not line[2].startswith("HTTP/1."):
        return HTTPStatus.BAD_REQUEST
    method, target, _ = line
    if method not in ("GET", "HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED
    try:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
    except ValueError:
        return HTTPStatus.BAD_REQUEST
    return method, parts.path, {name: values[-1] for name, values in query.items()}


def _text(status: HTTPStatus, text: str = "") -> Answer:
    return Answer((text or f"{status.value} {status.phrase}\n").encode(), status=status)


def _response(answer: Answer, *, is_bodyless: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if is_bodyless else head + answer.body
