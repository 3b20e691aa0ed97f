"""The cases: each takes one peer and the server, and returns named numbers.

A case that a peer cannot do returns None (no asynchronous client, no bulk enqueue). Every wait is
bounded. What the numbers mean is in README.md.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers import processes
from benchmarks.peers.recovery import kill_task_process, kill_worker
from benchmarks.peers.roster import Peer
from benchmarks.peers.server import BenchServer
from benchmarks.peers.workers import Bench, CaseError

Numbers = dict[str, float | str]

_MOST_TASKS = 120_000
_FEWEST_TASKS = 500
_POLL_S = 0.005
_LEAST_MEASURED_SHARE = 0.3  # of a drain, after all its processes have joined
_CONCURRENCY_IDLE = 10  # of an idle or lightly loaded worker, the same for all


@dataclass(frozen=True)
class Limits:
    """What bounds a run.

    Attributes:
        seconds: how long a throughput case should last at the peer's rough rate.
        tasks: if set, the task count of every throughput case instead.
        timeout_s: most a single wait may last.
        idle_s: how long an idle worker is watched.
        samples: tasks of the latency case.
        memory_tasks: tasks of the memory case.
        kill_wait_s: how long tasks of a killed worker may take to run again.
    """

    seconds: float = 4.0
    tasks: int | None = None
    timeout_s: float = 90.0
    idle_s: float = 10.0
    samples: int = 200
    memory_tasks: int = 20_000
    kill_wait_s: float = 90.0

    def count(self, rate: int) -> int:
        """How many tasks a case at about `rate` tasks/s gets, in whole hundreds."""
        if self.tasks is not None:
            return self.tasks
        wanted = int(rate * self.seconds) // 100 * 100
        return max(_FEWEST_TASKS, min(_MOST_TASKS, wanted))


Case = Callable[[Peer, BenchServer, Limits], Numbers | None]


def _enqueue(peer: Peer, server: BenchServer, limits: Limits, mode: str, rate: int) -> Numbers:
    """Run one producer and turn its seconds into a rate, with the server's share of the work."""
    count = limits.count(rate)
    with Bench(peer, server) as bench:
        server_before = processes.cpu_s([server.pid])
        seconds = bench.produce(mode, count, timeout_s=limits.timeout_s)
        server_s = processes.cpu_between(server_before, processes.cpu_s([server.pid]))
    return {"tasks_per_s": count / seconds, "tasks": count, "server_us": server_s / count * 1e6}


