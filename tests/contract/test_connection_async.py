"""The asyncio link on one real server: pipelines, restarts, lost replies, deadlines."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
import uvloop

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import (
    ConfigError,
    RedisUnavailable,
    SchemaMismatch,
)
from tests.contract.connection_scripts import COUNT, KEY, PUSH, SET, count, echo, script
from tests.support.proxy import Proxy
from tests.support.servers import Server, free_port, standalone
from tests.support.waiting import await_until


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


async def test_a_script_is_sent_with_its_body_when_the_server_does_not_know_it(
    link: AsyncLink,
) -> None:
    body = "return {ARGV[1], 7, {KEYS[1], false}}"

    first = await link.evalsha(script(body, b"\xff\x00"))
    again = await link.evalsha(script(body, b"\xff\x00"))

    assert first == again == [b"\xff\x00", 7, [KEY.encode(), None]]


async def test_a_flush_of_scripts_is_never_seen(link: AsyncLink, redis_client: redis.Redis) -> None:
    async def flush() -> None:
        for _ in range(50):
            await link.command("SCRIPT", "FLUSH")

    async def call(number: int) -> list[bytes]:
        return [await link.evalsha(echo(f"{number}.{turn}")) for turn in range(50)]

    replies, _ = await asyncio.gather(asyncio.gather(*(call(n) for n in range(8))), flush())

    assert replies == [[f"{n}.{turn}".encode() for turn in range(50)] for n in range(8)]


async def test_many_callers_share_few_connections(
    link: AsyncLink, redis_client: redis.Redis
) -> None:
    texts = [str(number) for number in range(400)]

    replies = await asyncio.gather(*(link.evalsha(echo(text)) for text in texts))

    others = len(redis_client.client_list()) - 1
    assert replies == [text.encode() for text in texts]
    assert 1 <= others <= 20


async def test_the_pool_size_bounds_the_connections_of_a_burst(
    redis_url: str, redis_client: redis.Redis
) -> None:
    link = AsyncLink(parse_url(redis_url, pool_size=2))

    for _ in range(3):
        await asyncio.gather(*(link.evalsha(echo("x" * 1000)) for _ in range(500)))
    ours = len(redis_client.client_list()) - 1
    await link.aclose()

    assert ours == 2


async def test_many_calls_have_each_their_own_result_in_order(link: AsyncLink) -> None:
    await link.command("LPUSH", KEY, "x", key=KEY)
    other = "t:{q}:other"
    calls = [echo("a"), script(COUNT), script(COUNT, key=other), script("return KEYS[1]")]

    replies = await link.evalsha_many(calls)

    assert (replies[0], replies[2], replies[3]) == (b"a", 1, KEY.encode())
    assert isinstance(replies[1], SchemaMismatch)


async def test_no_calls_need_no_server() -> None:
    link = AsyncLink(parse_url("redis://127.0.0.1:1"))

    assert await link.evalsha_many([]) == []

    await link.aclose()


async def test_plain_commands_answer_in_the_shapes_of_scripts(link: AsyncLink) -> None:
    await link.command("SADD", KEY, "m")

    assert await link.command("SMEMBERS", KEY) == [b"m"]
    assert await link.command("PING") == b"PONG"
    assert await link.commands([("EXISTS", KEY), ("GET", "t:none")], key=KEY) == [1, None]


async def test_a_failed_command_of_a_pipeline_does_not_hide_the_others(link: AsyncLink) -> None:
    await link.command("SADD", KEY, "m")

    replies = await link.commands([("GET", KEY), ("SCARD", KEY)])

    assert isinstance(replies[0], SchemaMismatch)
    assert replies[1] == 1


async def test_every_master_is_asked(link: AsyncLink) -> None:
    replies = await link.command_all("DBSIZE")

    assert replies == {str(link.topology.nodes[0]): 0}


async def test_database_and_client_name_are_set(redis_url: str, redis_client: redis.Redis) -> None:
    url = redis_url.replace("db=0", "db=3")
    link = AsyncLink(parse_url(url, client_name="rediq-test"))

    await link.evalsha(script(SET, "v"))

    (ours,) = [row for row in redis_client.client_list() if row["name"] == "rediq-test"]
    await link.aclose()
    assert (ours["db"], redis_client.exists(KEY)) == ("3", 0)


async def test_calls_outlive_restarts_of_the_server(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    is_over = False

    async def push(caller: int) -> list[str]:
        sent = []
        while not is_over:
            text = f"{caller}.{len(sent)}"
            await link.evalsha(script(PUSH, text, key=f"t:{{q}}:{caller}"), deadline_s=30)
            sent.append(text)
        return sent

    callers = [asyncio.create_task(push(number)) for number in range(8)]
    for _ in range(3):
        await await_until(lambda: link.evalsha(count()), "calls are flowing")
        await asyncio.to_thread(own_server.restart)
    is_over = True
    sent = await asyncio.gather(*callers)
    found = [
        list(dict.fromkeys(await link.command("LRANGE", f"t:{{q}}:{number}", 0, -1)))
        for number in range(8)
    ]
    await link.aclose()

    assert found == [[text.encode() for text in texts] for texts in sent]


async def test_a_call_whose_reply_was_lost_is_sent_again(
    redis_url: str, redis_client: redis.Redis
) -> None:
    with Proxy(redis_url) as proxy:
        link = AsyncLink(parse_url(proxy.url))
        await link.evalsha(count())
        proxy.drop_replies(1, matching=b"EVALSHA")

        reply = await link.evalsha(count())

        await link.aclose()
    assert (reply, redis_client.get(KEY), proxy.dropped) == (3, b"3", 1)


async def test_a_batch_whose_replies_were_lost_is_sent_again(
    redis_url: str, redis_client: redis.Redis
) -> None:
    keys = ["t:{q}:1", "t:{q}:2"]
    with Proxy(redis_url) as proxy:
        link = AsyncLink(parse_url(proxy.url))
        await link.evalsha(count())
        proxy.drop_replies(1, matching=b"EVALSHA")

        replies = await link.evalsha_many([count(key=key) for key in keys])

        await link.aclose()
    assert (replies, redis_client.mget(keys)) == ([2, 2], [b"2", b"2"])


async def test_a_silent_server_ends_a_call_at_its_deadline_as_ambiguous(
    own_server: Server,
) -> None:
    link = AsyncLink(parse_url(own_server.url))
    await link.evalsha(count())
    own_server.pause()
    began = time.monotonic()

    with pytest.raises(RedisUnavailable) as caught:
        await link.evalsha(count(), deadline_s=2.5)

    took_s = time.monotonic() - began
    own_server.resume()
    await link.aclose()
    assert caught.value.ambiguous is True
    assert "did not answer in time" in caught.value.message
    assert 1.9 <= took_s <= 2.8


async def test_a_short_deadline_leaves_the_shared_connection_to_the_others(
    own_server: Server,
) -> None:
    link = AsyncLink(parse_url(own_server.url))
    await link.evalsha(echo("warm"))
    own_server.pause()
    patient = asyncio.create_task(link.evalsha(echo("patient")))

    with pytest.raises(RedisUnavailable) as caught:
        await link.evalsha(echo("hasty"), deadline_s=0.1)
    own_server.resume()

    assert await patient == b"patient"
    assert await link.evalsha(echo("next")) == b"next"
    clients = await link.command("CLIENT", "LIST")
    await link.aclose()
    assert caught.value.ambiguous is True
    assert clients.count(b"\n") == 1


async def test_a_batch_that_meets_its_deadline_says_so_for_each_call(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    await link.evalsha(count())
    own_server.pause()

    replies = await link.evalsha_many([count(), count()], deadline_s=0.2)

    own_server.resume()
    await link.aclose()
    assert [type(reply) for reply in replies] == [RedisUnavailable, RedisUnavailable]
    assert [reply.ambiguous for reply in replies] == [True, True]


async def test_cancelled_calls_do_not_shift_the_replies_of_others(link: AsyncLink) -> None:
    await link.evalsha(echo("warm"))

    for turn in range(200):
        doomed = asyncio.create_task(link.evalsha(echo("doomed")))
        spared = asyncio.create_task(link.evalsha(echo(str(turn))))
        await asyncio.sleep(0)
        doomed.cancel()
        assert await spared == str(turn).encode()
        with pytest.raises(asyncio.CancelledError):
            await doomed


async def test_closing_ends_calls_that_are_being_repeated() -> None:
    link = AsyncLink(parse_url(f"redis://127.0.0.1:{free_port()}/0"))
    stuck = asyncio.create_task(link.evalsha(echo("x"), deadline_s=None))
    await await_until(lambda: link._courier._nodes, "it has tried")

    await link.aclose()

    with pytest.raises(ConfigError, match="has been closed"):
        await stuck


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel"])
async def test_closing_ends_calls_whose_connection_is_being_opened(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        name = "/main/0" if scheme.endswith("sentinel") else "/0"
        link = AsyncLink(parse_url(f"{scheme}://:secret@{place}{name}"))
        stuck = asyncio.create_task(link.evalsha(echo("x"), deadline_s=None))
        courier = link._courier
        await await_until(
            lambda: (
                courier._survey is not None
                or any(node._opening for node in courier._nodes.values())
            ),
            "it is being opened",
        )

        await link.aclose()

        with pytest.raises(ConfigError, match="has been closed"):
            await stuck


async def test_connecting_by_name_starts_no_thread() -> None:
    with standalone(tcp=True, unix=False) as server:
        before = threading.active_count()
        link = AsyncLink(parse_url(f"redis://localhost:{server.port}/0"))

        await link.evalsha(echo("x"))

        assert threading.active_count() == before
        await link.aclose()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_calls_channels_and_waiters_work_on_both_loops(run: Any) -> None:
    async def scenario(url: str) -> list[object]:
        link = AsyncLink(parse_url(url))
        channel, waiter = link.channel(KEY), link.waiter(["t:{q}:wake"])
        await channel.send(echo("channel"))
        sleeping = asyncio.create_task(waiter.wait(10))
        seen = [await link.evalsha(echo("link")), await channel.receive()]
        await link.evalsha(script(PUSH, "1", key="t:{q}:wake"))
        seen.append(await sleeping)
        await link.aclose()
        return seen

    with standalone(tcp=True) as server:
        for url in (server.tcp_url, server.unix_url):
            assert run(scenario(url)) == [b"link", b"channel", "t:{q}:wake"]
