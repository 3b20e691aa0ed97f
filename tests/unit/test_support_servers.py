"""The servers that tests start are real, keep their data, and end when told."""

from __future__ import annotations

import os

import pytest
import redis

from tests.support.servers import (
    cluster_3_3,
    sentinel_group,
    standalone,
)
from tests.support.waiting import await_until, wait_until


def test_a_killed_server_keeps_its_aof_and_its_address() -> None:
    with standalone(aof=True, tcp=True, requirepass="secret") as server:
        url = server.tcp_url
        with server.client() as client:
            client.set("key", "value")

        server.kill()
        server.start()

        assert server.tcp_url == url
        with server.client() as client:
            assert client.get("key") == b"value"


def test_a_paused_server_answers_only_after_it_is_resumed() -> None:
    with standalone() as server, server.client(socket_timeout=0.1) as client:
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()

        server.resume()

        assert client.ping()


def test_a_closed_server_leaves_neither_process_nor_directory() -> None:
    with standalone() as server:
        pid, directory = server.pid, server.directory

    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.cluster
def test_a_cluster_of_one_refuses_two_slots_in_one_call(cluster_url: str) -> None:
    with redis.Redis.from_url(cluster_url.replace("redis+cluster", "redis")) as client:
        client.set("{a}key", 1)

        with pytest.raises(redis.ResponseError, match="hash to the same slot"):
            client.mget("{a}key", "{b}key")


@pytest.mark.cluster
@pytest.mark.slow
def test_a_cluster_of_six_promotes_a_replica() -> None:
    with cluster_3_3() as cluster:
        cluster.masters[0].kill()

        with cluster.replicas[0].client() as client:
            wait_until(lambda: client.info("replication")["role"] == "master", "promotion", 20)


@pytest.mark.sentinel
@pytest.mark.slow
def test_a_sentinel_group_fails_over() -> None:
    with sentinel_group() as group:
        assert group.master_port() == group.master.port

        group.master.kill()

        ports = {replica.port for replica in group.replicas}
        wait_until(lambda: group.master_port() in ports, "a replica became master", 20)


def test_waiting_in_vain_says_for_what_and_what_was_seen() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.02 s: the sun rises; last value: 0"):
        wait_until(lambda: 0, "the sun rises", 0.02)


async def test_async_waiting_takes_both_kinds_of_predicate() -> None:
    async def five() -> int:
        return 5

    assert await await_until(five, "five") == 5
    assert await await_until(lambda: 6, "six") == 6
    with pytest.raises(AssertionError, match="never; last value: None"):
        await await_until(lambda: None, "never", 0.02)
