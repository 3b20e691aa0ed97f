"""The links on a Cluster: routing by slot, redirects, a reshard, and the death of a master."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.router import slot_of
from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import ConfigError, RedisUnavailable
from tests.contract.connection_scripts import count, echo
from tests.support.servers import Cluster, Server, cluster_3_3, one_node_cluster
from tests.support.waiting import await_until

pytestmark = pytest.mark.cluster

# One queue in each third of the slots, so one on each of three masters.
QUEUES = ("t:{b}:x", "t:{c}:x", "t:{a}:x")


@pytest.fixture
async def link(cluster_url: str) -> AsyncIterator[AsyncLink]:
    link = AsyncLink(parse_url(cluster_url))
    yield link
    await link.aclose()


@pytest.fixture(scope="module")
def three_masters() -> Iterator[Cluster]:
    """Masters and replicas that the tests of this file move slots between, and kill."""
    with cluster_3_3(["--cluster-require-full-coverage", "no"]) as cluster:
        yield cluster


def test_the_queues_of_these_tests_are_on_different_masters() -> None:
    assert sorted(slot_of(key) * 3 // 16_384 for key in QUEUES) == [0, 1, 2]


async def test_calls_find_the_node_of_their_key(link: AsyncLink) -> None:
    calls = [count(key=key) for key in QUEUES]

    assert await link.evalsha_many(calls) == [1, 1, 1]
    assert [await link.evalsha(call) for call in calls] == [2, 2, 2]
    assert await link.commands([("GET", QUEUES[0])] * 2, key=QUEUES[0]) == [b"2", b"2"]


async def test_any_master_answers_what_has_no_key(link: AsyncLink, cluster_url: str) -> None:
    port = cluster_url.rpartition(":")[2]

    assert await link.command("PING") == b"PONG"
    assert await link.command_all("DBSIZE") == {f"127.0.0.1:{port}": 0}


def test_the_blocking_link_routes_alike(cluster_url: str) -> None:
    link = SyncLink(parse_url(cluster_url))

    assert link.evalsha_many([count(key=key) for key in QUEUES]) == [1, 1, 1]
    assert [link.evalsha(count(key=key)) for key in QUEUES] == [2, 2, 2]
    assert list(link.command_all("PING").values()) == [b"PONG"]
    assert link.blocking_pop("t:{q}:none", 0.05) is None
    link.close()


async def test_a_single_server_url_to_a_cluster_names_the_right_url(
    three_masters: Cluster,
) -> None:
    wrong = [
        node for node in three_masters.masters if node.port != owner(three_masters, QUEUES[0]).port
    ]
    link = AsyncLink(parse_url(wrong[0].tcp_url))

    with pytest.raises(ConfigError, match=r"redis\+cluster://"):
        await link.evalsha(count(key=QUEUES[0]))

    await link.aclose()


async def test_a_cluster_url_to_a_single_server_names_the_right_url(redis_url: str) -> None:
    with_port = parse_url("redis+cluster://127.0.0.1:1")
    topology = type(with_port)(mode=with_port.mode, nodes=parse_url(redis_url).nodes)
    link = AsyncLink(topology)

    with pytest.raises(ConfigError, match="is not a Cluster"):
        await link.evalsha(count())

    await link.aclose()


async def test_one_known_node_is_enough(three_masters: Cluster) -> None:
    link = AsyncLink(parse_url(f"redis+cluster://127.0.0.1:1,127.0.0.1:{ports(three_masters)[0]}"))

    replies = await link.evalsha_many([echo(key, key=key) for key in QUEUES])
    nodes = await link.command_all("PING")

    await link.aclose()
    assert replies == [key.encode() for key in QUEUES]
    assert sorted(nodes) == sorted(f"127.0.0.1:{port}" for port in ports(three_masters))


async def test_each_call_runs_once_while_its_slot_moves_to_and_fro(
    three_masters: Cluster,
) -> None:
    queue = QUEUES[0]
    urls = parse_url(three_masters.url)
    link, blocking = AsyncLink(urls), SyncLink(urls)
    channel = link.channel(queue)
    keys = [f"t:{{b}}:moving:{number}" for number in range(30)]
    is_over = False
    calls = 0

    async def call_async(key: str) -> None:
        nonlocal calls
        while not is_over:
            await link.evalsha(count(key=key))
            calls += 1

    async def call_in_batches() -> None:
        nonlocal calls
        while not is_over:
            replies = await link.evalsha_many([count(key=key) for key in keys])
            assert [type(reply) for reply in replies] == [int] * len(keys)
            calls += len(keys)

    def call_blocking() -> None:
        nonlocal calls
        while not is_over:
            replies = [
                blocking.evalsha(count(key=keys[0])),
                *blocking.evalsha_many([count(key=key) for key in keys]),
            ]
            assert [type(reply) for reply in replies] == [int] * (len(keys) + 1)
            blocking_calls.append(len(replies))

    async def call_by_channel() -> None:
        nonlocal calls
        while not is_over:
            await channel.send(count(key=keys[1]))
            await channel.receive()
            calls += 1

    blocking_calls: list[int] = []
    callers = [asyncio.create_task(call_async(key)) for key in keys[:10]]
    callers += [asyncio.create_task(call_in_batches()), asyncio.create_task(call_by_channel())]
    callers += [asyncio.create_task(asyncio.to_thread(call_blocking))]
    await await_until(lambda: calls > 100, "calls are flowing")
    for _ in range(4):
        await asyncio.to_thread(move_slot, three_masters, queue)
        seen = calls
        await await_until(lambda seen=seen: calls > seen + 100, "calls are flowing")
    is_over = True
    await asyncio.gather(*callers)
    counted = [int(await link.command("GET", key, key=key)) for key in keys]
    await link.aclose()
    blocking.close()

    assert sum(counted) == calls + sum(blocking_calls)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A Cluster of one node for a test that takes slots away: the shared one must keep them."""
    with one_node_cluster() as cluster:
        yield cluster


