"""The topologies tests run against: standalone, Cluster of one or six nodes, Sentinel group.

Every server is a real process on a free loopback port or a Unix socket, and ends with its
`with` block. Start-up takes 0.1 s standalone, about 2 s for each group, so share a group for a
session (see `tests/conftest.py`). Set-up speaks the protocol: no command line client is needed.

Example:
    with standalone(aof=True) as server:
        server.kill()
        server.restart()
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.support import guarded
from tests.support.process import Server, engine, free_port
from tests.support.waiting import wait_until

__all__ = [
    "Cluster",
    "SentinelGroup",
    "Server",
    "cluster_3_3",
    "cluster_of_masters",
    "engine",
    "free_port",
    "one_node_cluster",
    "sentinel_group",
    "standalone",
]

SLOTS = 16_384
GROUP_TIMEOUT_S = 20
SENTINEL_SERVICE = "mymaster"


@contextlib.contextmanager
def standalone(
    *,
    tcp: bool = False,
    unix: bool = True,
    aof: bool = False,
    requirepass: str | None = None,
    extra_args: Sequence[str] = (),
) -> Iterator[Server]:
    """Run one server of the caller's own.

    Args:
        tcp: Also listen on a free port of 127.0.0.1 (`tcp_url`).
        unix: Listen on a Unix socket; `url` is then this one.
        aof: Append-only file, every second; without it nothing survives a restart.
        requirepass: Password, carried by the URLs.
        extra_args: More of the server's own options, such as ("--maxmemory", "1mb").
    """
    server = Server(tcp=tcp, unix=unix, aof=aof, requirepass=requirepass, extra_args=extra_args)
    with contextlib.closing(server):
        server.start()
        yield server


class Cluster:
    """Some Cluster nodes, masters first.

    Attributes:
        masters: The nodes that hold slots at the start.
        replicas: One for each master, in the same order; empty for a Cluster of one.
    """

    def __init__(self, masters: list[Server], replicas: list[Server]) -> None:
        self.masters = masters
        self.replicas = replicas

    @property
    def nodes(self) -> list[Server]:
        """All nodes."""
        return self.masters + self.replicas

    @property
    def url(self) -> str:
        """`redis+cluster://127.0.0.1:port,…` with all nodes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{guarded.userinfo()}{hosts}"


