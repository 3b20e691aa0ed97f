"""Run the cases interleaved: within a case A B C … A B C …, so that all peers share the weather.

Results are written after every measurement, so an interrupted run keeps what it has. A peer that
cannot take part, or fails, is a row of the results like any other. No statistics here.
"""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.peers.cases import CASES, ONCE, Limits
from benchmarks.peers.roster import HERE, Peer
from benchmarks.peers.server import BenchServer
from benchmarks.peers.workers import CaseError

Row = dict[str, Any]


def run(
    peers: Sequence[Peer],
    cases: Sequence[str],
    *,
    rounds: int,
    kill_rounds: int,
    limits: Limits,
    out: Path,
    server_binary: str | None = None,
) -> dict[str, Any]:
    """Measure every case for every peer and keep the rows in `out` as JSON.

    Args:
        peers: Who takes part, in this order inside each round.
        cases: Keys of `CASES`.
        rounds: Rounds of each case; 3 or more for numbers worth keeping.
        kill_rounds: Rounds of the two kill cases, which wait long and have an outcome.
        limits: Sizes and bounds.
        out: The JSON file; its folder is made.
        server_binary: The server to use; None picks one.

    Returns:
        What was written: `machine`, `peers`, `settings`, `rows`.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    unavailable = {peer.name: peer.why_unavailable() for peer in peers}
    for name, reason in unavailable.items():
        if reason:
            print(f"{name}: {reason}", file=sys.stderr)
    with BenchServer(server_binary) as server:
        results: dict[str, Any] = {
            "machine": describe_machine(server.version()),
            "peers": {peer.name: describe(peer, unavailable[peer.name]) for peer in peers},
            "settings": {"rounds": rounds, "kill_rounds": kill_rounds, **asdict(limits)},
            "rows": [],
        }
        for case in cases:
            for turn in range(kill_rounds if case in ONCE else rounds):
                for peer in peers:
                    if unavailable[peer.name]:
                        continue
                    row = measure(peer, case, turn, server, limits)
                    results["rows"].append(row)
                    out.write_text(json.dumps(results, indent=1))
                    print(_progress(row), file=sys.stderr, flush=True)
    out.write_text(json.dumps(results, indent=1))
    return results


def measure(peer: Peer, case: str, turn: int, server: BenchServer, limits: Limits) -> Row:
    """Run one case once; a failure is kept as text and the run goes on."""
    row: Row = {"case": case, "peer": peer.name, "round": turn}
    started = time.monotonic()
    try:
        numbers = CASES[case](peer, server, limits)
    except CaseError as error:
        row |= {"status": "failed", "error": str(error)}
    except Exception as error:
        # The broad catch of this harness: one peer's surprise must not end an hour's run.
        row |= {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    else:
        row["status"] = "not offered" if numbers is None else "ok"
        row["numbers"] = numbers or {}
    row["took_s"] = round(time.monotonic() - started, 2)
    return row


def describe(peer: Peer, unavailable: str | None) -> dict[str, Any]:
    """What the report says about a peer: its label, language, versions and why it is absent."""
    return {
        "label": peer.label,
        "is_python": peer.is_python,
        "concurrency": peer.concurrency,
        "unavailable": unavailable,
        "versions": {} if unavailable else versions(peer),
    }


def versions(peer: Peer) -> dict[str, str]:
    """Versions of what runs, asked of the environment that runs it."""
    if peer.language == "node":
        package = HERE / "node" / "node_modules" / peer.adapter / "package.json"
        node = _output(["node", "--version"]).removeprefix("v")
        return {peer.adapter: str(json.loads(package.read_text())["version"]), "node": node}
    if peer.language == "ruby":
        return {
            "sidekiq": _output(["sidekiq", "--version"]).rpartition(" ")[2],
            "ruby": _output(["ruby", "-e", "print RUBY_VERSION"]),
        }
    script = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    found: dict[str, str] = json.loads(_output([str(peer.python), "-c", script, *peer.versions]))
    return {**found, "python": platform.python_version()}


def describe_machine(server_version: str) -> dict[str, Any]:
    """What a reader needs to judge absolute figures; no host name."""
    return {
        "cpu": _cpu_model(),
        "cores": len(_cpus()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "server": server_version,
        "commit": _output(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]),
        "load_average": Path("/proc/loadavg").read_text().split()[:3],
        "started": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _cpus() -> list[str]:
    """One `model name` line per processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]


def _cpu_model() -> str:
    """The processor's name, or its architecture where the kernel gives none."""
    return next(iter(_cpus()), platform.machine())


def _output(command: list[str]) -> str:
    """What a command prints, or "" if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _progress(row: Row) -> str:
    """One line for a person watching."""
    head = f"{row['case']:<10} {row['round'] + 1}  {row['peer']:<12} {row['took_s']:6.1f} s  "
    if row["status"] != "ok":
        return f"{head}{row['status']}" + (f": {row['error']}" if "error" in row else "")
    shown = (f"{name} {_short(value)}" for name, value in row["numbers"].items())
    return head + "  ".join(shown)


def _short(value: float | str) -> str:
    """A number with about four digits."""
    if isinstance(value, str):
        return repr(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
