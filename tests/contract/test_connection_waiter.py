"""Sleeping until a list has an element, and what becomes of the sleep when something breaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import redis

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import RedisUnavailable
from tests.support.servers import Server, standalone
from tests.support.waiting import await_until

A, B = "t:{a}:wake", "t:{b}:wake"


@pytest.fixture(params=["redis_url", "cluster_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A standalone server, and a Cluster where A and B are in different slots."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def link(url: str) -> AsyncIterator[AsyncLink]:
    link = AsyncLink(parse_url(url))
    yield link
    await link.aclose()


@pytest.fixture
def own_server() -> Iterator[Server]:
    with standalone() as server:
        yield server


def blocked(link: AsyncLink, clients: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many clients of the server sleep in a blocking command."""

    async def look() -> bool:
        info = await link.command("INFO", "clients")
        return f"blocked_clients:{clients}\r".encode() in info

    return look


async def test_the_list_that_gets_an_element_is_named(link: AsyncLink) -> None:
    waiter = link.waiter([A, B])
    lanes = len(waiter._lanes)
    sleeping = asyncio.create_task(waiter.wait(20))
    await await_until(blocked(link, lanes), "it sleeps")

    await link.command("RPUSH", B, "1", key=B)

    assert await sleeping == B


async def test_an_element_that_is_already_there_ends_the_sleep_at_once(link: AsyncLink) -> None:
    await link.command("RPUSH", B, "1", key=B)

    assert await link.waiter([A, B]).wait(20) == B
    assert await link.command("EXISTS", B, key=B) == 0


async def test_the_sleep_ends_after_its_time(link: AsyncLink) -> None:
    began = time.monotonic()

    woken = await link.waiter([A, B]).wait(2.2)  # longer than the timeout of ordinary replies

    assert woken is None
    assert 2.0 <= time.monotonic() - began <= 3.5


async def test_lists_take_turns_on_one_waiter(link: AsyncLink) -> None:
    waiter = link.waiter([A, B])
    woken = []
    for key in (A, B, A, B, B):
        await link.command("RPUSH", key, "1", key=key)
        woken.append(await waiter.wait(20))

    assert woken == [A, B, A, B, B]


async def test_a_cancelled_sleep_leaves_later_elements_to_others(link: AsyncLink) -> None:
    waiter = link.waiter([A, B])
    sleeping = asyncio.create_task(waiter.wait(20))
    await await_until(blocked(link, len(waiter._lanes)), "it sleeps")

    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    await await_until(blocked(link, 0), "its connections are gone")
    await link.command("RPUSH", A, "1", key=A)

    assert await link.command("LLEN", A, key=A) == 1
    assert await waiter.wait(20) == A


async def test_a_closed_waiter_leaves_no_connection(link: AsyncLink) -> None:
    waiter = link.waiter([A, B])
    sleeping = asyncio.create_task(waiter.wait(20))
    await await_until(blocked(link, len(waiter._lanes)), "it sleeps")
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)

    await waiter.aclose()
    await waiter.aclose()

    await await_until(blocked(link, 0), "its connections are gone")
    assert link._dependents == set()


async def test_a_killed_server_is_said_and_the_next_sleep_finds_the_new_one(
    own_server: Server,
) -> None:
    link = AsyncLink(parse_url(own_server.url))
    waiter = link.waiter([A, B])
    sleeping = asyncio.create_task(waiter.wait(20))
    await await_until(blocked(link, 1), "it sleeps")

    own_server.kill()
    with pytest.raises(RedisUnavailable):
        await sleeping
    with pytest.raises(RedisUnavailable, match="connection refused"):
        await waiter.wait(20)
    own_server.start()
    await link.command("RPUSH", A, "1")

    assert await waiter.wait(20) == A
    await link.aclose()


async def test_a_silent_server_is_noticed_soon_after_the_time(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    waiter = link.waiter([A])
    await waiter.wait(0.05)
    own_server.pause()

    with pytest.raises(RedisUnavailable, match="timed out"):
        await waiter.wait(0.1)

    own_server.resume()
    await link.aclose()


async def test_a_changed_role_ends_the_sleep_early(
    own_server: Server, redis_client: redis.Redis
) -> None:
    link = AsyncLink(parse_url(own_server.url))
    waiter = link.waiter([A])
    sleeping = asyncio.create_task(waiter.wait(20))
    await await_until(blocked(link, 1), "it sleeps")

    await link.command("REPLICAOF", "127.0.0.1", 1)

    assert await sleeping is None
    await link.aclose()


async def test_who_listens_hears_of_an_element_before_the_sleeper_wakes(link: AsyncLink) -> None:
    heard: list[tuple[str, bool]] = []
    waiter = link.waiter([A, B], hear=lambda key: heard.append((key, sleeping.done())))
    sleeping = asyncio.create_task(waiter.wait(20))
    await await_until(blocked(link, len(waiter._lanes)), "it sleeps")

    await link.command("RPUSH", B, "1", key=B)

    assert await sleeping == B
    assert heard == [(B, False)]


async def test_nothing_is_heard_of_a_sleep_that_ends_by_its_time(link: AsyncLink) -> None:
    heard: list[str] = []

    assert await link.waiter([A, B], hear=heard.append).wait(0.05) is None

    assert heard == []


async def test_a_cancelled_sleep_can_be_followed_by_another(own_server: Server) -> None:
    link = AsyncLink(parse_url(own_server.url))
    waiter = link.waiter([A])
    own_server.pause()
    opening = asyncio.create_task(waiter.wait(20))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    own_server.resume()
    await link.command("RPUSH", A, "1")

    assert await waiter.wait(20) == A
    await waiter.aclose()
    await link.aclose()