class SentinelGroup:
    """A master, its replicas, and the Sentinels that watch them.

    Attributes:
        master: The master at the start; a failover does not change this field.
        replicas: Its replicas.
        sentinels: The Sentinel processes; a quorum is 2.
    """

    def __init__(self, master: Server, replicas: list[Server], sentinels: list[Server]) -> None:
        self.master = master
        self.replicas = replicas
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """`redis+sentinel://127.0.0.1:port,…/mymaster/0` with all Sentinels."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{guarded.userinfo()}{hosts}/{SENTINEL_SERVICE}/0"

    def master_port(self) -> int:
        """Ask the first Sentinel which port is master now."""
        return int(_ask(self.sentinels[0], "SENTINEL MASTER", SENTINEL_SERVICE)["port"])


@contextlib.contextmanager
def one_node_cluster(extra_args: Sequence[str] = ()) -> Iterator[Cluster]:
    """Run a Cluster of one node with all slots: it refuses what a real one refuses."""
    with _group(1, _cluster_arguments(extra_args)) as nodes:
        _give_slots(nodes[0], 0, SLOTS - 1)
        wait_until(lambda: _is_cluster_ok(nodes[0], 1), "cluster of one is ok", GROUP_TIMEOUT_S)
        yield Cluster(nodes, [])


@contextlib.contextmanager
def cluster_3_3(extra_args: Sequence[str] = ()) -> Iterator[Cluster]:
    """Run three masters with a replica each; a failover takes about 2 s."""
    with _group(6, _cluster_arguments(extra_args)) as nodes:
        masters, replicas = nodes[:3], nodes[3:]
        _join(nodes, masters)
        for master, replica in zip(masters, replicas, strict=True):
            _ask(replica, "CLUSTER REPLICATE", _ask(master, "CLUSTER MYID"))
        _wait_all(replicas, _is_linked, "replica is linked to its master")
        _wait_all(nodes, _sees_three_replicas, "sees three replicas")
        yield Cluster(masters, replicas)


@contextlib.contextmanager
def cluster_of_masters(count: int = 3, extra_args: Sequence[str] = ()) -> Iterator[Cluster]:
    """Run masters alone, the slots shared evenly: for what moves slots and kills nobody."""
    with _group(count, _cluster_arguments(extra_args)) as masters:
        _join(masters, masters)
        yield Cluster(masters, [])


def _join(nodes: list[Server], masters: list[Server]) -> None:
    bounds = [round(SLOTS * share / len(masters)) for share in range(len(masters) + 1)]
    for epoch, node in enumerate(nodes, start=1):
        _ask(node, "CLUSTER SET-CONFIG-EPOCH", epoch)
    for master, first, end in zip(masters, bounds, bounds[1:], strict=False):
        _give_slots(master, first, end - 1)
    for node in nodes[1:]:
        _ask(node, "CLUSTER MEET", "127.0.0.1", nodes[0].port)
    what = f"knows {len(nodes)} nodes and all slots"
    _wait_all(nodes, lambda node: _is_cluster_ok(node, len(nodes)), what)


@contextlib.contextmanager
def sentinel_group(
    down_after_ms: int = 500, extra_args: Sequence[str] = ()
) -> Iterator[SentinelGroup]:
    """Run a master, two replicas and three Sentinels; a failover takes about 1.3 s.

    The Sentinels start when both replicas are online: started before, they learn of a replica
    only at their next poll of the master, 10 s later.
    """
    arguments = ["--repl-diskless-sync-delay", "0", *extra_args]
    with _group(1, arguments) as (master,), contextlib.ExitStack() as stack:
        follow = [*arguments, "--replicaof", "127.0.0.1", str(master.port)]
        replicas = stack.enter_context(_group(2, follow))
        wait_until(lambda: _has_replicas(master, 2), "two replicas are online", GROUP_TIMEOUT_S)
        config = [
            "bind 127.0.0.1",
            f"sentinel monitor {SENTINEL_SERVICE} 127.0.0.1 {master.port} 2",
            f"sentinel down-after-milliseconds {SENTINEL_SERVICE} {down_after_ms}",
            f"sentinel failover-timeout {SENTINEL_SERVICE} 3000",
        ]
        sentinels = stack.enter_context(_group(3, ["--sentinel"], config_lines=config))
        _wait_all(sentinels, _knows_everyone, "Sentinel knows 2 replicas and 2 other Sentinels")
        yield SentinelGroup(master, replicas, sentinels)


@contextlib.contextmanager
def _group(
    count: int, extra_args: Sequence[str], *, config_lines: Sequence[str] | None = None
) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        servers = []
        for _ in range(count):
            server = Server(tcp=True, unix=False, extra_args=extra_args, config_lines=config_lines)
            servers.append(stack.enter_context(contextlib.closing(server)))
            server.start()
        yield servers


def _cluster_arguments(extra_args: Sequence[str]) -> list[str]:
    return [
        *("--cluster-enabled", "yes"),
        *("--cluster-node-timeout", "1000"),
        *("--repl-diskless-sync-delay", "0"),
        *extra_args,
    ]


def _ask(server: Server, command: str, *args: object) -> Any:
    client = server.client(decode_responses=True)
    try:
        return client.execute_command(command, *args)  # type: ignore[no-untyped-call]  # redis-py
    finally:
        client.close()


def _info(server: Server, section: str) -> dict[str, Any]:
    client = server.client()
    try:
        return client.info(section)
    finally:
        client.close()


def _wait_all(servers: list[Server], predicate: Callable[[Server], bool], description: str) -> None:
    for server in servers:
        wait_until(
            functools.partial(predicate, server), f"{server.url} {description}", GROUP_TIMEOUT_S
        )


def _give_slots(node: Server, first: int, last: int) -> None:
    if engine().version >= (7, 0):
        _ask(node, "CLUSTER ADDSLOTSRANGE", first, last)
    else:
        _ask(node, "CLUSTER ADDSLOTS", *range(first, last + 1))


def _is_cluster_ok(node: Server, known: int) -> bool:
    answer: dict[str, str] = _ask(node, "CLUSTER INFO")
    return answer["cluster_state"] == "ok" and int(answer["cluster_known_nodes"]) == known


def _is_linked(replica: Server) -> bool:
    return bool(_info(replica, "replication").get("master_link_status") == "up")


def _sees_three_replicas(node: Server) -> bool:
    nodes: list[dict[str, str]] = list(_ask(node, "CLUSTER NODES").values())
    return sum("slave" in entry["flags"] for entry in nodes) == 3


def _has_replicas(master: Server, count: int) -> bool:
    info = _info(master, "replication")
    states = [info.get(f"slave{number}", {}).get("state") for number in range(count)]
    return states == ["online"] * count


def _knows_everyone(sentinel: Server) -> bool:
    known: dict[str, Any] = _ask(sentinel, "SENTINEL MASTER", SENTINEL_SERVICE)
    return int(known["num-slaves"]) == 2 and int(known["num-other-sentinels"]) == 2