def enqueue_one(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """One producer, each call waits for its answer."""
    return _enqueue(peer, server, limits, "one", peer.rates.one)


def enqueue_parallel(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """One process, 50 callers side by side."""
    if not peer.rates.parallel:
        return None
    return _enqueue(peer, server, limits, "parallel", peer.rates.parallel)


def enqueue_bulk(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """The peer's own bulk call."""
    if not peer.rates.bulk:
        return None
    return _enqueue(peer, server, limits, "bulk", peer.rates.bulk)


def _drain(peer: Peer, server: BenchServer, limits: Limits, process_count: int) -> Numbers:
    """Fill the queue, start the workers, and time until the last handler has started.

    With one process the clock starts at its first task. With several it starts when the last of
    them has joined in, or the start-up of processes would be measured.
    """
    count = limits.count(peer.rates.drain * process_count)
    with Bench(peer, server, concurrency=peer.concurrency) as bench:
        bench.produce("fill", count, timeout_s=limits.timeout_s)
        bench.start_workers(process_count)
        deadline = time.monotonic() + limits.timeout_s
        while len(bench.tallies()) < process_count and bench.counted() < count:
            _check_drain(bench, count, deadline)
        cpu_before = _cpu(bench, server)
        joined_ns, joined_count = time.monotonic_ns(), bench.counted()
        while bench.counted() < count:
            _check_drain(bench, count, deadline)
        cpu_after = _cpu(bench, server)
        tallies = bench.tallies()
    first_ns = min(tally.first_ns for tally in tallies)
    last_ns = max(tally.last_ns for tally in tallies)
    measured = count - joined_count
    if measured < count * _LEAST_MEASURED_SHARE:
        raise CaseError(
            f"{len(tallies)} of {process_count} task processes joined, when only {measured} of "
            f"{count} tasks were left; use more --seconds or --tasks"
        )
    if process_count == 1:
        rate = (count - 1) / ((last_ns - first_ns) / 1e9)
    else:
        rate = measured / ((last_ns - joined_ns) / 1e9)
    return {
        "tasks_per_s": rate,
        "tasks": count,
        "ran": sum(tally.count for tally in tallies),
        "worker_us": processes.cpu_between(cpu_before[0], cpu_after[0]) / measured * 1e6,
        "server_us": processes.cpu_between(cpu_before[1], cpu_after[1]) / measured * 1e6,
        "measured_share": measured / count,
    }


def _check_drain(bench: Bench, count: int, deadline: float) -> None:
    """Wait one poll; fail if a worker died or the drain's time is up."""
    bench.check_alive()
    if time.monotonic() > deadline:
        raise CaseError(f"{bench.counted()} of {count} tasks in time; {bench.output_tail()}")
    time.sleep(_POLL_S)


def _cpu(bench: Bench, server: BenchServer) -> tuple[dict[int, float], dict[int, float]]:
    """CPU seconds so far of (workers, server)."""
    return processes.cpu_s(bench.worker_pids()), processes.cpu_s([server.pid])


def drain_one(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Drain a full queue with one task process."""
    return _drain(peer, server, limits, 1)


def drain_two(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Drain a full queue with two task processes."""
    return _drain(peer, server, limits, 2)


def latency(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Enqueue one at a time, about every 50 ms, to an idle worker."""
    with Bench(
        peer, server, mode="latency", concurrency=_CONCURRENCY_IDLE, queues=peer.queues
    ) as bench:
        _start_and_settle(bench, limits)
        bench.produce("latency", limits.samples, timeout_s=limits.timeout_s + limits.samples * 0.1)
        deadline = time.monotonic() + limits.timeout_s
        while (recorded := len(bench.lines("delays"))) < limits.samples:
            if time.monotonic() > deadline:
                raise CaseError(f"{recorded} of {limits.samples} tasks; {bench.output_tail()}")
            time.sleep(_POLL_S)
        delays_ms = sorted(int(line) / 1e6 for line in bench.lines("delays"))
    return {
        "p50_ms": statistics.median(delays_ms),
        "p99_ms": delays_ms[min(len(delays_ms) - 1, int(len(delays_ms) * 0.99))],
        "samples": len(delays_ms),
    }


def idle(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Watch one idle worker: what it asks of the server, its CPU and its memory."""
    with Bench(peer, server, concurrency=_CONCURRENCY_IDLE, queues=peer.queues) as bench:
        _start_and_settle(bench, limits)
        pids = bench.worker_pids()
        cpu_before = processes.cpu_s(pids)
        commands_before, reads_before = server.counters()
        started = time.monotonic()
        time.sleep(limits.idle_s)
        commands_after, reads_after = server.counters()
        seconds = time.monotonic() - started
        cpu = processes.cpu_between(cpu_before, processes.cpu_s(pids))
        pss = processes.pss_bytes(pids)
        bench.check_alive()
        if set(pids) != set(bench.worker_pids()):
            raise CaseError(f"its processes changed while idle; {bench.output_tail()}")
    return {
        # The second reading is one command and one read of the harness's own.
        "commands_per_s": (commands_after - commands_before - 1) / seconds,
        "reads_per_s": (reads_after - reads_before - 1) / seconds,
        "core_percent": cpu / seconds * 100,
        "pss_mb": pss / 1e6,
        "queues": peer.queues,
    }


def _start_and_settle(bench: Bench, limits: Limits) -> None:
    """Start one task process, prove with one task that it works, and let it come to rest."""
    bench.start_workers(1)
    # "latency 0" sends only the warm-up tasks, which handlers count and do not time.
    bench.produce("latency", 0, timeout_s=limits.timeout_s)
    bench.wait_counted(1, timeout_s=limits.timeout_s)
    quiet_since = time.monotonic()
    counted = bench.counted()
    while time.monotonic() - quiet_since < 3.0:  # longer than any peer's start-up work
        time.sleep(0.1)
        if bench.counted() != counted:
            counted, quiet_since = bench.counted(), time.monotonic()


def memory(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Server memory per pending task, counted without the producer's connections."""
    with Bench(peer, server) as bench:
        bench.produce("fill", 1, timeout_s=limits.timeout_s)  # scripts and fixed keys
        before = server.used_memory()
        bench.produce("fill", limits.memory_tasks, timeout_s=limits.timeout_s)
        after = server.used_memory()
    return {
        "bytes_per_task": (after - before) / limits.memory_tasks,
        "tasks": limits.memory_tasks,
    }


def kill(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Kill -9 a whole worker that holds tasks, start another, wait for the tasks."""
    return kill_worker(peer, server, limits.timeout_s, limits.kill_wait_s)


def kill_child(peer: Peer, server: BenchServer, limits: Limits) -> Numbers | None:
    """Kill -9 one task process under a living supervisor."""
    return kill_task_process(peer, server, limits.timeout_s, limits.kill_wait_s)


CASES: dict[str, Case] = {
    "enqueue1": enqueue_one,
    "enqueue50": enqueue_parallel,
    "bulk": enqueue_bulk,
    "drain1": drain_one,
    "drain2": drain_two,
    "latency": latency,
    "idle": idle,
    "memory": memory,
    "kill": kill,
    "killchild": kill_child,
}
ONCE = frozenset({"kill", "killchild"})  # long waits, and an outcome rather than a spread
