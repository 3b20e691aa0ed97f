"""The judge: what the ledger, the faults and the servers' last word say together.

* lost: a task was acknowledged, and is not there, not finished, finished without an effect, or dead
  though nothing made it fail.
* duplicate: a run began though the one before did not fail. Only this explains it: its process was
  killed, or kept from renewing for most of a lease, or told to end and its grace was over.
* violation: settled twice, settled by a run that had lost its claim, a child before its parent, a
  unique key with two owners, a less urgent task before a more urgent one, or keys left over.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.worker.settling import FORGOTTEN
from tests.chaos.ledger import Row
from tests.chaos.nemesis import Fault
from tests.chaos.scene import GRACE_S, LEASE_S

# Leases are renewed each third; a stop of this length may let one run out.
_LEASE_GAP_MS = 0.6 * LEASE_S * 1000
# A run begins so long after its claim, at most: it may have been claimed before the fault.
_CLAIMED_MS = 1_000
_POISON_LOSSES = 3
_FINAL_WORDS = frozenset({"completed", "dead", "cancelled", "poison", "expired"})
_BLURRING = frozenset(
    {
        *("drop_replies", "delay", "reset", "black_hole", "refuse", "kill_clients"),
        *("pause_server", "restart_server", "fail_over", "switch_over", "move_slot"),
    }
)
FINAL = frozenset({TaskState.COMPLETED, TaskState.DEAD, TaskState.CANCELLED})


@dataclass
class Asked:
    """One task in the ledger."""

    id: str
    said: dict[str, object]
    asked_ms: int
    answer: str = ""
    acked_ms: int = 0
    starts: list[Row] = field(default_factory=list)
    effects: list[Row] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)


@dataclass
class Verdict:
    """What was found.

    Attributes:
        lost: Id to why.
        unexplained: Id to why.
        violations: What and, where there is one, the id.
        explained: Kind of fault to how many duplicates it explains.
        poisoned: Ids that lost three workers and are dead for it.
        numbers: Counts for the report.
    """

    lost: dict[str, str] = field(default_factory=dict)
    unexplained: dict[str, str] = field(default_factory=dict)
    violations: list[tuple[str, str]] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    poisoned: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing unexplained, nothing violated."""
        return not (self.lost or self.unexplained or self.violations)

    def suspects(self) -> list[str]:
        """The ids that something is wrong with."""
        ids = [*self.lost, *self.unexplained, *(task_id for _, task_id in self.violations)]
        return list(dict.fromkeys(task_id for task_id in ids if task_id))


def read_asked(rows: Iterable[Row]) -> dict[str, Asked]:
    """Put the ledger's rows together by task."""
    tasks: dict[str, Asked] = {}
    for row in rows:
        if row.event == "ask":
            tasks.setdefault(row.id, Asked(row.id, json.loads(row.note), row.ms))
            continue
        task = tasks[row.id]
        if row.event in ("ack", "refused", "unsure"):
            task.answer = row.event
            task.acked_ms = row.ms
        elif row.event == "start":
            task.starts.append(row)
        elif row.event == "effect":
            task.effects.append(row)
        elif row.event == "fail":
            task.fails.add(row.token)
    return tasks


def judge(
    tasks: dict[str, Asked], faults: Sequence[Fault], views: dict[str, TaskView | None]
) -> Verdict:
    """Judge every task that was asked for."""
    verdict = Verdict()
    for task in tasks.values():
        view = views.get(task.id)
        _judge_runs(task, faults, verdict)
        _judge_end(task, view, verdict)
        if view is not None:
            _judge_settling(task, view, verdict)
        _judge_parents(task, tasks, verdict)
    _judge_keys(tasks.values(), views, verdict)
    _judge_order(tasks.values(), faults, views, verdict)
    answers = Counter(task.answer or "none" for task in tasks.values())
    verdict.numbers = {
        "asked": len(tasks),
        "acknowledged": answers["ack"],
        "refused": answers["refused"],
        "unsure": answers["unsure"] + answers["none"],
        "runs": sum(len(task.starts) for task in tasks.values()),
        "effects": sum(len(task.effects) for task in tasks.values()),
        "explained_duplicates": verdict.explained.total(),
    }
    return verdict


def _judge_runs(task: Asked, faults: Sequence[Fault], verdict: Verdict) -> None:
    for before, again in pairwise(task.starts):
        if before.token == again.token:
            verdict.unexplained[task.id] = f"claim {again.token} was run twice"
        elif before.token not in task.fails:
            kind = explain(before, again, faults)
            if kind:
                verdict.explained[kind] += 1
            else:
                verdict.unexplained[task.id] = f"claim {before.token} was taken away"


def explain(before: Row, again: Row, faults: Sequence[Fault]) -> str:
    """Return the kind of fault that may have taken a run from its process, or ""."""
    for fault in faults:
        overlaps = (
            fault.from_ms <= again.ms and (fault.to_ms or again.ms) >= before.ms - _CLAIMED_MS
        )
        is_long = fault.to_ms - fault.from_ms >= _LEASE_GAP_MS
        is_thawed = fault.from_ms <= again.ms <= fault.to_ms + _CLAIMED_MS
        is_drained = before.ms <= fault.from_ms + _CLAIMED_MS and (
            fault.from_ms + 0.9 * GRACE_S * 1000 <= again.ms
        )
        if (
            (overlaps and before.pid in fault.ends)
            or (overlaps and is_long and before.pid in fault.freezes)
            or (is_drained and before.pid in fault.drains)
            # Claimed first, and frozen before it began: it begins when it thaws.
            or (is_long and again.pid in fault.freezes and is_thawed)
        ):
            return fault.kind
    return ""


