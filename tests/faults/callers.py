"""Producers and workers that call the engine's own scripts and keep a ledger of every answer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rediq_core.connection.router import slot_of
from rediq_core.keys import queue_key
from rediq_core.model.task import Task
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.enqueue import encode_task, enqueue
from rediq_core.verbs.exchange import Asker, ExchangeStatus, Settled, exchange
from tests.support.rig import RETENTION, completed

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "t"
LEASE_MS = 60_000
# A caller that never rests measures the queue in front of its own event loop.
PACE_S = 0.1


@dataclass
class Caller:
    """One producer and worker of one queue: enqueues a task, settles the last and claims one.

    Attributes:
        executor: What sends the calls.
        queue: Its queue, nobody else's.
        deadline_s: How long a call may take.
        took_s: How long each call took.
        enqueued: Ids whose enqueue succeeded.
        claimed: Ids in the order they were handed out.
        settled: Ids whose settle was applied.
        errors: What calls raised.
    """

    executor: AsyncExecutor
    queue: str
    deadline_s: float = 15.0
    took_s: list[float] = field(default_factory=list)
    enqueued: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _seq: int = 0
    _holds: list[Settled] = field(default_factory=list)

    async def turn(self, *, want: int = 1, is_enqueueing: bool = True) -> None:
        """Enqueue one task, then exchange: 2 round trips."""
        space = Space(NAMESPACE)
        minute = int(time.time() // 60)
        try:
            if is_enqueueing:
                task: Task[object] = Task("mail", {"n": len(self.enqueued)}, queue=self.queue)
                call = enqueue(
                    space, self.queue, [encode_task(task)], minute=minute, is_registering=True
                )
                began = time.monotonic()
                await self.executor.run(call, deadline_s=self.deadline_s)
                self.took_s.append(time.monotonic() - began)
                self.enqueued.append(task.id)
            self._seq += 1
            asker = Asker(space, self.queue, "w#1", LEASE_MS, RETENTION)
            settles = self._holds
            request = exchange(asker, self._seq, want, settles, minute=minute, is_first=not settles)
            began = time.monotonic()
            reply = await self.executor.run(request, deadline_s=self.deadline_s)
            self.took_s.append(time.monotonic() - began)
        except Exception as error:
            self.errors.append(f"{self.queue}: {error!r}")
            return
        assert reply.status in (ExchangeStatus.DONE, ExchangeStatus.REPEAT), reply.status
        self.settled += [
            settle.id
            for settle, code in zip(settles, reply.codes.decode(), strict=True)
            if code == "1"
        ]
        self.claimed += [task.id for task in reply.claimed]
        self._holds = [completed(task) for task in reply.claimed]

    async def run(self, is_over: asyncio.Event) -> None:
        """Take a turn each PACE_S until it is over."""
        while not is_over.is_set():
            await self.turn()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), PACE_S)

    async def drain(self) -> None:
        """Claim and settle what is left."""
        left = -1
        while left != len(self.settled) or self._holds:
            left = len(self.settled)
            await self.turn(want=100, is_enqueueing=False)
            if self.errors:
                return


def queues_in(slots: range, count: int) -> list[str]:
    """Return names of queues whose keys lie in these slots, each in a slot of its own."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < count:
        name = f"q{number}"
        slot = slot_of(queue_key(NAMESPACE, name, "tasks"))
        if slot in slots:
            found.setdefault(slot, name)
        number += 1
    return list(found.values())


async def move_in_a_process(
    source: int, target: int, slots: range, masters: list[int]
) -> asyncio.subprocess.Process:
    """Start moving slots from port to port; its stdout says the seconds it took."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.moving", str(source), str(target)),
        *(str(slots[0]), str(slots[-1]), ",".join(map(str, masters))),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
