"""Who takes part, and how each peer is started.

A peer's own settings live in its adapter; here is only what the harness must know about it: which
interpreter runs the adapter, whether its command line makes processes itself, which concurrency
suits it best, and about how fast it is (to choose a task count, never to compute a result).
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".envs"

Language = Literal["python", "node", "ruby", "rediq"]


@dataclass(frozen=True)
class Rates:
    """Rough tasks/s on a small machine; a case's task count is rate x seconds."""

    one: int
    drain: int
    parallel: int = 0  # 0: the peer has no asynchronous client
    bulk: int = 0  # 0: the peer has no bulk enqueue


@dataclass(frozen=True)
class Peer:
    """One participant.

    Attributes:
        name: what `--peers` takes.
        label: what the report prints.
        adapter: file stem in adapters/, node/ or ruby/.
        environment: folder under .envs/ whose interpreter runs the adapter (Python peers).
        rates: for choosing task counts.
        makes_processes: its command line starts several task processes; else the harness starts
            that many workers.
        concurrency: best setting for drains, tasks or threads in one process.
        variant: handed to the adapter as BENCH_VARIANT.
        is_python: counts for "the best Python peer".
        queues: how many queues its idle worker serves.
    """

    name: str
    label: str
    language: Language
    adapter: str
    rates: Rates
    environment: str = ""
    makes_processes: bool = False
    concurrency: int = 100
    variant: str = ""
    queues: int = 1
    versions: tuple[str, ...] = field(default=())

    @property
    def is_python(self) -> bool:
        """Whether the peer is another Python queue."""
        return self.language == "python"

    def command(self) -> list[str]:
        """The argv prefix that runs the adapter."""
        if self.language == "node":
            return ["node", str(HERE / "node" / f"{self.adapter}.mjs")]
        if self.language == "ruby":
            return ["ruby", str(HERE / "ruby" / f"{self.adapter}.rb")]
        return [str(self.python), str(HERE / "adapters" / f"{self.adapter}.py")]

    @property
    def python(self) -> Path:
        """The interpreter of a Python adapter; Rediq's is the one that runs the harness."""
        if self.language == "rediq":
            return Path(sys.executable)
        return ENVIRONMENTS / self.environment / "bin" / "python"

    def why_unavailable(self) -> str | None:
        """None if the peer can run here, else the reason and the next step."""
        if self.language == "node":
            return _why_no_node()
        if self.language == "ruby":
            return _why_no_sidekiq()
        if not self.python.exists():
            return "no environment; run: python -m benchmarks.peers setup"
        check = subprocess.run(
            [str(self.python), "-c", f"import {', '.join(self.imports())}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": str(HERE / "adapters")},
        )
        if check.returncode == 0:
            return None
        last = check.stderr.strip().splitlines()[-1:] or ["import failed"]
        return f"its adapter does not import: {last[0]}"

    def imports(self) -> list[str]:
        """What must import for the peer to run."""
        return [self.adapter]


PEERS: tuple[Peer, ...] = (
    Peer(
        "rediq",
        "Rediq",
        "rediq",
        "peer_rediq",
        Rates(one=5000, drain=30000, parallel=40000, bulk=60000),
        makes_processes=True,
        queues=6,
        versions=("rediq", "redis", "hiredis", "uvloop"),
    ),
    Peer(
        "rediq-10",
        "Rediq, concurrency 10",
        "rediq",
        "peer_rediq",
        Rates(one=5000, drain=16000, parallel=40000, bulk=60000),
        makes_processes=True,
        concurrency=10,
        versions=("rediq",),
    ),
    Peer(
        "bullmq",
        "BullMQ (node)",
        "node",
        "bullmq",
        Rates(one=4000, drain=13000, parallel=30000, bulk=24000),
    ),
    Peer(
        "sidekiq",
        "Sidekiq (Ruby)",
        "ruby",
        "sidekiq_peer",
        Rates(one=5000, drain=9000, bulk=100000),
        concurrency=10,
    ),
    Peer(
        "huey",
        "huey",
        "python",
        "peer_huey",
        Rates(one=5000, drain=5000),
        environment="huey",
        concurrency=4,
        versions=("huey", "redis", "hiredis"),
    ),
    Peer(
        "dramatiq",
        "dramatiq",
        "python",
        "peer_dramatiq",
        Rates(one=3600, drain=5000),
        environment="dramatiq",
        makes_processes=True,
        concurrency=64,
        versions=("dramatiq", "redis", "hiredis"),
    ),
    Peer(
        "saq",
        "SAQ",
        "python",
        "peer_saq",
        Rates(one=3600, drain=2500, parallel=8000),
        environment="saq",
        makes_processes=True,
        versions=("saq", "redis", "hiredis", "uvloop"),
    ),
    Peer(
        "taskiq",
        "taskiq, stream",
        "python",
        "peer_taskiq",
        Rates(one=2400, drain=2400, parallel=3000),
        environment="taskiq",
        makes_processes=True,
        versions=("taskiq", "taskiq-redis", "redis", "hiredis", "uvloop"),
    ),
    Peer(
        "taskiq-list",
        "taskiq, list",
        "python",
        "peer_taskiq",
        Rates(one=2500, drain=2000, parallel=3200),
        environment="taskiq",
        makes_processes=True,
        variant="list",
        versions=("taskiq", "taskiq-redis"),
    ),
    Peer(
        "arq",
        "arq",
        "python",
        "peer_arq",
        Rates(one=2000, drain=1800, parallel=4800),
        environment="arq",
        versions=("arq", "redis", "hiredis", "uvloop"),
    ),
    Peer(
        "celery",
        "Celery, threads",
        "python",
        "peer_celery",
        Rates(one=1600, drain=850),
        environment="celery",
        concurrency=10,
        variant="threads",
        versions=("celery", "kombu", "redis", "hiredis"),
    ),
    Peer(
        "rq",
        "RQ, SimpleWorker",
        "python",
        "peer_rq",
        Rates(one=1800, drain=150, bulk=10000),
        environment="rq",
        concurrency=1,
        versions=("rq", "redis", "hiredis"),
    ),
)

BY_NAME = {peer.name: peer for peer in PEERS}


def _why_no_node() -> str | None:
    """Check node and BullMQ's modules."""
    if shutil.which("node") is None:
        return "node is not installed (20 or newer)"
    if not (HERE / "node" / "node_modules" / "bullmq").is_dir():
        return "BullMQ is not installed; run: python -m benchmarks.peers setup"
    return None


def _why_no_sidekiq() -> str | None:
    """Check Ruby and its Sidekiq library."""
    if shutil.which("ruby") is None or shutil.which("sidekiq") is None:
        return "Sidekiq is not installed; on Debian: apt-get install ruby-sidekiq"
    return None
