"""What happens to tasks whose worker is killed: again after how long, or never.

The handlers hold their tasks while a gate file exists. The gate goes away just before the kill, so
a task that runs again returns at once. Settings are each peer's defaults: what a user gets.
"""

import contextlib
import os
import signal
import time
from collections import Counter

from benchmarks.peers.roster import Peer
from benchmarks.peers.server import BenchServer
from benchmarks.peers.workers import Bench, CaseError

HELD_TASKS = 6
_CONCURRENCY = 10  # more slots than tasks, so that survivors have room for what returns
_POLL_S = 0.02

Outcome = dict[str, float | str]


def kill_worker(peer: Peer, server: BenchServer, timeout_s: float, wait_s: float) -> Outcome:
    """Kill a worker with all its processes at once, as a lost machine would, and start a new one.

    A peer that runs one task at a time holds one task; the others wait in its queue.
    """
    with Bench(peer, server, mode="hold", concurrency=_CONCURRENCY) as bench:
        held = _hold_tasks(bench, 1, timeout_s)
        (bench.folder / "hold-gate").unlink()
        killed_ns = time.monotonic_ns()
        bench.kill_workers()
        bench.start_workers(1)
        return _wait_again(bench, set(held), killed_ns, wait_s)


def kill_task_process(
    peer: Peer, server: BenchServer, timeout_s: float, wait_s: float
) -> Outcome | None:
    """Kill the one of two task processes that holds most; its supervisor and sibling live on."""
    if not peer.makes_processes:
        return None
    with Bench(peer, server, mode="hold", concurrency=_CONCURRENCY) as bench:
        held = _hold_tasks(bench, 2, timeout_s)
        victim = Counter(held.values()).most_common(1)[0][0]
        (bench.folder / "hold-gate").unlink()
        killed_ns = time.monotonic_ns()
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        lost = {task for task, pid in held.items() if pid == victim}
        return _wait_again(bench, lost, killed_ns, wait_s)


def _starts(bench: Bench) -> list[tuple[str, int, int]]:
    """Every handler start so far: task, process, instant in ns."""
    rows = (line.split() for line in bench.lines("held"))
    return [(task, int(pid), int(instant)) for task, pid, instant in rows]


def _hold_tasks(bench: Bench, process_count: int, timeout_s: float) -> dict[str, int]:
    """Start workers that hold tasks; returns which process holds which task."""
    (bench.folder / "hold-gate").touch()
    bench.start_workers(process_count)
    bench.produce("held", HELD_TASKS, timeout_s=timeout_s)
    deadline = time.monotonic() + timeout_s
    changed_at, seen = time.monotonic(), 0
    while seen < HELD_TASKS:
        bench.check_alive()
        rows = len(_starts(bench))
        if rows != seen:
            changed_at, seen = time.monotonic(), rows
        if seen and time.monotonic() - changed_at > 2.0:
            break  # a worker that runs one task at a time holds one
        if time.monotonic() > deadline:
            raise CaseError(f"no task started within {timeout_s:.0f} s; {bench.output_tail()}")
        time.sleep(_POLL_S)
    return {task: pid for task, pid, _ in _starts(bench)}


def _wait_again(bench: Bench, held: set[str], killed_ns: int, wait_s: float) -> Outcome:
    """Wait until every held task has run again, or give up and look for them in the data."""
    again_ns: dict[str, int] = {}
    while time.monotonic_ns() - killed_ns < wait_s * 1e9 and len(again_ns) < len(held):
        time.sleep(_POLL_S)
        for task, _, instant in _starts(bench):
            if task in held and instant > killed_ns:
                again_ns.setdefault(task, instant)
    delays_s = sorted((instant - killed_ns) / 1e9 for instant in again_ns.values())
    missing = held - set(again_ns)
    kept = bench.server.mentions(missing) if missing else set()
    numbers: Outcome = {
        "held": len(held),
        "ran_again": len(again_ns),
        "outcome": _outcome(delays_s, len(missing), len(kept), wait_s),
    }
    if delays_s:
        numbers["first_s"] = delays_s[0]
        numbers["last_s"] = delays_s[-1]
    return numbers


def _outcome(delays_s: list[float], missing: int, kept: int, wait_s: float) -> str:
    """Say in words what became of the held tasks."""
    if not missing:
        return f"again after {delays_s[-1]:.1f} s"
    fate = []
    if delays_s:
        fate.append(f"{len(delays_s)} again after {delays_s[-1]:.1f} s")
    if missing - kept:
        fate.append(f"{missing - kept} lost")
    if kept:
        fate.append(f"{kept} not within {wait_s:.0f} s, still in Redis")
    return ", ".join(fate)
