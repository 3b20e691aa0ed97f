"""A waiter on a Cluster: each shard is listened to for itself, whatever the others do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.connection.waiter import Waiter
from rediq_core.errors import RedisUnavailable
from tests.support.servers import Cluster, Server, cluster_of_masters
from tests.support.waiting import await_until

# One list in each third of the slots, so one on each of three masters.
LOST, NEAR, FAR = "t:{b}:wake", "t:{c}:wake", "t:{a}:wake"


@pytest.fixture(scope="module")
def masters() -> Iterator[Cluster]:
    with cluster_of_masters(3, ["--cluster-require-full-coverage", "no"]) as cluster:
        yield cluster


@pytest.fixture
async def link(masters: Cluster) -> AsyncIterator[AsyncLink]:
    link = AsyncLink(parse_url(masters.url))
    yield link
    await link.aclose()


@pytest.fixture
async def waiter(link: AsyncLink) -> Waiter:
    """A waiter that listens to one list on each master."""
    waiter = link.waiter([LOST, NEAR, FAR])
    await waiter.wait(0.05)
    return waiter


def owner(cluster: Cluster, key: str) -> Server:
    """Return the node that has the slot of a key."""
    with cluster.masters[0].client() as client:
        slot = client.execute_command("CLUSTER", "KEYSLOT", key)
        rows = client.execute_command("CLUSTER", "SLOTS")
    port = next(int(row[2][1]) for row in rows if row[0] <= slot <= row[1])
    return next(node for node in cluster.masters if node.port == port)


async def push(link: AsyncLink, key: str) -> None:
    await link.command("RPUSH", key, "1", key=key)


async def test_a_shard_that_comes_back_is_listened_to_again(
    masters: Cluster, link: AsyncLink, waiter: Waiter
) -> None:
    victim = owner(masters, LOST)
    victim.kill()
    sleeping = asyncio.create_task(waiter.wait(60))
    await await_until(lambda: not waiter._lanes[0].is_listening, "it was lost")

    victim.start()
    await push(link, LOST)

    assert await asyncio.wait_for(sleeping, 10) == LOST


async def test_a_shard_that_is_silent_delays_no_marker_of_another(
    masters: Cluster, link: AsyncLink
) -> None:
    await link.command_all("PING")
    victim = owner(masters, LOST)
    waiter = link.waiter([LOST, NEAR, FAR])
    victim.pause()
    try:
        began_s = time.monotonic()
        for key in [NEAR, FAR] * 5:
            await push(link, key)
            assert await waiter.wait(20) == key
        took_s = time.monotonic() - began_s
    finally:
        victim.resume()
    await waiter.aclose()

    assert took_s < 1


async def test_a_shard_that_is_silent_is_left_for_a_new_connection(
    masters: Cluster, link: AsyncLink, waiter: Waiter
) -> None:
    victim = owner(masters, LOST)
    victim.pause()
    try:
        # Late is who says nothing after the time it was asked for, and the grace.
        assert await waiter.wait(0.1) is None
        sleeping = asyncio.create_task(waiter.wait(60))
        await await_until(lambda: not waiter._lanes[0].is_listening, "it is late")
    finally:
        victim.resume()
    await push(link, LOST)

    assert await asyncio.wait_for(sleeping, 10) == LOST


async def test_all_shards_lost_are_said_at_once(
    masters: Cluster, link: AsyncLink, waiter: Waiter
) -> None:
    for node in masters.masters:
        node.kill()
    try:
        with pytest.raises(RedisUnavailable):
            await asyncio.wait_for(waiter.wait(60), 10)
    finally:
        for node in masters.masters:
            node.start()
    await push(link, FAR)

    assert await asyncio.wait_for(waiter.wait(60), 10) == FAR
