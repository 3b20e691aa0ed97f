"""The nemesis: a seeded list of faults, done one after another and written down.

Each fault is one function that does its worst, heals it, and returns. Its generator is its own, so
the same seed asks for the same faults whatever the tasks do. What it wrote down is the only thing
that can explain why a task ran twice.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from tests.chaos import groups
from tests.chaos.scene import LEASE_S, ChaosWorker, Scene, send_signal
from tests.support.waiting import wait_until

PATIENCE_S = 30.0


@dataclass
class Fault:
    """What was done.

    Attributes:
        kind: Name of the fault.
        from_ms: When it began, by the clock of this machine.
        to_ms: When it was over.
        ends: Pids of processes that were killed.
        drains: Pids that end by themselves: what runs longer than the grace is handed back.
        freezes: Pids that could not renew leases for the whole time.
        note: For the reader of a report.
    """

    kind: str
    from_ms: int
    to_ms: int = 0
    ends: list[int] = field(default_factory=list)
    drains: list[int] = field(default_factory=list)
    freezes: list[int] = field(default_factory=list)
    note: str = ""


class Nemesis:
    """Does faults on a scene until it is told to stop."""

    def __init__(self, scene: Scene, seed: str, kinds: list[str] | None = None) -> None:
        self.scene = scene
        self.faults: list[Fault] = []
        self._rng = random.Random(f"{seed}/nemesis")
        available = _FAULTS[scene.topology]
        self._kinds = [kind for kind in kinds or available if kind in available]
        self._stop = threading.Event()

    def run(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Do faults for so long; every fault is healed when this returns."""
        until = time.monotonic() + seconds
        bag: list[str] = []
        while time.monotonic() < until:
            if not bag:  # every kind once before any comes again
                bag = self._rng.sample(self._kinds, len(self._kinds))
            fault = Fault(bag.pop(), now_ms())
            self.faults.append(fault)
            _DEEDS[fault.kind](self, fault)
            fault.to_ms = now_ms()
            tell(f"{fault.kind} {(fault.to_ms - fault.from_ms) / 1000:.1f} s {fault.note}")
            self.sleep(self._rng.uniform(0.1, 0.6))

    def sleep(self, seconds: float) -> None:
        """Wait; the length of a fault."""
        self._stop.wait(seconds)

    def worker(self, fault: Fault) -> ChaosWorker:
        """One of the workers, with children; the fault begins when it has them."""
        worker = self._rng.choice(self.scene.workers)
        wait_until(lambda: len(worker.children()) == 2, "a worker has children", PATIENCE_S)
        fault.from_ms = now_ms()
        return worker

    def length(self) -> float:
        """Of a pause, in seconds: shorter or longer than a lease."""
        return self._rng.choice((0.3, 0.3, 1.5)) * LEASE_S + self._rng.uniform(0, 0.5)

    # Processes

    def kill_child(self, fault: Fault) -> None:
        fault.ends = [self._rng.choice(self.worker(fault).children())]
        send_signal(fault.ends, signal.SIGKILL)

    def kill_supervisor(self, fault: Fault) -> None:
        """Its children have nobody to renew their leases: they finish what they run, and end."""
        worker = self.worker(fault)
        fault.drains = worker.children()
        worker.process.kill()
        worker.respawn()

    def kill_worker(self, fault: Fault) -> None:
        worker = self.worker(fault)
        fault.ends = worker.children()
        send_signal([worker.pid, *fault.ends], signal.SIGKILL)
        worker.respawn()

    def stop_child(self, fault: Fault) -> None:
        """Its parent renews, so this is no reason to run anything twice."""
        self._freeze(fault, [self._rng.choice(self.worker(fault).children())])
        fault.freezes = []

    def stop_worker(self, fault: Fault) -> None:
        worker = self.worker(fault)
        self._freeze(fault, [worker.pid, *worker.children()])

    def stop_supervisor(self, fault: Fault) -> None:
        worker = self.worker(fault)
        children = worker.children()
        self._freeze(fault, [worker.pid])
        fault.freezes = children

    def _freeze(self, fault: Fault, pids: list[int]) -> None:
        length = self.length()
        send_signal(pids, signal.SIGSTOP)
        self.sleep(length)
        send_signal(pids, signal.SIGCONT)
        fault.freezes = pids

    def term_worker(self, fault: Fault) -> None:
        worker = self.worker(fault)
        fault.drains = worker.children()
        send_signal([worker.pid], signal.SIGTERM)
        code = worker.process.wait(PATIENCE_S)
        fault.note = f"exit {code}"
        worker.respawn()

    # Servers

    def restart_server(self, fault: Fault) -> None:
        assert self.scene.server is not None, "standalone"
        self.scene.server.kill()
        self.sleep(self._rng.choice((0.0, 0.5, 2.0)) * LEASE_S)
        self.scene.server.start()

    def pause_server(self, fault: Fault) -> None:
        """Shorter than a group's patience there, so that nobody is elected."""
        node = self._rng.choice(self.scene.masters())
        length = self.length() if self.scene.server else 0.3
        node.pause()
        self.sleep(length)
        node.resume()

    def flush_scripts(self, fault: Fault) -> None:
        for node in self.scene.masters():
            with contextlib.closing(node.client()) as client, contextlib.suppress(redis.RedisError):
                client.script_flush()

    def kill_clients(self, fault: Fault) -> None:
        for node in self.scene.masters():
            with contextlib.closing(node.client()) as client, contextlib.suppress(redis.RedisError):
                client.client_kill_filter(_type="normal", skipme=True)

    # Network, through the proxies

    def _proxy(self, fault: Fault) -> int:
        number = self._rng.randrange(len(self.scene.proxies))
        fault.note = f"at proxy {number}"
        return number

    def drop_replies(self, fault: Fault) -> None:
        proxy = self.scene.proxies[self._proxy(fault)]
        proxy.drop_replies(self._rng.randint(1, 6), matching=b"EVALSHA")
        self.sleep(0.4)

    def delay(self, fault: Fault) -> None:
        proxy = self.scene.proxies[self._proxy(fault)]
        proxy.delay(self._rng.uniform(0.05, 0.4))
        self.sleep(1.0)
        proxy.heal()

    def reset(self, fault: Fault) -> None:
        self.scene.proxies[self._proxy(fault)].reset_all()

    def black_hole(self, fault: Fault) -> None:
        self._cut(fault, "black_hole")

    def refuse(self, fault: Fault) -> None:
        self._cut(fault, "refuse")

    def _cut(self, fault: Fault, how: str) -> None:
        number = self._proxy(fault)
        proxy, length = self.scene.proxies[number], self.length()
        if number < len(self.scene.workers):
            fault.freezes = self.scene.workers[number].children()
        getattr(proxy, how)()
        self.sleep(length)
        proxy.heal()

    # Groups

    def fail_over(self, fault: Fault) -> None:
        fault.note = groups.fail_over(self.scene, self._rng)

    def switch_over(self, fault: Fault) -> None:
        fault.note = groups.switch_over(self.scene, self._rng)

    def move_slot(self, fault: Fault) -> None:
        fault.note = groups.move_slot(self.scene, self._rng)


def now_ms() -> int:
    """The clock that the ledger and the servers have too: all run on this machine."""
    return time.time_ns() // 1_000_000


_DEEDS = {
    name: deed
    for name, deed in vars(Nemesis).items()
    if callable(deed) and name[0] != "_" and name not in ("run", "sleep", "worker", "length")
}
_PROCESSES = [
    *("kill_child", "kill_supervisor", "kill_worker", "stop_child", "stop_worker"),
    *("stop_supervisor", "term_worker"),
]
_SERVERS = ["pause_server", "flush_scripts", "kill_clients"]
_NETWORK = ["drop_replies", "delay", "reset", "black_hole", "refuse"]
_FAULTS = {
    "standalone": [*_PROCESSES, *_SERVERS, *_NETWORK, "restart_server"],
    "sentinel": [*_PROCESSES, *_SERVERS, "fail_over", "switch_over"],
    "cluster": [*_PROCESSES, *_SERVERS, "fail_over", "switch_over", "move_slot"],
}
TOPOLOGIES = tuple(_FAULTS)
