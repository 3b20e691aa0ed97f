"""The links behind Sentinel: the master is found, and found again after a failover."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import ConfigError, RedisUnavailable
from tests.contract.connection_scripts import KEY, count, echo
from tests.support.servers import SentinelGroup, Server, sentinel_group
from tests.support.waiting import await_until

pytestmark = pytest.mark.sentinel


@pytest.fixture
def own_group() -> Iterator[SentinelGroup]:
    with sentinel_group(down_after_ms=500) as group:
        yield group


async def test_the_master_is_found(sentinel_url: str, sentinel_servers: SentinelGroup) -> None:
    link, blocking = AsyncLink(parse_url(sentinel_url)), SyncLink(parse_url(sentinel_url))

    counted = [await link.evalsha(count()), blocking.evalsha(count())]
    masters = list(await link.command_all("PING"))

    await link.aclose()
    blocking.close()
    assert counted == [1, 2]
    assert masters == [f"127.0.0.1:{sentinel_servers.master_port()}"]


async def test_one_live_sentinel_is_enough(sentinel_url: str) -> None:
    url = sentinel_url.replace("redis+sentinel://", "redis+sentinel://127.0.0.1:1,")
    link = AsyncLink(parse_url(url))

    assert await link.evalsha(echo("x")) == b"x"

    await link.aclose()


async def test_a_service_that_no_sentinel_knows_is_a_mistake_in_the_url(sentinel_url: str) -> None:
    url = sentinel_url.replace("/mymaster/", "/typo/")
    link, blocking = AsyncLink(parse_url(url)), SyncLink(parse_url(url))

    with pytest.raises(ConfigError, match="'typo'"):
        await link.evalsha(echo("x"))
    with pytest.raises(ConfigError, match="'typo'"):
        blocking.evalsha(echo("x"))

    await link.aclose()
    blocking.close()


async def test_no_live_sentinel_is_unavailable() -> None:
    link = AsyncLink(parse_url("redis+sentinel://127.0.0.1:1,127.0.0.1:2/m/0"))

    with pytest.raises(RedisUnavailable, match=r"redis\+sentinel://127.0.0.1:1,127.0.0.1:2/m/0"):
        await link.evalsha(echo("x"), deadline_s=0.2)

    await link.aclose()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Server.kill, Server.pause], ids=["killed", "stopped"])
async def test_a_failover_surfaces_no_error(
    own_group: SentinelGroup, fault: Callable[[Server], None]
) -> None:
    link, blocking = AsyncLink(parse_url(own_group.url)), SyncLink(parse_url(own_group.url))
    channel = link.channel(KEY)
    waiter = link.waiter(["t:{q}:wake"])
    worst_s = {"async": 0.0, "sync": 0.0}
    calls = {"async": 0, "sync": 0}
    is_over = False

    def note(kind: str, began: float) -> None:
        worst_s[kind] = max(worst_s[kind], time.monotonic() - began)
        calls[kind] += 1

    async def call() -> None:
        while not is_over:
            began = time.monotonic()
            await link.evalsha(count(), deadline_s=15)
            note("async", began)

    def call_blocking() -> None:
        while not is_over:
            began = time.monotonic()
            blocking.evalsha(count(), deadline_s=15)
            note("sync", began)

    callers = [asyncio.create_task(call()) for _ in range(5)]
    callers += [asyncio.create_task(asyncio.to_thread(call_blocking)) for _ in range(2)]
    await channel.send(echo("before"))
    await channel.receive()
    await waiter.wait(0.05)
    await await_until(lambda: min(calls.values()) > 20, "calls are flowing")
    fault(own_group.master)
    began = time.monotonic()
    await await_until(lambda: own_group.master_port() != own_group.master.port, "promoted", 20)
    promoted_s = time.monotonic() - began
    await await_until(lambda: min(worst_s.values()) > 0.5, "failed over", 20)
    is_over = True
    await asyncio.gather(*callers)
    await channel.reopen(deadline_s=15)
    await channel.send(echo("after"))
    after = await channel.receive()
    await link.command("RPUSH", "t:{q}:wake", "1")
    woken = await woken_by(waiter.wait)
    await link.aclose()
    blocking.close()

    assert max(worst_s.values()) <= promoted_s + 1.0
    assert (after, woken) == (b"after", "t:{q}:wake")


async def woken_by(wait: Callable[[float], object]) -> object:
    """Wait as a worker does: an error is a reason to wait again."""
    while True:
        try:
            woken = await wait(5)  # type: ignore[misc]  # a bound coroutine function
        except RedisUnavailable:
            continue
        if woken is not None:
            return woken
