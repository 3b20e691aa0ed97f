"""The HTTP server of metrics: what it answers, and that bad clients cost little and stop nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rediq_core.metrics import http
from rediq_core.metrics.http import MAX_CONNECTIONS, Answer, HttpServer, Query, as_json


async def echo(query: Query) -> Answer:
    return as_json(dict(query))


async def fail(query: Query) -> Answer:
    raise RuntimeError("secret of the inside")


async def hang(query: Query) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    server = HttpServer({"/echo": echo, "/fail": fail, "/hang": hang})
    await server.start("127.0.0.1", 0)
    try:
        yield server.port
    finally:
        await server.aclose()
        await server.aclose()


async def ask(port: int, request: bytes) -> tuple[int, bytes, bytes]:
    """Send bytes, read to the end; returns status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.lower(), body


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_a_page_gets_its_query_and_the_connection_ends() -> None:
    async with serving() as port:
        status, head, body = await ask(port, get("/echo?target=30&empty="))

    assert (status, body) == (200, b'{"target": "30"}\n')
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head


async def test_head_answers_without_a_body() -> None:
    async with serving() as port:
        status, head, body = await ask(port, get("/echo", "HEAD"))

    assert (status, body) == (200, b"")
    assert b"content-length: 3" in head


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (get("/echo", "POST"), 405),
        (get("/nothing"), 404),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_for_a_page_is_refused(request_bytes: bytes, status: int) -> None:
    async with serving() as port:
        answered, _, _ = await ask(port, request_bytes)

        assert answered == status
        assert (await ask(port, get("/echo")))[0] == 200


async def test_a_page_that_fails_tells_nothing_of_the_inside() -> None:
    async with serving() as port:
        status, head, body = await ask(port, get("/fail"))

    assert status == 500
    assert b"secret" not in head + body
    assert b"Traceback" not in body


async def test_slow_clients_and_slow_pages_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_S", 0.1)
    monkeypatch.setattr(http, "ANSWER_S", 0.1)
    async with serving() as port:
        dripping, _, _ = await ask(port, b"GET /echo HT")
        hanging, _, _ = await ask(port, get("/hang"))

        assert (dripping, hanging) == (408, 503)
        assert (await ask(port, get("/echo")))[0] == 200


async def test_more_connections_than_there_is_room_for_are_closed_unread() -> None:
    async with serving() as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        try:
            one_more, writer = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(one_more.readexactly(1), 10)
            writer.close()
        finally:
            for _, busy in held:
                busy.close()
