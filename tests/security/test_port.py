"""The port for metrics: where it listens, what it reads, how much it can be made to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rediq_core.config.settings import MetricsSettings
from rediq_core.metrics.http import MAX_CONNECTIONS, MAX_HEAD_BYTES, Answer, HttpServer, Query
from rediq_core.metrics.meter import MAX_PAIRS, Meter
from rediq_core.metrics.tallies import Tallies


async def page(query: Query) -> Answer:
    return Answer(b"fine")


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    server = HttpServer({"/metrics": page})
    await server.start(MetricsSettings().host, 0)
    yield server
    await server.aclose()


async def ask(server: HttpServer, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    try:
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_it_listens_on_the_loopback_alone(server: HttpServer) -> None:
    assert server._server is not None
    assert {socket.getsockname()[0] for socket in server._server.sockets} == {"127.0.0.1"}
    assert b"fine" in await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n")


@pytest.mark.slow
async def test_who_sends_nothing_or_too_much_is_cut_off(server: HttpServer) -> None:
    huge = b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n"
    silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(8)]

    assert len(huge) > MAX_HEAD_BYTES
    assert (await ask(server, huge))[:12] in (b"HTTP/1.1 431", b"")
    assert (await ask(server, b"POST /metrics HTTP/1.1\r\n\r\n"))[:12] == b"HTTP/1.1 405"
    for reader, writer in silent:
        assert (await asyncio.wait_for(reader.read(), 10))[:12] == b"HTTP/1.1 408"
        writer.close()


async def test_more_connections_than_there_is_room_for_are_closed(server: HttpServer) -> None:
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS)]
    await asyncio.sleep(0)

    assert b"fine" not in await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n")
    for _, writer in held:
        writer.close()


def test_ten_thousand_types_make_few_series() -> None:
    meter, tallies = Meter(["a"]), Tallies()
    for number in range(10_000):
        tallies.finished(f"type-{number}", 0.01, 0.01)
        tallies.failed(f"type-{number}", f"Error{number}", is_dead=False)
    meter.add("a", tallies.take())

    assert len(meter.pairs) <= MAX_PAIRS + 1
    assert len(meter.errors) <= 101
