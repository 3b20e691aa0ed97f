"""What a caller of the asyncio link reads when Redis is away, refuses, or is misused."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import (
    ConfigError,
    RedisOutOfMemory,
    RedisUnavailable,
    Refused,
    SchemaMismatch,
)
from tests.contract.connection_scripts import KEY, SET, count, echo, script
from tests.support.servers import Server, free_port, standalone


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[AsyncLink]:
    link = AsyncLink(parse_url(redis_url))
    yield link
    await link.aclose()


@pytest.fixture
def own_server() -> Iterator[Server]:
    # With everysec a write waits in the server's memory while an fsync is under way, so that a
    # SIGKILL then loses what was acknowledged; these tests are about the link.
    with standalone(aof=True, extra_args=["--appendfsync", "always"]) as server:
        yield server


async def test_nobody_at_the_address_is_said_in_the_pinned_words() -> None:
    port = free_port()
    link = AsyncLink(parse_url(f"redis://:kAnArY@127.0.0.1:{port}/0"))

    with pytest.raises(RedisUnavailable) as caught:
        await link.evalsha(echo("x"), deadline_s=0.1)

    await link.aclose()
    assert str(caught.value).startswith(
        f"E001 no Redis at redis://:***@127.0.0.1:{port}/0 (connection refused).\n"
    )
    assert caught.value.ambiguous is False
    assert caught.value.__cause__ is not None


async def test_a_server_of_another_protocol_is_said_to_be_one() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as http:
        url = f"redis://127.0.0.1:{http.sockets[0].getsockname()[1]}"
        link, blocking = AsyncLink(parse_url(url)), SyncLink(parse_url(url))

        with pytest.raises(RedisUnavailable, match="does not speak the Redis protocol"):
            await link.evalsha(echo("x"), deadline_s=0.05)
        with pytest.raises(RedisUnavailable, match="does not speak the Redis protocol"):
            await asyncio.to_thread(blocking.evalsha, echo("x"), deadline_s=0.05)

        await link.aclose()
        blocking.close()


async def test_a_host_that_does_not_exist_is_named_as_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What the resolver says; asking a real one takes as long as it likes.
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    link = AsyncLink(parse_url("redis://no-such-host.invalid/0"))

    with pytest.raises(RedisUnavailable, match="host name not found"):
        await link.evalsha(echo("x"), deadline_s=1.0)

    await link.aclose()


@pytest.mark.parametrize(
    ("password", "says"), [("wrong", "refused the user name or password"), ("", "for a password")]
)
async def test_a_bad_login_is_not_tried_again(password: str, says: str) -> None:
    with standalone(requirepass="right") as server:
        link = AsyncLink(parse_url(server.url, password=password))
        began = time.monotonic()

        with pytest.raises(RedisUnavailable, match=says) as caught:
            await link.evalsha(echo("x"), deadline_s=30)

        await link.aclose()
    assert caught.value.is_authentication is True
    assert time.monotonic() - began < 5


async def test_the_right_password_is_accepted() -> None:
    with standalone(requirepass="right") as server:
        link = AsyncLink(parse_url(server.url))

        assert await link.evalsha(echo("x")) == b"x"

        await link.aclose()


async def test_a_denied_command_is_named_without_its_arguments(
    link: AsyncLink, redis_client: redis.Redis, redis_url: str
) -> None:
    redis_client.execute_command(
        "ACL", "SETUSER", "w", "on", ">pw", "~t:*", "-@all", "+evalsha", "+eval", "+get"
    )
    denied = AsyncLink(parse_url(redis_url, username="w", password="pw"))

    with pytest.raises(Refused, match="'lpush'") as outside:
        await denied.command("LPUSH", KEY, "kAnArY")
    with pytest.raises(Refused) as inside:
        await denied.evalsha(script(SET, "kAnArY"))
    with pytest.raises(Refused) as key:
        await denied.command("GET", "other")

    await denied.aclose()
    assert "kAnArY" not in f"{outside.value}{inside.value}{key.value}"


async def test_a_full_server_is_said_at_once_and_freeing_calls_go_on(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    await link.evalsha(script(SET, "v"))
    await link.command("CONFIG", "SET", "maxmemory", "1")
    began = time.monotonic()

    with pytest.raises(RedisOutOfMemory):
        await link.evalsha(script(SET, "w"), deadline_s=30)

    freed = await link.evalsha(script("return redis.call('DEL', KEYS[1])"))
    await link.aclose()
    assert freed == 1
    assert time.monotonic() - began < 5


async def test_a_key_of_another_type_is_said_to_be_one(link: AsyncLink) -> None:
    await link.command("LPUSH", KEY, "x")

    with pytest.raises(SchemaMismatch, match="another type"):
        await link.evalsha(count())


async def test_another_event_loop_gets_a_clear_error(redis_url: str) -> None:
    link = AsyncLink(parse_url(redis_url))
    await link.evalsha(echo("x"))

    def elsewhere() -> None:
        asyncio.run(call())

    async def call() -> None:
        await link.evalsha(echo("x"))

    with pytest.raises(ConfigError, match="second event loop"):
        await asyncio.to_thread(elsewhere)

    await link.aclose()


async def test_a_closed_link_says_so_and_closes_twice(redis_url: str) -> None:
    link = AsyncLink(parse_url(redis_url))
    await link.evalsha(echo("x"))
    await link.aclose()
    await link.aclose()

    with pytest.raises(ConfigError, match="has been closed"):
        await link.evalsha(echo("x"))
