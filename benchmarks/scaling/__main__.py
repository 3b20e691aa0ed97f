"""Measure what more masters change: `python -m benchmarks.scaling`.

Time on a machine with fewer cores than masters says nothing of masters. So this counts the CPU time
of each server process, as the kernel does, while known numbers of tasks go through: microseconds of
server a task, which do not depend on what else the machine does. Capacity follows from them: a
master has one core for commands.

Example:
    .venv/bin/python -m benchmarks.scaling --out benchmarks/scaling/latest.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scaling.work import Lane, cost_of_a_beat, cost_of_a_move, lanes_on
from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.scripts.executor import AsyncExecutor
from tests.support.servers import Cluster, Server, cluster_of_masters, engine

MASTERS = (1, 3, 6)
# How many tasks one call takes or gives: alone, and as under load.
BATCHES = (1, 100)


def cpu_s(server: Server) -> float:
    """Return the seconds of CPU that a server's main thread, which runs commands, has used."""
    nanoseconds, _, _ = Path(f"/proc/{server.pid}/schedstat").read_text().split()
    return int(nanoseconds) / 1e9


async def drive(lanes: Sequence[Lane], batch: int, tasks: int) -> None:
    """Send so many tasks of each lane through, all lanes at once."""

    async def one(lane: Lane) -> None:
        for _ in range(tasks // batch):
            await lane.turn(batch)
        await lane.finish(batch)

    await asyncio.gather(*(one(lane) for lane in lanes))


async def cost_at(cluster: Cluster, batch: int, tasks: int, queues: int) -> dict[str, Any]:
    """Return the microseconds of server a task, of all masters and of each."""
    link = AsyncLink(parse_url(cluster.url))
    lanes = lanes_on(AsyncExecutor(link), len(cluster.masters), queues)
    await drive(lanes, batch, batch * 5)  # connections, scripts, registered queues
    before = [cpu_s(node) for node in cluster.masters]
    began = time.monotonic()
    await drive(lanes, batch, tasks)
    wall_s = time.monotonic() - began
    used = [cpu_s(node) - at for node, at in zip(cluster.masters, before, strict=True)]
    await link.aclose()
    done = tasks // batch * batch * len(lanes)
    return {
        "masters": len(cluster.masters),
        "batch": batch,
        "queues": len(lanes),
        "tasks": done,
        "us_a_task": round(sum(used) / done * 1e6, 2),
        "busiest_share": round(max(used) / max(sum(used), 1e-9), 3),
        "wall_s": round(wall_s, 2),
    }


def median(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the run in the middle, with the range of all."""
    ordered = sorted(rows, key=lambda row: row["us_a_task"])
    costs = [row["us_a_task"] for row in ordered]
    return {**ordered[len(ordered) // 2], "lowest": costs[0], "highest": costs[-1]}


def main() -> int:
    """Measure all, print tables, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=3_000, help="of each queue, in batches")
    parser.add_argument("--queues", type=int, default=6, help="spread over the masters")
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    runs: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for _ in range(words.rounds):  # interleaved: what the machine does meanwhile meets all alike
        for masters in MASTERS:
            with cluster_of_masters(masters) as cluster:
                for batch in BATCHES:
                    tasks = words.tasks if batch > 1 else words.tasks // 3
                    row = asyncio.run(cost_at(cluster, batch, tasks, words.queues))
                    runs.setdefault((masters, batch), []).append(row)
    costs = [median(rows) for rows in runs.values()]
    with cluster_of_masters(2) as cluster:
        moves = [asyncio.run(cost_of_a_move(cluster, size)) for size in (1_000, 10_000, 100_000)]
        beat = asyncio.run(cost_of_a_beat(cluster.masters[0], cluster.url, cpu_s))
    version = ".".join(map(str, engine().version))
    report = {
        "server": f"{engine().product} {version}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "at": time.strftime("%Y-%m-%d", time.gmtime()),
        "costs": costs,
        "moves": moves,
        "us_a_beat": beat,
    }
    show(report)
    if words.out:
        words.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def show(report: dict[str, Any]) -> None:
    """Print the tables of `docs/scaling.md`."""
    print("| masters | tasks a call | µs of server a task | range | busiest master's share |")
    print("|---|---|---|---|---|")
    for row in report["costs"]:
        low_high = f"{row['lowest']:.1f}–{row['highest']:.1f}"
        share = f"{row['busiest_share']:.0%}"
        cells = (row["masters"], row["batch"], f"{row['us_a_task']:.1f}", low_high, share)
        print(f"| {' | '.join(map(str, cells))} |")
    print("\n| tasks of the queue | seconds | ms per 1,000 tasks | worst call meanwhile |")
    print("|---|---|---|---|")
    for row in report["moves"]:
        cells = (f"{row['tasks']:,}", row["took_s"], row["ms_per_1000"], f"{row['worst_ms']} ms")
        print(f"| {' | '.join(map(str, cells))} |")
    print(f"\na beat of one worker for one queue: {report['us_a_beat']} µs of server")


if __name__ == "__main__":
    sys.exit(main())
