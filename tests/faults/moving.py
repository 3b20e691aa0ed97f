"""Move slots between masters of a Cluster key by key, as `redis-cli --cluster reshard` does.

Every slot is half-moved for a while: some of its keys here, some there. Callers of a script with
keys on both sides are told TRYAGAIN. Run as a process of its own, so that it takes no turns from
the loop that measures: `python -m tests.faults.moving SOURCE TARGET FIRST LAST PORT,PORT,…`
prints the seconds it took.
"""

from __future__ import annotations

import sys
import time

import redis

MIGRATE_TIMEOUT_MS = 120_000


def move_slots(source: int, target: int, slots: range, masters: list[int]) -> float:
    """Move slots with all their keys; returns the seconds it took.

    Args:
        source: Port of the master that has them.
        target: Port of the master that takes them.
        slots: Which.
        masters: Ports of all masters, which are told of each new owner.
    """
    clients = {
        port: redis.Redis(port=port, socket_timeout=MIGRATE_TIMEOUT_MS / 1_000) for port in masters
    }
    ids = {port: client.execute_command("CLUSTER MYID") for port, client in clients.items()}
    giving, taking = clients[source], clients[target]
    others = [client for port, client in clients.items() if port not in (source, target)]
    began = time.monotonic()
    for slot in slots:
        taking.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[source])
        giving.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target])
        while keys := giving.execute_command("CLUSTER GETKEYSINSLOT", slot, 10):
            for key in keys:  # one by one: the most half-moved states
                giving.execute_command("MIGRATE", "127.0.0.1", target, key, 0, MIGRATE_TIMEOUT_MS)
        for client in (taking, giving, *others):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])
    took_s = time.monotonic() - began
    for client in clients.values():
        client.close()
    return took_s


def main(source: str, target: str, first: str, last: str, masters: str) -> None:
    """Move the slots from first to last, both included."""
    slots = range(int(first), int(last) + 1)
    ports = [int(port) for port in masters.split(",")]
    sys.stdout.write(f"{move_slots(int(source), int(target), slots, ports)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
