"""The work that is measured: tasks enqueued, claimed and settled by the engine's own scripts."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.router import slot_of
from rediq_core.connection.topology import parse_url
from rediq_core.keys import queue_key
from rediq_core.model.task import Task
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.enqueue import EnqueueStatus, encode_task, enqueue, enqueue_plain
from rediq_core.verbs.exchange import Asker, Settled, exchange
from rediq_core.verbs.inspect import read_queue
from rediq_core.verbs.lease import renew
from tests.support.rig import RETENTION, completed
from tests.support.seeding import seed
from tests.support.servers import Cluster, Server

NAMESPACE = "bench"
LEASE_MS = 10_000
ROOT = Path(__file__).resolve().parents[2]
SLOTS = 16_384


@dataclass
class Lane:
    """One queue with one producer and one worker."""

    executor: AsyncExecutor
    queue: str
    _seq: int = 0
    _holds: list[Settled] = field(default_factory=list)
    _is_registered: bool = False

    async def turn(self, batch: int) -> None:
        """Enqueue a batch, settle the last one and claim this one: 2 round trips."""
        tasks: list[Task[object]] = [
            Task("mail", {"to": n}, queue=self.queue) for n in range(batch)
        ]
        encoded = [encode_task(task) for task in tasks]
        minute = int(time.time() // 60)
        reply = await self.executor.run(
            enqueue_plain(Space(NAMESPACE), self.queue, encoded, minute=minute)
        )
        if reply.status is not EnqueueStatus.DONE:  # the queue's first
            whole = enqueue(
                Space(NAMESPACE), self.queue, encoded, minute=minute, is_registering=True
            )
            await self.executor.run(whole)
        await self._exchange(batch)

    async def finish(self, batch: int) -> None:
        """Settle and claim until nothing is left."""
        while self._holds:
            await self._exchange(batch)

    async def _exchange(self, want: int) -> None:
        self._seq += 1
        asker = Asker(Space(NAMESPACE), self.queue, "w#1", LEASE_MS, RETENTION)
        minute = int(time.time() // 60)
        settles = self._holds
        call = exchange(asker, self._seq, want, settles, minute=minute, is_first=not settles)
        reply = await self.executor.run(call)
        self._holds = [completed(task) for task in reply.claimed]


def lanes_on(executor: AsyncExecutor, masters: int, count: int) -> list[Lane]:
    """Return lanes of queues that are spread evenly over the masters."""
    found: list[Lane] = []
    number = 0
    while len(found) < count:
        name = f"q{number}"
        if slot_of(queue_key(NAMESPACE, name, "tasks")) * masters // SLOTS == len(found) % masters:
            found.append(Lane(executor, name))
        number += 1
    return found


async def cost_of_a_move(cluster: Cluster, tasks: int) -> dict[str, object]:
    """Move a queue of so many tasks to the other master while one caller reads it."""
    source, target = cluster.masters
    name = next(
        f"m{tasks}-{n}"
        for n in range(1_000)
        if slot_of(queue_key(NAMESPACE, f"m{tasks}-{n}", "tasks")) < SLOTS // 2
    )
    slot = slot_of(queue_key(NAMESPACE, name, "tasks"))
    plain = source.client()
    seed(plain, NAMESPACE, name, "pending", tasks, at_ms=1, is_listed=False)
    plain.close()
    link = AsyncLink(parse_url(cluster.url))
    executor = AsyncExecutor(link)
    worst_s = 0.0
    mover = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.moving", str(source.port), str(target.port)),
        *(str(slot), str(slot), ",".join(str(node.port) for node in cluster.masters)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    ended = asyncio.create_task(mover.wait())
    while not ended.done():
        began = time.monotonic()
        await executor.run(read_queue(Space(NAMESPACE), name, minute=0), deadline_s=60)
        worst_s = max(worst_s, time.monotonic() - began)
        await asyncio.wait([ended], timeout=0.005)
    assert mover.stdout is not None, "piped"
    took_s = float(await mover.stdout.read())
    await link.aclose()
    return {
        "tasks": tasks,
        "took_s": round(took_s, 3),
        "ms_per_1000": round(took_s * 1e6 / tasks, 2),
        "worst_ms": round(worst_s * 1_000),
    }


async def cost_of_a_beat(
    server: Server, url: str, cpu_s: Callable[[Server], float], count: int = 20_000
) -> float:
    """Return the microseconds of server that one worker's renewal of one queue costs."""
    link = AsyncLink(parse_url(url))
    executor = AsyncExecutor(link)
    (lane,) = lanes_on(executor, 2, 1)
    await lane.turn(1)
    before = cpu_s(server)
    for _ in range(count // 100):
        calls = [
            renew(Space(NAMESPACE), lane.queue, ("w#1",), lease_ms=LEASE_MS) for _ in range(100)
        ]
        await executor.run_many(calls)
    used = cpu_s(server) - before
    await link.aclose()
    return round(used / count * 1e6, 1)