async def test_a_slot_that_nobody_serves_is_waited_for_until_the_deadline(
    own_cluster: Cluster,
) -> None:
    node = own_cluster.masters[0].client()
    slot = slot_of("t:{unserved}:x")
    link = AsyncLink(parse_url(own_cluster.url))
    await link.evalsha(echo("x"))
    node.execute_command("CLUSTER", "DELSLOTS", slot)
    call = count(key="t:{unserved}:x")

    with pytest.raises(RedisUnavailable, match="does not serve this queue's slot") as caught:
        await link.evalsha(call, deadline_s=2.0)
    waiting = asyncio.create_task(link.evalsha(call))
    node.execute_command("CLUSTER", "ADDSLOTS", slot)

    assert await waiting == 1
    assert caught.value.ambiguous is False
    node.close()
    await link.aclose()


@pytest.mark.slow
async def test_the_death_of_a_master_surfaces_no_error(three_masters: Cluster) -> None:
    urls = parse_url(three_masters.url)
    link, blocking = AsyncLink(urls), SyncLink(urls)
    victim = owner(three_masters, QUEUES[0])
    spared = [key for key in QUEUES if owner(three_masters, key) is not victim]
    worst_s = dict.fromkeys([*QUEUES, "blocking"], 0.0)
    calls = dict.fromkeys([*QUEUES, "blocking"], 0)
    is_over = False

    async def call(key: str) -> None:
        while not is_over:
            began = time.monotonic()
            await link.evalsha(count(key=key), deadline_s=15)
            worst_s[key] = max(worst_s[key], time.monotonic() - began)
            calls[key] += 1

    def call_blocking() -> None:
        while not is_over:
            began = time.monotonic()
            blocking.evalsha(count(key=QUEUES[0]), deadline_s=15)
            worst_s["blocking"] = max(worst_s["blocking"], time.monotonic() - began)
            calls["blocking"] += 1

    callers = [asyncio.create_task(call(key)) for key in QUEUES for _ in range(3)]
    callers += [asyncio.create_task(asyncio.to_thread(call_blocking))]
    await await_until(lambda: min(calls.values()) > 20, "calls are flowing")
    waiter = link.waiter([QUEUES[0].replace(":x", ":wake"), spared[0].replace(":x", ":wake")])
    await waiter.wait(0.05)
    victim.kill()
    sleeping = asyncio.create_task(waiter.wait(20))
    await link.command("RPUSH", waiter.keys[1], "1", key=waiter.keys[1])
    assert await sleeping == waiter.keys[1]
    await await_until(
        lambda: worst_s[QUEUES[0]] > 0.5 and worst_s["blocking"] > 0.5, "failed over", 20
    )
    is_over = True
    await asyncio.gather(*callers)
    await link.aclose()
    blocking.close()
    victim.start()

    assert max(worst_s.values()) <= 3.5
    assert max(worst_s[key] for key in spared) <= 1.0  # other shards go on


def ports(cluster: Cluster) -> list[int]:
    """Ports of the nodes that are masters now, as a live node says."""
    node = next(node for node in cluster.nodes if node.is_running).client()
    rows = node.execute_command("CLUSTER", "SLOTS")
    node.close()
    return sorted({int(row[2][1]) for row in rows})


def owner(cluster: Cluster, key: str) -> Server:
    """The node that has the slot of a key now."""
    first = next(node for node in cluster.nodes if node.is_running).client()
    rows = first.execute_command("CLUSTER", "SLOTS")
    first.close()
    slot = slot_of(key)
    (port,) = [int(row[2][1]) for row in rows if int(row[0]) <= slot <= int(row[1])]
    return next(node for node in cluster.nodes if node.port == port)


def move_slot(cluster: Cluster, key: str) -> None:
    """Move the slot of a key to the next master, keys one by one, as a reshard does."""
    slot = slot_of(key)
    source = owner(cluster, key)
    masters = [node for node in cluster.nodes if node.port in ports(cluster)]
    target = masters[(masters.index(source) + 1) % len(masters)]
    clients = {node.port: node.client() for node in masters}
    ids = {port: client.execute_command("CLUSTER", "MYID") for port, client in clients.items()}
    giving, taking = clients[source.port], clients[target.port]
    taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
    giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
    while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
        giving.execute_command("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
    for client in (taking, giving, *clients.values()):
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])
    for client in clients.values():
        client.close()
