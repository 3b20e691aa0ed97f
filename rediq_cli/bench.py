"""Measurements of the server in use, with everything on: timeline, retention, leases, histograms.

Tasks go to the queue `rediq-bench` and are deleted for good afterwards; other queues are not
touched. Figures depend on the machine and on what else it does: compare runs side by side.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rediq_cli.output.json import Json
from rediq_cli.session import Session, actor
from rediq_core import Client, Task
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError, QueueNotFound
from rediq_core.model.state import TaskState
from rediq_core.model.where import parse_where

QUEUE = "rediq-bench"
# About 200 bytes encoded.
PAYLOAD = {"data": "x" * 187}
CALLERS = 50
# Seconds a measurement may take.
LIMIT_S = 300
_STATES = ("pending", "delayed", "retry", "completed", "dead", "cancelled")


@dataclass(frozen=True, slots=True)
class Figures:
    """Named figures of one measurement.

    Attributes:
        case: What was measured.
        values: Name with unit to value.
    """

    case: str
    values: dict[str, float]

    def record(self) -> Json:
        """Return them as JSON."""
        return {"case": self.case, **self.values}

    def lines(self) -> Iterator[str]:
        """Return them for people."""
        yield self.case
        for name, value in self.values.items():
            yield (
                f"  {name:<22} {value:>12,.2f}" if value < 100 else f"  {name:<22} {value:>12,.0f}"
            )


def bench_enqueue(session: Session, tasks: int) -> Figures:
    """Measure enqueueing: one at a time, 50 callers at once, and many in one call."""
    try:
        with session.client as client:
            alone = _per_s(
                max(tasks // 10, 1), lambda n: [client.enqueue(_noop()) for _ in range(n)]
            )
            bulk = _per_s(tasks, lambda n: client.enqueue_many([_noop() for _ in range(n)]))
        concurrent = asyncio.run(_enqueue_concurrently(session, tasks))
    finally:
        _clean(session)
    return Figures(
        "enqueue", {"alone_per_s": alone, "callers_50_per_s": concurrent, "bulk_per_s": bulk}
    )


def bench_drain(session: Session, tasks: int, concurrency: int, processes: int) -> Figures:
    """Measure how fast a worker runs tasks that do nothing, its start not counted."""
    try:
        with session.client as client:
            client.enqueue(_noop())
        with _worker(session, concurrency, processes):
            _wait_until_empty(session)
            with session.client as client:
                session.admin.pause(QUEUE, actor(), "bench")
                client.enqueue_many([_noop() for _ in range(tasks)])
            began_s = SYSTEM_CLOCK.monotonic()
            session.admin.resume(QUEUE, actor())
            _wait_until_empty(session)
            took_s = SYSTEM_CLOCK.monotonic() - began_s
    finally:
        _clean(session)
    return Figures(
        f"drain, concurrency {concurrency}, processes {processes}",
        {"tasks": tasks, "took_s": took_s, "tasks_per_s": tasks / took_s},
    )


def bench_latency(session: Session, tasks: int) -> Figures:
    """Measure from before an enqueue to the start of the handler, an idle worker waiting."""
    delays_ms = []
    try:
        with session.client as client, _worker(session, 10, 1):
            client.result(client.enqueue(Task("bench:clock", queue=QUEUE)), timeout=30)
            for _ in range(tasks):
                began_s = SYSTEM_CLOCK.monotonic()
                started_s = client.result(
                    client.enqueue(Task("bench:clock", queue=QUEUE)), timeout=30
                )
                if isinstance(started_s, float):
                    delays_ms.append((started_s - began_s) * 1000)
    finally:
        _clean(session)
    delays_ms.sort()
    return Figures(
        "latency, enqueue to handler",
        {"p50_ms": _share(delays_ms, 0.5), "p99_ms": _share(delays_ms, 0.99), "tasks": tasks},
    )


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _noop() -> Task[object]:
    return Task("bench:noop", PAYLOAD, queue=QUEUE)


def _per_s(tasks: int, work: Callable[[int], object]) -> float:
    began_s = SYSTEM_CLOCK.monotonic()
    work(tasks)
    return tasks / (SYSTEM_CLOCK.monotonic() - began_s)


async def _enqueue_concurrently(session: Session, tasks: int) -> float:
    left = iter(range(tasks))
    async with Client(session.server.url, namespace=session.server.namespace) as client:

        async def call() -> None:
            for _ in left:
                await client.enqueue(_noop())

        await client.enqueue(_noop())
        began_s = SYSTEM_CLOCK.monotonic()
        await asyncio.gather(*(call() for _ in range(CALLERS)))
        return tasks / (SYSTEM_CLOCK.monotonic() - began_s)


class _worker:  # noqa: N801  # reads as a with-statement's noun
    """A worker of the bench queue for the length of a with-block."""

    def __init__(self, session: Session, concurrency: int, processes: int) -> None:
        environment = {
            **os.environ,
            "REDIQ_URL": session.server.url,
            "REDIQ_REDIS_NAMESPACE": session.server.namespace,
        }
        environment.pop("REDIQ_CONFIG", None)
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            [
                *(sys.executable, "-m", "rediq_cli", "worker", "start", "rediq_cli.bench_handlers"),
                *("--queues", QUEUE, "--concurrency", str(concurrency)),
                *("--processes", str(processes)),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _wait_until_empty(session: Session) -> None:
    pause = threading.Event()  # never set: its wait is a sleep
    deadline_s = SYSTEM_CLOCK.monotonic() + LIMIT_S
    while True:
        queue = session.admin.queue(QUEUE)
        if not queue.pending and not queue.counts.get(TaskState.ACTIVE, 0):
            return
        if SYSTEM_CLOCK.monotonic() > deadline_s:
            raise ConfigError(
                f"{queue.pending:,} tasks were left after {LIMIT_S} s.",
                next_step="Try fewer: --tasks N",
            )
        pause.wait(0.01)


def _clean(session: Session) -> None:
    for state in _STATES:
        try:
            session.admin.flush(parse_where([f"{state}:{QUEUE}"]), by=actor(), hard=True)
        except QueueNotFound:
            return