def _judge_end(task: Asked, view: TaskView | None, verdict: Verdict) -> None:
    if task.answer == "refused":
        if task.starts:
            verdict.violations.append(("ran though it was refused", task.id))
    elif view is None:
        if task.answer == "ack" or task.starts:
            verdict.lost[task.id] = "no server knows it"
    elif task.answer == "ack":
        why = _why_lost(task, view)
        if why:
            verdict.lost[task.id] = why
        elif view.timeline and view.timeline[-1].kind == "poison":
            verdict.poisoned.append(task.id)


def forgotten(views: Mapping[str, TaskView | None]) -> list[tuple[str, str]]:
    """Return the tasks that a process had claimed and knew nothing of.

    A failover that loses a settle makes them. Where none can be lost, a claim was forgotten, and
    that the process noticed excuses nothing.
    """
    return [
        ("claimed and forgotten", task_id)
        for task_id, view in views.items()
        if view is not None and any(entry.note == FORGOTTEN for entry in view.timeline)
    ]


def _why_lost(task: Asked, view: TaskView) -> str:
    """Return why an acknowledged task that a server knows is lost all the same, or ""."""
    if view.state not in FINAL:
        return f"is {view.state} for ever"
    kinds = Counter(entry.kind for entry in view.timeline)
    if view.state is TaskState.COMPLETED:
        return "" if task.effects else "completed without an effect"
    if kinds["poison"]:
        losses = kinds["lost"] + kinds["poison"]
        return "" if losses >= _POISON_LOSSES else f"given up after {losses} losses"
    # A task whose parent failed is judged by its parent.
    if task.said["never"] or kinds["dependency_failed"]:
        return ""
    return f"is {view.state}, and nothing made it fail"


def _judge_settling(task: Asked, view: TaskView, verdict: Verdict) -> None:
    finals = [entry.kind for entry in view.timeline if entry.kind in _FINAL_WORDS]
    if view.state in FINAL and len(finals) > 1:
        verdict.violations.append((f"settled {len(finals)} times: {', '.join(finals)}", task.id))
    if view.state is TaskState.COMPLETED and task.starts:
        token = view.result
        if token not in {row.token for row in task.effects}:
            verdict.violations.append((f"settled by {token}, which had no effect", task.id))
        elif any(is_newer(row, token, task, view) for row in task.starts):
            verdict.violations.append((f"settled by {token}, which had lost its claim", task.id))


def is_newer(row: Row, token: object, task: Asked, view: TaskView) -> bool:
    """Whether a run began after the one that was settled, and before it was settled."""
    (settled,) = [start for start in task.starts if start.token == token][:1]
    return row.token != token and settled.order < row.order and row.ms < view.finished_ms


def _judge_parents(task: Asked, tasks: dict[str, Asked], verdict: Verdict) -> None:
    parents = task.said["parents"]
    assert isinstance(parents, list)
    for parent in parents:
        effects = tasks[parent].effects if parent in tasks else []
        if task.starts and not (effects and effects[0].order < task.starts[0].order):
            verdict.violations.append((f"began before its parent {parent} had ended", task.id))


def _judge_keys(
    tasks: Iterable[Asked], views: dict[str, TaskView | None], verdict: Verdict
) -> None:
    holders: dict[object, list[tuple[Asked, TaskView]]] = defaultdict(list)
    for task in tasks:
        view = views.get(task.id)
        if task.said["unique"] and task.answer == "ack" and view is not None:
            holders[task.said["unique"]].append((task, view))
    for key, pairs in holders.items():
        pairs.sort(key=lambda pair: pair[0].acked_ms)
        for (first, view), (second, _) in pairwise(pairs):
            if first.acked_ms < second.asked_ms and view.finished_ms > second.acked_ms:
                verdict.violations.append((f"key {key} was {first.id}'s still", second.id))


def _judge_order(
    tasks: Iterable[Asked],
    faults: Sequence[Fault],
    views: dict[str, TaskView | None],
    verdict: Verdict,
) -> None:
    """A more urgent task that was there is claimed before a less urgent one of its queue.

    Only tasks of one smooth run count: what was lost or handed back had its turn before. Nor do
    those claimed while answers got lost: such a claim is dated by the answer that arrived.
    """
    blurs = [
        (fault.from_ms, fault.to_ms + _CLAIMED_MS) for fault in faults if fault.kind in _BLURRING
    ]
    queues: dict[object, list[tuple[int, int, int, str]]] = defaultdict(list)
    for task in tasks:
        view = views.get(task.id)
        if view is None or task.answer != "ack" or not task.said["plain"]:
            continue
        if [entry.kind for entry in view.timeline] == ["completed"] and len(task.starts) == 1:
            claimed_ms = view.timeline[0].claimed_ms
            if any(first <= claimed_ms <= last for first, last in blurs):
                continue
            queues[view.queue].append((claimed_ms, view.priority, task.acked_ms, task.id))
    for rows in queues.values():
        rows.sort()
        for i, (claimed_ms, priority, _, task_id) in enumerate(rows):
            for later_ms, urgent, acked_ms, urgent_id in rows[i + 1 :]:
                if urgent < priority and acked_ms < claimed_ms < later_ms:
                    verdict.violations.append((f"went before {urgent_id}, more urgent", task_id))
                    break
