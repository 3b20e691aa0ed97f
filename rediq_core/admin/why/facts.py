"""What `why` has to know besides the task: the queue's policy, who works, and what is linked.

Plain reads over the keys of one queue and over the workers' rows, a few round trips in all and
bounded. They are not one instant: a reason may be over by the time it is read, as any may.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.snapshot import read_one_queue
from rediq_core.admin.workers import Roster, read_roster
from rediq_core.model.header import escape_key
from rediq_core.model.views import QueueView, TaskView, WorkerView
from rediq_core.verbs.inspect import pairs
from rediq_core.verbs.presence import LOST, Command

# Tokens are fractions kept as text: what is missing by less than this is rounding (limits.lua).
GRAIN = 0.000001
# What groups_due holds for a group that collects no longer (groups.lua).
RIPE_MS = 10**15
# Unmet parents and types of unroutable tasks that are named.
NAMED = 5


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """A queue, its limits as they stand, and who takes from it.

    Attributes:
        view: Its numbers.
        policy: Its policy fields as text.
        roster: All workers of the last day.
        held_types: Types of unroutable tasks, at most NAMED.
    """

    view: QueueView
    policy: Mapping[str, str]
    roster: Roster
    held_types: tuple[str, ...] = ()

    @property
    def at_ms(self) -> int:
        """Server time of the reading."""
        return self.view.at_ms

    @property
    def present(self) -> tuple[WorkerView, ...]:
        """Workers of this queue that live, paused and draining ones too."""
        return tuple(worker for worker in self._ours if worker.state not in (LOST, "stopped"))

    @property
    def taking(self) -> tuple[WorkerView, ...]:
        """Workers that take tasks from this queue now."""
        return tuple(worker for worker in self.present if worker.state == "running")

    @property
    def lost(self) -> tuple[WorkerView, ...]:
        """Workers of this queue that were lost in the last day."""
        return tuple(worker for worker in self._ours if worker.state == LOST)

    @property
    def _ours(self) -> tuple[WorkerView, ...]:
        return tuple(worker for worker in self.roster.workers if self.view.name in worker.queues)

    @property
    def known_types(self) -> frozenset[str]:
        """Types that workers of this queue can run; empty if none says so."""
        return frozenset(kind for worker in self.present for kind in worker.types)

    def queues_of_type(self, kind: str) -> tuple[str, ...]:
        """Return the other queues that live workers with a handler for this type take from."""
        found = {
            queue
            for worker in self.roster.workers
            if worker.state not in (LOST, "stopped") and kind in worker.types
            for queue in worker.queues
        }
        return tuple(sorted(found - {self.view.name}))

    def concurrency(self) -> int:
        """Return the limit of running tasks over all workers, or 0."""
        return _whole(self.policy.get("concurrency"))

    def next_token_ms(self) -> int:
        """Return when the rate allows the next start, or 0 if it allows one now."""
        rate, per_ms = _whole(self.policy.get("rate")), _whole(self.policy.get("rate_ms"))
        if not rate or not per_ms:
            return 0
        burst = float(_whole(self.policy.get("burst")) or 1)
        filled = self.at_ms - _whole(self.policy.get("tokens_ms"), self.at_ms)
        tokens = min(burst, _number(self.policy.get("tokens"), burst) + filled * rate / per_ms)
        if tokens + GRAIN >= 1:
            return 0
        return self.at_ms + math.ceil((1 - tokens - GRAIN) * per_ms / rate)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What lies around one task.

    Attributes:
        rank: Tasks before it in `pending`, or -1.
        in_line: Tasks in `pending`.
        unmet: Parents it still waits for.
        lease_ms: When the lease of its worker ends; 0 if it has none.
        key_owner: Who holds its unique key, or "".
        group_size: Tasks collected in its group.
        group_due_ms: When its group is ripe at the latest, or 0.
        is_group_ripe: Its group collects no longer: it can be claimed.
    """

    rank: int = -1
    in_line: int = 0
    unmet: tuple[str, ...] = ()
    lease_ms: int = 0
    key_owner: str = ""
    group_size: int = 0
    group_due_ms: int = 0
    is_group_ripe: bool = False


def read_queue_facts(access: Access, queue: str) -> QueueFacts:
    """Read what decides whether a queue moves: 8 round trips, O(workers)."""
    view = read_one_queue(access, queue)
    policy_key = keys.queue_key(access.namespace, queue, "policy")
    (policy,) = access.commands([("HGETALL", policy_key)], key=policy_key)
    held = _held_types(access, queue) if view.held else ()
    return QueueFacts(view, pairs(policy), read_roster(access), held)


def _held_types(access: Access, queue: str) -> tuple[str, ...]:
    """Return the types of unroutable tasks, one look-up each."""
    key = keys.queue_key(access.namespace, queue, "held")
    found: list[str] = []
    after = "-"
    while len(found) < NAMED:
        (members,) = access.commands([("ZRANGEBYLEX", key, after, "+", "LIMIT", 0, 1)], key=key)
        if not members:
            break
        kind = members[0].decode("utf-8", "replace").partition(">")[0]
        found.append(kind)
        # "?" is the character behind ">": the first member of another type.
        after = f"({kind}?"
    return tuple(found)


def read_task_facts(access: Access, task: TaskView) -> TaskFacts:
    """Read what lies around a task: 1 round trip."""
    owner = escape_key(task.unique_key)
    group = f"{task.type}/{task.group}"
    incarnation = task.token.rpartition(":")[0]

    def key(name: str) -> str:
        return keys.queue_key(access.namespace, task.queue, name)

    commands: list[Command] = [
        ("ZRANK", key("pending"), task.id),
        ("ZCARD", key("pending")),
        ("ZRANGEBYLEX", key("needs"), f"[{task.id}>", f"({task.id}?", "LIMIT", 0, 100),
        ("ZSCORE", key("leases"), incarnation),
        ("HGET", key("unique"), owner),
        ("ZLEXCOUNT", key("groups"), f"[{group}>", f"({group}?"),
        ("ZSCORE", key("groups_due"), group),
        ("ZSCORE", key("groups_due"), f"{group}<"),
    ]
    rank, in_line, needs, lease, held, size, *due = access.commands(commands, key=key("pending"))
    # Two times at which it is ripe: after the last one came, and after the first one did.
    ripe_ms = min((_whole(score) for score in due if score is not None), default=0)
    return TaskFacts(
        rank=-1 if rank is None else int(rank),
        in_line=int(in_line),
        unmet=_parents(needs),
        lease_ms=_whole(lease),
        key_owner=held.decode("utf-8", "replace").rpartition("|")[0] if held and owner else "",
        group_size=int(size) if task.group else 0,
        group_due_ms=ripe_ms if task.group and ripe_ms < RIPE_MS else 0,
        is_group_ripe=bool(task.group) and ripe_ms >= RIPE_MS,
    )


def _parents(members: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(member.decode("utf-8", "replace").partition(">")[2] for member in members)


def _whole(value: object, default: int = 0) -> int:
    return int(_number(value, float(default)))


def _number(value: object, default: float) -> float:
    """Read a number that something else may have written."""
    if not isinstance(value, str | bytes | int | float):
        return default
    try:
        number = float(value)
    except ValueError:
        return default
    return number if math.isfinite(number) else default
