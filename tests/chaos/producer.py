"""A producer: real clients that ask until they are answered, and write down what they were told.

python -m tests.chaos.producer URL SEED NAME: until SIGTERM; then each asks its last to the end.
Three coroutines share a `Client`, a thread has a `SyncClient`. An answer is `ack` or `refused`; who
has none after the last try writes `unsure`, and that task may run or not.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator

from rediq_core import Client, DuplicateTask, RediqError, SyncClient, Task
from tests.chaos.ledger import Ledger
from tests.chaos.scene import NAMESPACE, PAUSE_S, QUEUES, UNIQUE_KEYS

# A call may take so long; shorter than many faults, so that answers do get lost.
DEADLINE = "1500ms"
LAST_TRIES_S = 30.0
BATCH = 48
# What is asked for, in parts of a hundred.
_SHARES = {
    "plain": 60,
    "delayed": 6,
    "failing": 10,
    "dying": 2,
    "family": 10,
    "unique": 8,
    "long": 2,
    "batch": 2,
}


class Orders:
    """Endless seeded orders: lists of tasks that are asked for one after another."""

    def __init__(self, seed: str, name: str) -> None:
        self._rng = random.Random(f"{seed}/{name}")
        self._name = name
        self._made = 0

    def __iter__(self) -> Iterator[list[Task[object]]]:
        while True:
            yield self._next()

    def _next(self) -> list[Task[object]]:
        (kind,) = self._rng.choices(list(_SHARES), list(_SHARES.values()))
        if kind == "family":
            return self._family()
        if kind == "batch":
            return [self._task() for _ in range(BATCH)]
        return [self._task(**self._options(kind))]

    def _options(self, kind: str) -> dict[str, object]:
        rng = self._rng
        kinds: dict[str, dict[str, object]] = {
            "plain": {},
            "delayed": {"delay": f"{rng.randint(50, 2000)}ms"},
            "failing": {"fails": rng.randint(1, 2)},
            "dying": {"never": True},
            "unique": {"unique_key": rng.choice(UNIQUE_KEYS), "ms": 400, "queue": QUEUES[0]},
            "long": {"ms": rng.randint(2_500, 4_500)},
        }
        return kinds[kind]

    def _family(self) -> list[Task[object]]:
        parent = self._task(ms=self._rng.randint(5, 300))
        child = self._task(depends_on=[parent.id])
        return [parent, child, self._task(depends_on=[parent.id, child.id])]

    def _task(
        self, *, ms: object = 0, fails: object = 0, never: object = False, **options: object
    ) -> Task[object]:
        self._made += 1
        rng = self._rng
        payload: dict[str, object] = {"ms": ms or rng.randint(1, 60), "fails": fails}
        if never:
            payload["never"] = True
        chosen: dict[str, object] = {
            "queue": rng.choice(QUEUES),
            "priority": rng.choice((10, 50, 50, 90)),
            "id": f"{self._name}-{self._made}",
            **options,
        }
        kind = "chaos:async" if rng.random() < 0.8 else "chaos:thread"
        return Task(kind, payload, **chosen)  # type: ignore[arg-type]  # mixed on purpose


def said(task: Task[object]) -> str:
    """What the judge needs to know of a task."""
    assert isinstance(task.payload, dict)
    plain = not task.depends_on and not task.delay and not task.payload["fails"]
    return json.dumps(
        {
            "queue": task.queue,
            "priority": task.priority,
            "parents": list(task.parent_ids),
            "unique": task.unique_key or "",
            "never": bool(task.payload.get("never")),
            "fails": task.payload["fails"],
            "plain": plain and not task.unique_key,
        }
    )


async def ask_async(url: str, seed: str, name: str, stop: asyncio.Event) -> None:
    """Ask with the async client, until told to stop."""
    ledger, loop = Ledger(), asyncio.get_running_loop()
    async with Client(url, namespace=NAMESPACE, deadline=DEADLINE) as client:

        async def ask(orders: Orders) -> None:
            for tasks in orders:
                for task in tasks:
                    ledger.write("ask", task.id, note=said(task))
                    give_up_at = loop.time() + LAST_TRIES_S
                    event = "unsure"
                    while event == "unsure" and loop.time() < give_up_at:
                        try:
                            event = "ack" if await client.enqueue(task) else "unsure"
                        except DuplicateTask:
                            event = "refused"
                        except RediqError as error:
                            ledger.write("error", task.id, note=error.code)
                    ledger.write(event, task.id)
                    if event != "ack":
                        break  # the children of what was refused would be unknown orphans
                if stop.is_set():
                    return
                await asyncio.sleep(PAUSE_S)

        await asyncio.gather(*(ask(Orders(seed, f"{name}-a{n}")) for n in range(3)))


def ask_blocking(url: str, seed: str, name: str, stop: threading.Event) -> None:
    """Ask with the blocking client, many at once, until told to stop."""
    ledger = Ledger()
    with SyncClient(url, namespace=NAMESPACE, deadline=DEADLINE) as client:
        for tasks in Orders(seed, f"{name}-s"):
            for task in tasks:
                ledger.write("ask", task.id, note=said(task))
            give_up_at = time.monotonic() + LAST_TRIES_S
            left = tasks
            while left and time.monotonic() < give_up_at:
                left = ask_together(client, left, ledger)
            for task in left:
                ledger.write("unsure", task.id)
            if stop.wait(PAUSE_S):
                return


def ask_together(
    client: SyncClient, tasks: list[Task[object]], ledger: Ledger
) -> list[Task[object]]:
    """Ask for several, in one call if they do not hang together; return those without an answer."""
    if len(tasks) == BATCH:
        try:
            client.enqueue_many(tasks)
        except RediqError as error:
            ledger.write("error", tasks[0].id, note=error.code)
            return tasks  # all again: what was taken is known by its id
        for task in tasks:
            ledger.write("ack", task.id)
        return []
    for i, task in enumerate(tasks):
        try:
            client.enqueue(task)
        except DuplicateTask:
            ledger.write("refused", task.id)
            return []
        except RediqError as error:
            ledger.write("error", task.id, note=error.code)
            return tasks[i:]
        ledger.write("ack", task.id)
    return []


async def main(url: str, seed: str, name: str) -> None:
    """Run both kinds until SIGTERM."""
    stop, blocking_stop = asyncio.Event(), threading.Event()

    def end() -> None:
        stop.set()
        blocking_stop.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    blocking = asyncio.to_thread(ask_blocking, url, seed, name, blocking_stop)
    await asyncio.gather(ask_async(url, seed, name, stop), blocking)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
