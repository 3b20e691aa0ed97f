"""Servers for the whole suite: each pytest process (each xdist worker) starts its own.

A test takes `redis_url` and gets an empty server; one that kills, pauses or configures its server
starts one of its own with `tests.support.servers.standalone`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.support.servers import (
    Cluster,
    SentinelGroup,
    Server,
    one_node_cluster,
    sentinel_group,
    standalone,
)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """A standalone server on a Unix socket, shared by the session; use it through `redis_url`."""
    with standalone() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """The URL of the shared server, emptied; its log of slow commands too."""
    client = redis_server.client()
    client.flushall()
    client.slowlog_reset()
    client.close()
    return redis_server.url


@pytest.fixture
def redis_client(redis_server: Server, redis_url: str) -> Iterator[redis.Redis]:
    """A plain synchronous client of the emptied server; replies are bytes."""
    client = redis_server.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def cluster_server() -> Iterator[Cluster]:
    """A Cluster of one node, shared by the session; use it through `cluster_url`."""
    with one_node_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster_url(cluster_server: Cluster) -> str:
    """The URL of the shared Cluster of one node, emptied."""
    client = cluster_server.masters[0].client()
    client.flushall()
    client.close()
    return cluster_server.url


@pytest.fixture(scope="session")
def sentinel_servers() -> Iterator[SentinelGroup]:
    """A Sentinel group, shared by the session; use it through `sentinel_url`."""
    with sentinel_group() as group:
        yield group


@pytest.fixture
def sentinel_url(sentinel_servers: SentinelGroup) -> str:
    """The URL of the shared Sentinel group, its master emptied."""
    client = sentinel_servers.master.client()
    client.flushall()
    client.close()
    return sentinel_servers.url
