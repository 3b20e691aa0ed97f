"""The worker's own connection: send and receive apart, one call at a time, never mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
import uvloop

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import RedisUnavailable, Refused, SchemaMismatch
from tests.contract.connection_scripts import KEY, count, echo, script
from tests.support.proxy import Proxy
from tests.support.servers import Server, standalone
from tests.support.waiting import await_until, wait_until


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


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_call_runs_while_its_sender_does_something_else(
    run: Any, redis_url: str, redis_client: redis.Redis
) -> None:
    async def scenario() -> int:
        link = AsyncLink(parse_url(redis_url))
        channel = link.channel(KEY)
        await channel.send(count())
        await channel.receive()
        await channel.send(count())
        # The loop is not given back here, and still the server has the call.
        wait_until(lambda: redis_client.get(KEY) == b"2", "the call has run")
        reply: int = await channel.receive()
        await link.aclose()
        return reply

    assert run(scenario()) == 2


async def test_unknown_scripts_are_sent_with_their_body(link: AsyncLink) -> None:
    channel = link.channel(KEY)
    replies = []
    for turn in range(20):
        await link.command("SCRIPT", "FLUSH")
        await channel.send(echo(str(turn)))
        replies.append(await channel.receive())

    assert replies == [str(turn).encode() for turn in range(20)]


async def test_a_second_send_before_the_reply_is_a_mistake(link: AsyncLink) -> None:
    channel = link.channel(KEY)
    await channel.send(echo("first"))

    with pytest.raises(RuntimeError, match="receive"):
        await channel.send(echo("second"))

    assert await channel.receive() == b"first"
    with pytest.raises(RuntimeError, match="send"):
        await channel.receive()


async def test_a_cancelled_receive_does_not_leave_its_reply_to_the_next(
    own_server: Server,
) -> None:
    link = AsyncLink(parse_url(own_server.url))
    channel = link.channel(KEY)
    await channel.send(echo("warm"))
    await channel.receive()
    own_server.pause()
    await channel.send(echo("cancelled"))
    receiving = asyncio.create_task(channel.receive())
    await asyncio.sleep(0)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    own_server.resume()

    assert channel.is_open is False
    await channel.send(echo("next"))
    assert await channel.receive() == b"next"
    await link.aclose()


async def test_a_broken_connection_is_ambiguous_and_can_be_reopened(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    channel = link.channel(KEY)
    await channel.send(count())
    assert await channel.receive() == 1
    own_server.pause()
    await channel.send(count())
    own_server.kill()

    with pytest.raises(RedisUnavailable) as caught:
        await channel.receive()
    reopening = asyncio.create_task(channel.reopen())
    own_server.start()
    own_server.wait_ready()
    await reopening
    await channel.send(echo("again"))

    assert await channel.receive() == b"again"
    assert caught.value.ambiguous is True
    await link.aclose()


async def test_a_lost_reply_is_ambiguous_although_the_call_ran(
    redis_url: str, redis_client: redis.Redis
) -> None:
    with Proxy(redis_url) as proxy:
        link = AsyncLink(parse_url(proxy.url))
        channel = link.channel(KEY)
        await channel.send(count())
        await channel.receive()
        proxy.drop_replies(1)
        await channel.send(count())

        with pytest.raises(RedisUnavailable) as caught:
            await channel.receive()

        await link.aclose()
    assert (caught.value.ambiguous, redis_client.get(KEY)) == (True, b"2")


async def test_a_silent_server_ends_a_receive_as_ambiguous(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    channel = link.channel(KEY, reply_timeout_s=0.2)
    await channel.send(count())
    await channel.receive()
    own_server.pause()
    await channel.send(count())

    with pytest.raises(RedisUnavailable, match="did not answer in time") as caught:
        await channel.receive()

    own_server.resume()
    await link.aclose()
    assert caught.value.ambiguous is True


async def test_a_connection_closed_while_idle_is_replaced_by_the_next_send(
    link: AsyncLink, redis_client: redis.Redis
) -> None:
    channel = link.channel(KEY)
    await channel.send(echo("first"))
    await channel.receive()
    redis_client.client_kill_filter(_type="normal")
    await await_until(lambda: not channel.is_open, "the channel has seen the close")

    await channel.send(echo("second"))

    assert await channel.receive() == b"second"


async def test_reopening_gives_up_at_its_deadline(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    channel = link.channel(KEY)
    own_server.kill()

    with pytest.raises(RedisUnavailable, match="connection refused") as caught:
        await channel.reopen(deadline_s=0.2)

    assert caught.value.ambiguous is False
    await link.aclose()


async def test_a_refusal_leaves_the_connection_open(
    redis_url: str, redis_client: redis.Redis
) -> None:
    redis_client.execute_command("ACL", "SETUSER", "c", "on", ">pw", "~t:*", "-@all", "+evalsha")
    redis_client.lpush(KEY, "x")
    link = AsyncLink(parse_url(redis_url))
    denied = AsyncLink(parse_url(redis_url, username="c", password="pw"))
    channel, other = link.channel(KEY), denied.channel(KEY)

    await channel.send(count())
    with pytest.raises(SchemaMismatch):
        await channel.receive()
    await other.send(script("return 'never sent before'"))
    with pytest.raises(Refused, match="'eval'"):
        await other.receive()

    assert (channel.is_open, other.is_open) == (True, True)
    await link.aclose()
    await denied.aclose()


async def test_a_closed_channel_is_forgotten_by_its_link(link: AsyncLink) -> None:
    channel = link.channel(KEY)
    await channel.send(echo("x"))

    await channel.aclose()
    await channel.aclose()

    assert link._dependents == set()


async def test_a_call_is_sent_at_once_only_on_an_open_and_free_connection(link: AsyncLink) -> None:
    channel = link.channel(KEY)
    assert not channel.send_now(count())  # never opened
    await channel.send(count())
    assert not channel.send_now(count())  # a reply is due
    assert await channel.receive() == 1

    assert channel.send_now(count())

    assert await channel.receive() == 2
    await channel.aclose()
    assert not channel.send_now(count())
