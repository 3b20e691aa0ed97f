"""The scene: servers of one topology, the ledger, proxies, workers and producers.

Servers keep every write on disk before they answer (`appendfsync always`), so a kill may lose
nothing. Standalone clients come through proxies, one a worker and one for the producers. In a
group the clients learn the servers' own addresses, so there the network is cut by the servers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import redis

from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.scripts.executor import SyncExecutor
from tests.chaos.ledger import VARIABLE, Ledger
from tests.support.proxy import Proxy
from tests.support.servers import (
    Cluster,
    SentinelGroup,
    Server,
    cluster_3_3,
    sentinel_group,
    standalone,
)

NAMESPACE = "chaos"
# One queue in each third of the slots, so one on each of three masters.
QUEUES = ("a", "b", "c")
UNIQUE_KEYS = ("k1", "k2", "k3", "k4")
LEASE_S = 2.0
GRACE_S = 3.0
# Between two orders of one producer.
PAUSE_S = 0.12
WORKERS = 2
ROOT = Path(__file__).resolve().parents[2]
# A master that has lost its replicas takes nothing, as the documentation asks for.
GUARD = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]
# A master that is silent for so long is replaced. A stopped one that comes back later has taken
# tasks that are lost with it; so it is only ever killed, or stopped for much less.
PATIENCE_MS = 2_000
FSYNC = ["--appendonly", "yes", "--appendfsync", "always"]
CONFIG = f"""\
[redis]
namespace = "{NAMESPACE}"
[worker]
concurrency = 6
processes = 2
lease = "{LEASE_S:g}s"
shutdown_grace = "{GRACE_S:g}s"
handlers = ["tests.chaos.handlers"]
{{queues}}
[retention]
completed = {{{{ age = "24h", count = 1000000 }}}}
dead = {{{{ age = "24h", count = 1000000 }}}}
cancelled = {{{{ age = "24h", count = 1000000 }}}}
[metrics]
enabled = false
[log]
level = "info"
""".format(queues="\n".join(f"[queues.{queue}]" for queue in QUEUES))


class ChaosWorker:
    """A supervisor with its children, in place `number`; a new one takes a dead one's place."""

    def __init__(self, number: int, url: str, folder: Path, environment: dict[str, str]) -> None:
        self.number, self.url = number, url
        self._folder, self._environment = folder, environment
        self.log_path = folder / f"worker-{number}.log"
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        words = ["worker", "start", "-c", str(self._folder / "rediq.toml"), "--url", self.url]
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "rediq_cli", *words],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the supervisor is there."""
        return self.process.poll() is None

    def children(self) -> list[int]:
        """Pids of its task processes."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            return [int(pid) for pid in path.read_text().split()]
        except OSError:
            return []

    def respawn(self) -> None:
        """Start anew in this place; the old process has ended."""
        self.process.wait()
        self.process = self._spawn()


def send_signal(pids: list[int], number: signal.Signals) -> None:
    """Signal each; those that have ended are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Scene:
    """Everything that runs. See `open_scene`."""

    def __init__(self, topology: str, url: str, ledger_url: str, folder: Path) -> None:
        self.topology, self.url = topology, url
        self.ledger_url, self.folder = ledger_url, folder
        self.server: Server | None = None
        self.sentinels: SentinelGroup | None = None
        self.cluster: Cluster | None = None
        self.proxies: list[Proxy] = []
        self.workers: list[ChaosWorker] = []
        self.producers: list[subprocess.Popen[bytes]] = []
        self.ledger = Ledger(ledger_url)
        # The judge's own way to the servers, past every proxy.
        self.link = SyncLink(parse_url(url))
        self.executor = SyncExecutor(self.link)
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: ledger_url}

    def start(self, seed: str) -> None:
        """Start the workers, wait until they are ready, then start the producers."""
        (self.folder / "rediq.toml").write_text(CONFIG)
        for number in range(WORKERS):
            url = self.proxies[number].url if self.proxies else self.url
            self.workers.append(ChaosWorker(number, url, self.folder, self._environment))
        url = self.proxies[-1].url if self.proxies else self.url
        with (self.folder / "producer.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.chaos.producer", url, seed, f"p{seed}"]
            self.producers.append(
                subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
            )

    def nodes(self) -> list[Server]:
        """The data servers that run."""
        if self.cluster is not None:
            nodes = self.cluster.nodes
        elif self.sentinels is not None:
            nodes = [self.sentinels.master, *self.sentinels.replicas]
        else:
            assert self.server is not None, "one of the three topologies"
            nodes = [self.server]
        return [node for node in nodes if node.is_running]

    def masters(self) -> list[Server]:
        """The data servers that say they are masters now."""
        return [node for node in self.nodes() if role_of(node) == "master"]

    def log_tail(self, size: int = 3000) -> str:
        """The ends of the processes' logs, for a report."""
        paths = [worker.log_path for worker in self.workers] + [self.folder / "producer.log"]
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-size:]}"
            for path in paths
            if path.exists()
        )

    def close(self) -> None:
        """End every process that is left."""
        for worker in self.workers:
            pids = [*worker.children(), worker.pid]
            send_signal(pids, signal.SIGKILL)
            worker.process.wait()
        for producer in self.producers:
            producer.kill()
            producer.wait()
        self.link.close()
        self.ledger.close()


def role_of(node: Server) -> str:
    """What a data server says it is: master, slave, or "" when it does not answer."""
    with contextlib.closing(node.client()) as client:
        try:
            return str(client.info("replication")["role"])
        except redis.RedisError:
            return ""


@contextlib.contextmanager
def open_scene(topology: str, folder: Path, *, is_durable: bool = True) -> Iterator[Scene]:
    """Start the servers of a topology and the ledger; end everything with the block.

    Args:
        topology: standalone, sentinel or cluster.
        folder: For the configuration and logs.
        is_durable: False for a server that keeps nothing over a kill: the judge must notice.
    """
    fsync = FSYNC if is_durable else []
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(standalone())
        if topology == "standalone":
            server = stack.enter_context(standalone(tcp=True, extra_args=fsync))
            scene = Scene(topology, server.unix_url, ledger.url, folder)
            scene.server = server
            for _ in range(WORKERS + 1):
                scene.proxies.append(stack.enter_context(Proxy(server.tcp_url)))
        elif topology == "sentinel":
            group = stack.enter_context(sentinel_group(PATIENCE_MS, [*fsync, *GUARD]))
            scene = Scene(topology, group.url, ledger.url, folder)
            scene.sentinels = group
        else:
            cluster = stack.enter_context(
                cluster_3_3(
                    [
                        *fsync,
                        *("--cluster-node-timeout", str(PATIENCE_MS)),
                        *("--cluster-require-full-coverage", "no"),
                    ]
                )
            )
            scene = Scene(topology, cluster.url, ledger.url, folder)
            scene.cluster = cluster
        stack.callback(scene.close)
        yield scene
