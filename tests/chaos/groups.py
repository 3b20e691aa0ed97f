"""Faults of Sentinel groups and Clusters: failovers, planned and not, and slot moves."""

from __future__ import annotations

import contextlib
import random
import time

import redis

from rediq_core.connection.router import slot_of
from rediq_core.keys import queue_key
from tests.chaos.scene import NAMESPACE, QUEUES, Scene, role_of
from tests.support.servers import Cluster, Server, engine
from tests.support.waiting import wait_until

PATIENCE_S = 30.0
# A slot with part of its keys here and part there stands so long.
HALF_MOVED_S = 0.3


def fail_over(scene: Scene, rng: random.Random) -> str:
    """Kill a master, wait for its heir, and bring the dead one back as a replica."""
    masters = _whole(scene)
    victim = rng.choice(masters)
    began = time.monotonic()
    victim.kill()
    wait_until(lambda: len(scene.masters()) == len(masters), "a replica was elected", PATIENCE_S)
    took = time.monotonic() - began
    _wait_for_slots(scene)
    victim.start()
    if scene.sentinels is not None:  # before the Sentinels do, which can take ten seconds
        (heir,) = [node for node in scene.masters() if node is not victim]
        with contextlib.closing(victim.client()) as client, contextlib.suppress(redis.RedisError):
            client.execute_command("REPLICAOF", "127.0.0.1", heir.port)
    _whole(scene)
    return f"heir after {took:.1f} s"


def switch_over(scene: Scene, rng: random.Random) -> str:
    """Change the master as an operator does for maintenance."""
    masters = _whole(scene)
    if scene.sentinels is not None:
        wait_until(lambda: _asked_sentinels(scene), "the Sentinels agreed", PATIENCE_S)
    else:
        replica = rng.choice([node for node in scene.nodes() if role_of(node) == "slave"])
        with contextlib.closing(replica.client()) as client:
            client.execute_command("CLUSTER", "FAILOVER")
    before = {node.port for node in masters}
    wait_until(
        lambda: {node.port for node in scene.masters()} != before, "the master changed", PATIENCE_S
    )
    _whole(scene)
    return ""


def _asked_sentinels(scene: Scene) -> bool:
    """Ask for a failover; not while another one is being completed."""
    assert scene.sentinels is not None, "a Sentinel group"
    with contextlib.closing(scene.sentinels.sentinels[0].client()) as client:
        try:
            client.execute_command("SENTINEL", "FAILOVER", "mymaster", *_coordinated())
        except redis.ResponseError:
            return False
    return True


def _coordinated() -> list[str]:
    """Ask for a failover in which the old master hands over; without it what it took is lost."""
    return ["COORDINATED"] if engine().version >= (9, 0) else []


def _whole(scene: Scene) -> list[Server]:
    """Wait until every master has its replicas online and return the masters."""
    wanted = (1, 2) if scene.sentinels is not None else (3, 1)

    def masters() -> list[Server]:
        found = scene.masters()
        return found if len(found) == wanted[0] and all(map(is_followed, found)) else []

    def is_followed(node: Server) -> bool:
        with contextlib.closing(node.client()) as client:
            try:
                info = client.info("replication")
            except redis.RedisError:
                return False
        return all(info.get(f"slave{i}", {}).get("state") == "online" for i in range(wanted[1]))

    whole = wait_until(masters, "every master has its replicas", 2 * PATIENCE_S)
    _wait_for_slots(scene)
    return whole


def _wait_for_slots(scene: Scene) -> None:
    if scene.cluster is not None:
        wait_until(
            lambda: all(len(slots_of(node)) >= 3 for node in scene.nodes()),
            "every node knows the owners of all slots",
            PATIENCE_S,
        )


def slots_of(node: Server) -> list[list[object]]:
    """CLUSTER SLOTS as a node sees it, or nothing while the Cluster is not ok."""
    with contextlib.closing(node.client(decode_responses=True)) as client:
        try:
            info: dict[str, str] = client.execute_command("CLUSTER INFO")
            if info["cluster_state"] != "ok" or info["cluster_slots_assigned"] != "16384":
                return []
            rows: list[list[object]] = client.execute_command("CLUSTER", "SLOTS")
        except redis.RedisError:
            return []
    return rows


def _owner(cluster: Cluster, slot: int) -> Server:
    rows = slots_of(next(node for node in cluster.nodes if node.is_running))
    for first, last, home, *_ in rows:
        if int(str(first)) <= slot <= int(str(last)):
            assert isinstance(home, list)
            return next(node for node in cluster.nodes if node.port == int(home[1]))
    raise AssertionError(f"slot {slot} has no owner")


def move_slot(scene: Scene, rng: random.Random) -> str:
    """Move a queue's slot to another master; half of its keys are moved first, and it stands so."""
    assert scene.cluster is not None, "only a Cluster has slots"
    masters = _whole(scene)
    queue = rng.choice(QUEUES)
    slot = slot_of(queue_key(NAMESPACE, queue, "tasks"))
    source = _owner(scene.cluster, slot)
    target = rng.choice([node for node in masters if node.port != source.port])
    clients = {node.port: node.client() for node in masters}
    ids = {port: client.execute_command("CLUSTER", "MYID") for port, client in clients.items()}
    giving, taking = clients[source.port], clients[target.port]
    taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
    giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
    moved, half = 0, max(int(giving.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot)) // 2, 1)
    while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
        giving.execute_command("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
        moved += 1
        if moved == half:
            time.sleep(HALF_MOVED_S)
    for client in (taking, giving, *clients.values()):
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])
    for client in clients.values():
        client.close()
    return f"queue {queue}, {moved} keys"
