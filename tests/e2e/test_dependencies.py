"""Dependent tasks with real workers: told at once, and as predicted when workers are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.model.views import TaskView
from tests.support.graphs import QUEUES, Node, predict, random_graph
from tests.support.servers import standalone
from tests.support.waiting import wait_until
from tests.support.workers import Worker

MODULE = "tests.e2e.handlers_for_graphs"
FINAL = (TaskState.COMPLETED, TaskState.DEAD, TaskState.CANCELLED)
KILLS = 8


def test_children_are_told_at_once_and_given_their_parents_results() -> None:
    with standalone() as server, SyncClient(server.url) as client:
        running = Worker(server.url, "--queues", "default,sums", module=MODULE)
        try:
            numbers = [Task("graph:number", n) for n in (3, 4, 5)]
            total: Task[object] = Task("graph:sum", queue="sums", depends_on=numbers)
            client.enqueue_many([total, *numbers])

            assert client.result(total, "20s") == 12
            # Each number enqueued a child of its own run; these were told too.
            sums = server.client()
            wait_until(lambda: sums.zcard("rediq:{sums}:completed") == 4, "own children ran")
            view = client.get(total.id)
            parents = [client.get(task.id) for task in numbers]
            waited_ms = view.timeline[-1].claimed_ms - max(p.finished_ms for p in parents)
            # Far from the minute of the sweep.
            assert waited_ms < 2_000
            sums.close()
            assert running.stop() == 0
        finally:
            running.close()


def test_a_worker_that_ends_when_all_is_done_waits_for_children_to_be_told() -> None:
    with standalone() as server, SyncClient(server.url) as client:
        chain: list[Task[object]] = [Task("graph:sum", queue="q0")]
        for level in range(1, 30):
            chain.append(Task("graph:sum", queue=f"q{level % 3}", depends_on=chain[-1]))
        client.enqueue_many(chain)
        running = Worker(server.url, "--queues", "q0,q1,q2", "--burst", module=MODULE)
        try:
            assert running.process.wait(40) == 0
            assert {client.get(task.id).state for task in chain} == {TaskState.COMPLETED}
        finally:
            running.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_random_graphs_end_as_predicted_while_workers_are_killed(seed: int) -> None:
    rng = random.Random(seed)
    nodes = random_graph(rng, 200, type_name="graph:work")
    words = ("--queues", ",".join(QUEUES), "--processes", "2", "--concurrency", "5")
    with standalone() as server, SyncClient(server.url, deadline=20) as client:
        workers = [Worker(server.url, *words, module=MODULE) for _ in range(2)]
        try:
            client.enqueue_many([node.task for node in nodes])
            for kill in range(KILLS):
                until = time.monotonic() + rng.uniform(0.2, 0.8)
                wait_until(partial(is_past, until), "work is under way")
                victim = workers[kill % 2]
                if kill == KILLS // 2:
                    # All of it, its supervisor first: its tasks come back when leases run out.
                    victim.close()
                    workers[kill % 2] = Worker(server.url, *words, module=MODULE)
                else:
                    for pid in victim.children()[:1]:
                        os.kill(pid, signal.SIGKILL)

            wait_until(lambda: is_over(client, nodes), "every task has ended", timeout_s=180)
        finally:
            for running in workers:
                running.close()
        views = {node.task.id: client.get(node.task.id) for node in nodes}
        assert {id_: view.state for id_, view in views.items()} == predict(
            with_poison(nodes, views)
        )
        assert [early for node in nodes if (early := started_early(node, views))] == []
        redis = server.client()
        for queue in QUEUES:
            assert redis.zcard(f"rediq:{{{queue}}}:waiting") == 0
        redis.close()


def is_past(moment_s: float) -> bool:
    return time.monotonic() > moment_s


def is_over(client: SyncClient, nodes: list[Node]) -> bool:
    return all(client.get(node.task.id).state in FINAL for node in nodes)


def with_poison(nodes: list[Node], views: dict[str, TaskView]) -> list[Node]:
    """A task that was running in three processes that were killed dies of it, as it should."""
    return [
        Node(node.task, node.will_fail or views[node.task.id].timeline[-1].kind == "poison")
        for node in nodes
    ]


def started_early(node: Node, views: dict[str, TaskView]) -> str:
    """Return a task's id if it was claimed before one of its parents had ended."""
    claims = [e.claimed_ms for e in views[node.task.id].timeline if e.claimed_ms]
    ends = [views[parent].finished_ms for parent in node.task.parent_ids]
    return node.task.id if claims and ends and min(claims) < max(ends) else ""
