"""A master dies, stops or hands over while clients enqueue and a worker works."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest

from rediq_core import Client, RediqError, Task, TaskState
from rediq_core.connection.router import slot_of
from rediq_core.errors import TaskNotFound
from rediq_core.keys import queue_key
from tests.support.figures import figure
from tests.support.servers import Cluster, SentinelGroup, Server, cluster_3_3, sentinel_group
from tests.support.waiting import await_until, wait_until
from tests.support.workers import Worker, worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CALLERS = 20
# Of one caller: enough to meet the moment, few enough for a worker to keep up.
PACE_S = 0.02
DEADLINE_S = 15.0
# One queue on each of three masters.
QUEUES = ("q0", "q1", "q2")


class Producers:
    """Callers that enqueue to some queues and note how long each call took and what failed."""

    def __init__(self, client: Client, queues: tuple[str, ...]) -> None:
        self._client = client
        self._is_over = asyncio.Event()
        self.ids: list[str] = []
        self.errors: list[str] = []
        self.worst_s: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._running = [
            asyncio.create_task(self._run(queues[n % len(queues)])) for n in range(CALLERS)
        ]

    async def _run(self, queue: str) -> None:
        while not self._is_over.is_set():
            task = Task("sleep", 0.0, queue=queue)
            began = time.monotonic()
            try:
                self.ids.append(await self._client.enqueue(task))
            except RediqError as error:
                self.errors.append(repr(error))
            self.worst_s[queue] = max(self.worst_s[queue], time.monotonic() - began)
            self.calls[queue] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), PACE_S)

    async def flow(self, queues: tuple[str, ...]) -> None:
        """Wait until each of these queues took some more."""
        seen = Counter(self.calls)
        await await_until(
            lambda: all(self.calls[queue] >= seen[queue] + 50 for queue in queues), "flowing", 30
        )

    async def stop(self) -> None:
        self._is_over.set()
        await asyncio.gather(*self._running)


async def unfinished(client: Client, ids: list[str], within_s: float) -> tuple[int, int]:
    """Wait for tasks to complete; returns how many are not there, and how many ran twice."""

    async def states() -> Counter[str]:
        found: Counter[str] = Counter()
        for task_id in ids:
            try:
                view = await client.get(task_id)
            except TaskNotFound:
                found["lost"] += 1
                continue
            found[view.state.value] += 1
            found["twice"] += len(view.timeline) > 1
        return found

    async def is_done() -> Counter[str] | None:
        found = await states()
        done = found[TaskState.COMPLETED.value] + found["lost"]
        return found if done == len(ids) else None

    found = await await_until(is_done, "all that are there are completed", within_s)
    return found["lost"], found["twice"]


async def kill(group: SentinelGroup) -> None:
    group.master.kill()


async def stop(group: SentinelGroup) -> None:
    group.master.pause()


async def hand_over(group: SentinelGroup) -> None:
    sentinel = group.sentinels[0].client()
    sentinel.execute_command("SENTINEL FAILOVER mymaster")
    sentinel.close()


@pytest.mark.sentinel
@pytest.mark.parametrize("fault", [kill, stop, hand_over], ids=["killed", "stopped", "handed-over"])
async def test_sentinels_promote_and_no_call_fails(
    fault: Callable[[SentinelGroup], Awaitable[None]], request: pytest.FixtureRequest
) -> None:
    with sentinel_group(down_after_ms=500) as group, worker(group.url) as running:
        await await_until(lambda: "is ready" in running.log, "worker ready", 20)
        async with Client(group.url, deadline=DEADLINE_S) as client:
            producers = Producers(client, ("default",))
            await producers.flow(("default",))
            began = time.monotonic()
            await fault(group)
            await await_until(lambda: group.master_port() != group.master.port, "promoted", 20)
            promoted_s = time.monotonic() - began
            await producers.flow(("default",))
            await producers.stop()
            lost, twice = await unfinished(client, producers.ids, 30)
        assert running.process.poll() is None

    how = request.node.callspec.id
    worst_s = max(producers.worst_s.values())
    errors, calls = len(producers.errors), producers.calls.total()
    figure("R2", f"{how}: errors surfaced of {calls:,} calls", errors, "errors", at_most=0)
    figure("R2", f"{how}: fault to promotion", promoted_s, "s")
    figure("R2", f"{how}: acknowledged tasks that the new master does not have", lost, "tasks")
    figure("R2", f"{how}: tasks run again", twice, "tasks")
    figure("R2", f"{how}: worst call", worst_s, "s", at_most=2.5)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with cluster_3_3(["--cluster-require-full-coverage", "no"]) as made:
        yield made


@contextlib.contextmanager
def ready_worker(url: str) -> Iterator[Worker]:
    with worker(url, "--queues", ",".join(QUEUES)) as running:
        wait_until(lambda: "is ready" in running.log, "worker ready", 20)
        yield running


def owner(cluster: Cluster, queue: str) -> Server:
    """Return the node that serves a queue now."""
    node = next(node for node in cluster.nodes if node.is_running).client()
    rows = node.execute_command("CLUSTER SLOTS")
    node.close()
    slot = slot_of(queue_key("rediq", queue, "tasks"))
    (port,) = [int(row[2][1]) for row in rows if int(row[0]) <= slot <= int(row[1])]
    return next(node for node in cluster.nodes if node.port == port)


@pytest.mark.cluster
async def test_a_cluster_promotes_and_no_call_fails_while_other_queues_go_on(
    cluster: Cluster,
) -> None:
    victim = owner(cluster, QUEUES[0])
    spared = tuple(queue for queue in QUEUES if owner(cluster, queue) is not victim)
    assert len(spared) == 2
    with ready_worker(cluster.url) as running:
        async with Client(cluster.url, deadline=DEADLINE_S) as client:
            producers = Producers(client, QUEUES)
            await producers.flow(QUEUES)
            began = time.monotonic()
            victim.kill()
            await producers.flow(spared)
            await await_until(lambda: owner(cluster, QUEUES[0]) is not victim, "promoted", 20)
            promoted_s = time.monotonic() - began
            await producers.flow(QUEUES)
            await producers.stop()
            lost, twice = await unfinished(client, producers.ids, 30)
        assert running.process.poll() is None
    victim.start()

    worst_s = producers.worst_s
    errors, calls = len(producers.errors), producers.calls.total()
    figure("R3", f"errors surfaced of {calls:,} calls", errors, "errors", at_most=0)
    figure("R3", "kill to promotion", promoted_s, "s")
    figure("R3", "acknowledged tasks that the new master does not have", lost, "tasks")
    figure("R3", "tasks run again", twice, "tasks")
    others_s = max(worst_s[queue] for queue in spared)
    figure("R3", "worst call of queues on other masters", others_s, "s", at_most=1.0)
    figure("R3", "worst call", worst_s[QUEUES[0]], "s", at_most=3.5)


@pytest.mark.cluster
async def test_queues_of_other_shards_go_on_while_a_shard_is_gone(cluster: Cluster) -> None:
    victim = owner(cluster, QUEUES[1])
    node = victim.client()
    shard = [
        replica
        for replica in cluster.nodes
        if replica is not victim and replica.port in _replica_ports(node)
    ]
    node.close()
    spared = tuple(queue for queue in QUEUES if owner(cluster, queue) is not victim)
    with ready_worker(cluster.url) as running:
        async with Client(cluster.url, deadline=1.0) as client:
            # A client that has looked up a task of a queue once needs the list of queues no more.
            for queue in spared:
                assert await client.get(await client.enqueue(Task("sleep", 0.0, queue=queue)))
            for gone in (*shard, victim):
                gone.kill()
            producers = Producers(client, spared)
            await producers.flow(spared)
            await producers.stop()
            with pytest.raises(RediqError) as refused:
                await client.enqueue(Task("sleep", 0.0, queue=QUEUES[1]))
            lost, _ = await unfinished(client, producers.ids, 30)
            # An idle worker looks at each queue every 20 s; what it asks of this shard must not
            # hold up the others.
            await await_until(lambda: "still no Redis" in running.log, "looked in vain", 40)
            began_s, done = time.monotonic(), []
            for _ in range(10):
                done.append(await client.enqueue(Task("sleep", 0.0, queue=spared[0])))
                assert await unfinished(client, done, 10) == (0, 0)
            beside_s = (time.monotonic() - began_s) / 10
            for gone in (victim, *shard):
                gone.start()
            back = Client(cluster.url, deadline=20.0)
            task_id = await back.enqueue(Task("sleep", 0.0, queue=QUEUES[1]))
            assert await unfinished(back, [task_id], 30) == (0, 0)
            await back.aclose()
        assert running.process.poll() is None

    assert refused.value.code == "E001"
    assert producers.errors == []
    others_s = max(producers.worst_s.values())
    figure("R14", "tasks of other shards lost", lost, "tasks", at_most=0)
    figure("R14", "worst call of queues of other shards", others_s, "s", at_most=1.0)
    figure("R14", "enqueue to completed beside it, mean of 10", beside_s, "s", at_most=1.5)


def _replica_ports(node: object) -> list[int]:
    info = node.info("replication")  # type: ignore[attr-defined]  # a plain client
    return [
        int(value["port"])
        for name, value in info.items()
        if name.startswith("slave") and "port" in str(value)
    ]
