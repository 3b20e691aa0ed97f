"""Which server a key lives on: three directories of one shape, all without I/O.

A directory answers from what it has learned, says whom to ask when it does not know, and is fed
the replies; aio.py and sync.py carry the questions. So standalone, Sentinel and Cluster differ
here and nowhere else. redis-py's RedisCluster is not used: it re-sends what may have run, and
splits ASKING from its command when several connections are idle (8.1.0, measured).

A failed call refreshes before it tries again; meanwhile other calls go by the old answer, so one
lost shard does not stall the rest. A directory is shared between threads without a lock: every
change replaces one attribute or one list entry, and a stale answer costs one redirect.
"""

from __future__ import annotations

import random
from binascii import crc_hqx
from collections.abc import Sequence
from typing import Protocol, assert_never

from rediq_core.connection.failures import Redirect, ReplyError
from rediq_core.connection.raw import Reply
from rediq_core.connection.topology import Address, Mode, Topology
from rediq_core.connection.translate import Fate, fate_of
from rediq_core.errors import ConfigError

SLOTS = 16_384
_UNKNOWN_HOSTS = ("", "?")
# Flags of a master that a Sentinel advises against.
_SICK = frozenset({"s_down", "o_down", "disconnected"})


class Directory(Protocol):
    """Say where a key is, and how to find out.

    Attributes:
        generation: Grows with each refresh; tells a caller whether somebody else did it since.
        question: The command that a refresh sends.
    """

    generation: int
    question: tuple[str, ...]

    def find(self, key: str | None) -> Address | None:
        """Return the server of `key` (of any, for None), or None if a refresh is needed."""
        ...

    def masters(self) -> Sequence[Address]:
        """Return every server that takes writes; empty if a refresh is needed."""
        ...

    def whom_to_ask(self) -> Sequence[Address]:
        """Return the servers to put `question` to, in this order; empty if there is nothing."""
        ...

    def learn(self, reply: Reply, asked: Address) -> None:
        """Take the reply of `asked`.

        Raises:
            ReplyError: It does not help; ask somebody else, or later.
        """
        ...

    def moved(self, slot: int, target: Address) -> None:
        """Take a MOVED redirect."""
        ...


def directory_for(topology: Topology) -> Directory:
    """Return a new directory: the one place where the three modes part."""
    match topology.mode:
        case Mode.STANDALONE:
            return FixedDirectory(topology)
        case Mode.SENTINEL:
            return SentinelDirectory(topology)
        case Mode.CLUSTER:
            return ClusterDirectory(topology)
        case _:
            assert_never(topology.mode)


class FixedDirectory:
    """One server has everything."""

    question: tuple[str, ...] = ()

    def __init__(self, topology: Topology) -> None:
        self.generation = 0
        self._node = topology.nodes[0]

    def find(self, key: str | None) -> Address | None:  # noqa: ARG002 - the Protocol's shape
        """Return the one server."""
        return self._node

    def masters(self) -> Sequence[Address]:
        """Return the one server."""
        return (self._node,)

    def whom_to_ask(self) -> Sequence[Address]:
        """Return nobody: nothing can change."""
        return ()

    def learn(self, reply: Reply, asked: Address) -> None:
        """Learn nothing: there is nobody to ask."""

    def moved(self, slot: int, target: Address) -> None:  # noqa: ARG002 - the Protocol's shape
        """Refuse: only a Cluster redirects.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"the Redis at {self._node} is part of a Cluster.",
            cause="It redirects keys to other nodes, and the URL names a single server.",
            next_step=f"Write redis+cluster://{self._node} in the URL.",
        )


class SentinelDirectory:
    """Ask the Sentinels which server is the master, and again after each failure.

    SENTINEL MASTERS and not GET-MASTER-ADDR-BY-NAME: it says too whether the Sentinel has found
    the master down. A stopped master still accepts connections, so without that each try before
    the failover would cost a whole reply timeout.
    """

    def __init__(self, topology: Topology) -> None:
        self.generation = 0
        self.question: tuple[str, ...] = ("SENTINEL", "MASTERS")
        self._topology = topology
        self._sentinels = list(topology.nodes)
        self._master: Address | None = None
        self._refusals: set[Address] = set()

    def find(self, key: str | None) -> Address | None:  # noqa: ARG002 - the Protocol's shape
        """Return the master, or None when it must be asked for."""
        return self._master

    def masters(self) -> Sequence[Address]:
        """Return the master, or nothing when it must be asked for."""
        return (self._master,) if self._master else ()

    def whom_to_ask(self) -> Sequence[Address]:
        """Return the Sentinels, the one that answered last first."""
        return tuple(self._sentinels)

    def learn(self, reply: Reply, asked: Address) -> None:
        """Take host and port of the master, if the Sentinel finds it healthy.

        Raises:
            ReplyError: It is down, or this Sentinel does not watch it.
            ConfigError: No Sentinel knows a master of this name.
        """
        masters = [_fields(row) for row in reply]
        ours = [row for row in masters if row.get("name") == self._topology.service]
        if not ours:
            self._refusals.add(asked)
            if self._refusals.issuperset(self._sentinels):
                raise ConfigError(
                    f"no Sentinel watches a master named {self._topology.service!r}.",
                    next_step="Compare the name in the URL with: redis-cli sentinel masters",
                )
            raise _unhelpful("NOMASTER")
        self._refusals.clear()
        (master,) = ours
        if not _SICK.isdisjoint(master.get("flags", "").split(",")):
            raise _unhelpful("NOMASTER")
        self._master = self._topology.reach(Address(master["ip"], int(master["port"])))
        self._sentinels = [asked, *(other for other in self._sentinels if other != asked)]
        self.generation += 1

    def moved(self, slot: int, target: Address) -> None:  # noqa: ARG002 - the Protocol's shape
        """Refuse: a Sentinel's master does not redirect.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"the master {self._topology.service!r} is part of a Cluster.",
            next_step="Write redis+cluster:// with the nodes' own addresses in the URL.",
        )


