"""Random graphs of dependent tasks, and what must become of each task, in plain Python.

The prediction knows nothing of edges, outboxes or relays: a task's fate follows from those of its
parents, from its policy, and from whether its own run would succeed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from rediq_core.model.state import TaskState
from rediq_core.model.task import OnFailure, Task

QUEUES = ("a", "b", "c", "d", "e", "f")
# Tasks without parents among all; most others get one or two, some many.
ROOTS = 0.15


@dataclass(frozen=True, slots=True)
class Node:
    """One task of a graph.

    Attributes:
        task: What is enqueued.
        will_fail: Its run, if it comes to that, fails for good.
    """

    task: Task[object]
    will_fail: bool


def random_graph(
    rng: random.Random, size: int, *, failing: float = 0.1, type_name: str = "work"
) -> list[Node]:
    """Return a graph in an order in which parents need not come before their children."""
    nodes: list[Node] = []
    for number in range(size):
        parents: list[str | Task[object]] = []
        if nodes and rng.random() > ROOTS:
            count = min(len(nodes), rng.choice([1, 1, 1, 2, 2, 3, 8]))
            chosen = rng.sample(nodes, count)
            # By id and by Task, as producers do.
            parents = [n.task if rng.random() < 0.5 else n.task.id for n in chosen]
        policy: OnFailure = rng.choice(["fail", "fail", "run", "cancel"])
        will_fail = rng.random() < failing
        task: Task[object] = Task(
            type_name,
            {"number": number, "fails": will_fail},
            queue=rng.choice(QUEUES),
            priority=rng.choice([0, 50, 100]),
            max_retry=rng.choice([0, 1]),
            backoff=[0.01],
            depends_on=parents,
            on_dependency_failure=policy,
        )
        nodes.append(Node(task, will_fail))
    rng.shuffle(nodes)
    return nodes


def predict(nodes: list[Node]) -> dict[str, TaskState]:
    """Return what each task of a graph must end as, if nobody interferes."""
    by_id = {node.task.id: node for node in nodes}
    ends: dict[str, TaskState] = {}
    while len(ends) < len(nodes):
        for node in nodes:
            parents = node.task.parent_ids
            if node.task.id not in ends and all(parent in ends for parent in parents):
                ends[node.task.id] = _end(by_id[node.task.id], ends)
    return ends


def _end(node: Node, ends: Mapping[str, TaskState]) -> TaskState:
    is_bad = any(ends[parent] is not TaskState.COMPLETED for parent in node.task.parent_ids)
    if is_bad and node.task.on_dependency_failure == "fail":
        return TaskState.DEAD
    if is_bad and node.task.on_dependency_failure == "cancel":
        return TaskState.CANCELLED
    return TaskState.DEAD if node.will_fail else TaskState.COMPLETED
