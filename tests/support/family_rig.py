"""Several queues with dependent tasks, driven verb by verb, relays and producers step by step.

The rigs share one clock. A relay or producer is a generator, so a test can stop it between any two
of its calls, as a kill would, and never go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import redis

from rediq_core.client.parents import Met, meet_parents
from rediq_core.keys import global_key
from rediq_core.model.task import Task
from rediq_core.model.views import TaskView
from rediq_core.scripts.steps import Steps
from rediq_core.verbs.relay import Relayed, relay, repair
from tests.support.rig import Rig

T = TypeVar("T")


class FamilyRig:
    """Queues by name, and the parts that carry news between them."""

    def __init__(self, url: str, client: redis.Redis, *, namespace: str = "t") -> None:
        self._url = url
        self._namespace = namespace
        self._rigs: dict[str, Rig] = {}
        self.client = client
        self.now_ms = 1_800_000_000_000

    def close(self) -> None:
        for rig in self._rigs.values():
            rig.close()

    def __getitem__(self, queue: str) -> Rig:
        if queue not in self._rigs:
            self._rigs[queue] = Rig(self._url, self.client, queue=queue, namespace=self._namespace)
            self.client.sadd(global_key(self._namespace, "queues"), queue)
        self._rigs[queue].now_ms = self.now_ms
        return self._rigs[queue]

    @property
    def queues(self) -> tuple[str, ...]:
        return tuple(sorted(self._rigs))

    @property
    def _any(self) -> Rig:
        return self[next(iter(self._rigs))]

    def advance(self, ms: int) -> None:
        self.now_ms += ms

    # Producers.

    def meeting(self, *tasks: Task[object]) -> Steps[Met]:
        """Return the steps a producer takes before it sends tasks."""
        for task in tasks:
            self[task.queue]
        rig = self._any
        return meet_parents(rig.space, tasks, (), minute=rig.minute)

    def enqueue(self, *tasks: Task[object]) -> None:
        """Take tasks one after another, as a client does; each must be taken."""
        for task in tasks:
            if task.depends_on:
                met = self.drive(self.meeting(task))
                assert met.refused == {}
            reply = self[task.queue].enqueue(task)
            assert reply.codes in ("1", "2")

    # Relays.

    def relaying(self, queue: str, *parents: str) -> Steps[Relayed]:
        rig = self[queue]
        return relay(rig.space, [(queue, parent) for parent in parents], minute=rig.minute)

    def relay(self, queue: str, parents: Sequence[str]) -> int:
        relayed = self.drive(self.relaying(queue, *parents))
        assert relayed.errors == []
        return relayed.told

    def sweep(self) -> int:
        """Do what the sweeps of all queues do for what nobody told and what waits for long."""
        told = 0
        for queue in self.queues:
            rig = self[queue]
            late: list[bytes] = rig.client.zrangebyscore(rig.key("outbox"), 0, self.now_ms)
            told += self.relay(queue, [parent.decode() for parent in late])
            told += self.drive(repair(rig.space, queue, self.queues, minute=rig.minute)).told
        return told

    # Steps.

    def drive(self, steps: Steps[T]) -> T:
        result = self.walk(steps, 10_000)
        assert result is not None
        return result

    def walk(self, steps: Steps[T], calls: int) -> T | None:
        """Send at most so many requests of some steps; None if they were not done by then."""
        try:
            request = next(steps)
            for _ in range(calls):
                request = steps.send(self.answer(request))
        except StopIteration as end:
            result: T = end.value
            return result
        return None

    def answer(self, request: Any) -> list[object]:
        if request is None:
            return list(self.queues)
        return list(self._any.executor.run_many(request))

    # What is seen.

    def task(self, queue: str, task_id: str) -> TaskView:
        return self[queue].task(task_id)

    def state(self, task: Task[object]) -> str:
        return self.task(task.queue, task.id).state.value

    def leftovers(self) -> dict[str, list[str]]:
        """Return what must be gone when all is settled, by queue and key."""
        rows = {}
        for queue in self.queues:
            rig = self[queue]
            rows[f"{queue} waiting"] = rig.ids("waiting")
            rows[f"{queue} outbox"] = rig.ids("outbox")
            rows[f"{queue} early"] = rig.ids("early")
            rows[f"{queue} needs"] = [m for m in rig.ids("needs") if m[0] != "/"]
            rows[f"{queue} edges"] = [m for m in rig.ids("dependents") if m[0] not in "/>"]
        return {name: found for name, found in rows.items() if found}
