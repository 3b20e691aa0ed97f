"""Random graphs of 200 tasks over six queues end as plain Python predicts, whoever is killed.

No processes here: workers, relays, producers and the sweep are played verb by verb, with a seed,
and killed between any two calls. The same with real workers and real kills is in
`tests/e2e/test_dependencies.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import redis

from rediq_core.model.state import TaskState
from tests.support.family_rig import FamilyRig
from tests.support.graphs import QUEUES, Node, predict, random_graph
from tests.support.rig import Worker, completed, died, failed
from tests.support.servers import Cluster

SIZE = 200
# A relay or producer is killed at one of its first calls this often.
KILLS = 0.3
ROUNDS = 2_000


class Play:
    """One graph, played to its end."""

    def __init__(self, rig: FamilyRig, seed: int) -> None:
        self.rig = rig
        self.rng = random.Random(seed)
        self.nodes = random_graph(self.rng, SIZE)
        self.by_id = {node.task.id: node for node in self.nodes}
        self.workers: dict[str, Worker] = {}
        self.lives = 0
        self.started: dict[str, int] = {}
        self.to_send = self._in_order()

    def _in_order(self) -> list[Node]:
        """Parents before children, else at random."""
        left, done, ordered = list(self.nodes), set[str](), []
        while left:
            ready = [node for node in left if done.issuperset(node.task.parent_ids)]
            node = self.rng.choice(ready)
            left.remove(node)
            done.add(node.task.id)
            ordered.append(node)
        return ordered

    def run(self) -> None:
        for _ in range(ROUNDS):
            if self.to_send:
                for _ in range(self.rng.randint(0, 6)):
                    self.produce()
            for queue in QUEUES:
                self.work(queue)
            self.rig.advance(self.rng.randint(1, 3_000))
            if self.rng.random() < 0.2:
                self.rig.sweep()
            if not self.to_send and self.is_over():
                return
        pytest.fail(f"not over: {self.rig.leftovers()}")

    def is_over(self) -> bool:
        rigs = [self.rig[queue] for queue in QUEUES]
        names = ("pending", "suspects", "active", "delayed", "retry", "waiting", "outbox")
        return not any(rig.client.zcard(rig.key(name)) for rig in rigs for name in names)

    def produce(self) -> None:
        """Send the next task; a producer that is killed is started again and sends it again."""
        if not self.to_send:
            return
        task = self.to_send[0].task
        if task.depends_on:
            met = self.rig.walk(self.rig.meeting(task), self.calls())
            if met is None:
                return
            assert met.refused == {}
        assert self.rig[task.queue].enqueue(task).codes in ("1", "2")
        if self.rng.random() > KILLS / 2:
            self.to_send.pop(0)

    def calls(self) -> int:
        return self.rng.randint(0, 3) if self.rng.random() < KILLS else 10_000

    def work(self, queue: str) -> None:
        """Claim, then settle, or die with what is held; whoever settles relays, or dies at it."""
        if queue not in self.workers:
            self.lives += 1
            self.workers[queue] = self.rig[queue].worker(f"w{self.lives}#1")
        worker = self.workers[queue]
        claimed = worker.claim(self.rng.randint(1, 4), is_solo=True)
        settles = []
        for task in claimed:
            node = self.by_id[task.id]
            self.check_start(node)
            assert set(task.ends) == set(node.task.parent_ids)
            fail = died if task.attempt > (node.task.max_retry or 0) else failed
            settles.append(fail(task) if node.will_fail else completed(task, result='{"n":1}'))
        if claimed and self.rng.random() < 0.1:
            del self.workers[queue]
            # Killed as a bystander: no loss is charged, so no task turns to poison.
            reaped = self.rig[queue].reap(worker.incarnation, is_charged=False)
            self.tell(queue, reaped.deliver)
            return
        reply = worker.settle(*settles)
        assert set(reply.codes) <= {ord("1")}
        self.tell(queue, reply.deliver)

    def tell(self, queue: str, parents: object) -> None:
        steps = self.rig.relaying(queue, *parents)  # type: ignore[misc]  # words of a reply
        again = self.rig.relaying(queue, *parents) if self.rng.random() < 0.2 else None  # type: ignore[misc]  # words of a reply
        self.rig.walk(steps, self.calls())
        if again is not None:
            self.rig.walk(again, self.calls())

    def check_start(self, node: Node) -> None:
        """No child starts before all its parents have settled."""
        for parent in node.task.parent_ids:
            queue = self.by_id[parent].task.queue
            state = self.rig.task(queue, parent).state
            assert state in (TaskState.COMPLETED, TaskState.DEAD, TaskState.CANCELLED)
        self.started[node.task.id] = self.started.get(node.task.id, 0) + 1


def check(rig: FamilyRig, seed: int) -> None:
    play = Play(rig, seed)

    play.run()

    ends = {node.task.id: TaskState(rig.state(node.task)) for node in play.nodes}
    assert ends == predict(play.nodes)
    assert rig.leftovers() == {}


@pytest.fixture
def family(redis_url: str, redis_client: redis.Redis) -> Iterator[FamilyRig]:
    rig = FamilyRig(redis_url, redis_client)
    yield rig
    rig.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_random_graph_ends_as_predicted(family: FamilyRig, seed: int) -> None:
    check(family, seed)


@pytest.mark.cluster
def test_a_random_graph_ends_as_predicted_on_a_cluster(
    cluster_server: Cluster, cluster_url: str
) -> None:
    client: redis.Redis = cluster_server.masters[0].client()
    rig = FamilyRig(cluster_url, client)

    check(rig, 100)

    rig.close()
    client.close()