class ClusterDirectory:
    """Keep the map of 16,384 slots."""

    question: tuple[str, ...] = ("CLUSTER", "SLOTS")

    def __init__(self, topology: Topology) -> None:
        self.generation = 0
        self._topology = topology
        self._slots: list[Address | None] = [None] * SLOTS
        self._masters: tuple[Address, ...] = ()
        self._known: tuple[Address, ...] = topology.nodes

    def find(self, key: str | None) -> Address | None:
        """Return the owner of the key's slot, any master for None, or None to refresh."""
        if key is None:
            return random.choice(self._masters) if self._masters else None
        return self._slots[slot_of(key)]

    def masters(self) -> Sequence[Address]:
        """Return the masters that own slots."""
        return self._masters

    def whom_to_ask(self) -> Sequence[Address]:
        """Return all known nodes in random order, so that one dead node delays few callers."""
        nodes = list(dict.fromkeys((*self._known, *self._topology.nodes)))
        random.shuffle(nodes)
        return nodes

    def learn(self, reply: Reply, asked: Address) -> None:
        """Take the rows of CLUSTER SLOTS: first, last, master, replicas.

        Raises:
            ReplyError: No slot is served.
        """
        slots: list[Address | None] = [None] * SLOTS
        masters: dict[Address, None] = {}
        known: dict[Address, None] = {}
        for first, last, master, *replicas in reply:
            owner = self._announced(master, asked)
            masters[owner] = None
            known[owner] = None
            known.update((self._announced(replica, asked), None) for replica in replicas)
            slots[first : last + 1] = [owner] * (last + 1 - first)
        if not masters:
            raise _unhelpful("CLUSTERDOWN")
        self._slots, self._masters, self._known = slots, tuple(masters), tuple(known)
        self.generation += 1

    def moved(self, slot: int, target: Address) -> None:
        """Patch one slot; a whole refresh would stall every caller during a reshard."""
        owner = self._topology.reach(target)
        self._slots[slot] = owner
        if owner not in self._masters:
            self._masters = (*self._masters, owner)
            self._known = (*self._known, owner)

    def _announced(self, row: Reply, asked: Address) -> Address:
        host = _text(row[0])
        return self._topology.reach(
            Address(asked.host if host in _UNKNOWN_HOSTS else host, int(row[1]))
        )


class Detour:
    """What one call has learned from its own failures; not shared.

    Attributes:
        ask_at: The node to try next with ASKING, or None.
        is_stale: True if the directory should be refreshed before the next try.
        generation: The directory's when the last try began.
    """

    __slots__ = ("ask_at", "generation", "is_stale")

    def __init__(self, generation: int) -> None:
        self.ask_at: Address | None = None
        self.is_stale = False
        self.generation = generation

    def note(self, error: BaseException, directory: Directory, topology: Topology) -> None:
        """Take one failure: patch the directory, or have it refreshed.

        Raises:
            ConfigError: A redirect from a server that was not said to be in a Cluster.
        """
        self.ask_at = None
        match fate_of(error):
            case Fate.MOVED if isinstance(error, Redirect):
                directory.moved(error.slot, Address(error.host, error.port))
            case Fate.ASKING if isinstance(error, Redirect):
                self.ask_at = topology.reach(Address(error.host, error.port))
            case _:
                self.is_stale = True


def slot_of(key: str) -> int:
    """Return the Cluster slot of a key, 0 to 16,383."""
    tag = key.partition("{")[2].partition("}")
    hashed = tag[0] if tag[0] and tag[1] else key
    return crc_hqx(hashed.encode(), 0) % SLOTS


def _fields(row: Reply) -> dict[str, str]:
    """Return a flat list of names and values as a dictionary."""
    texts = [_text(part) for part in row]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _unhelpful(code: str) -> ReplyError:
    return ReplyError(code)


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "replace")
