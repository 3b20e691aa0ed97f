"""A consumer's view of one queue: what it holds there, what it believes, what to ask next.

Plain state without I/O; the consumer sends what `request` builds and hands back the reply. A lane
has at most one request under way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rediq_core import keys
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.handlers.registration import Registration
from rediq_core.handlers.settings import Defaults
from rediq_core.metrics.tallies import Tallies
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.history import RUN_FIELDS, WAIT_FIELDS, bucket_of
from rediq_core.model.limits import Limits
from rediq_core.scripts.call import Call, Space
from rediq_core.verbs.exchange import (
    MAX_CLAIM,
    MAX_SETTLE,
    Asker,
    ExchangeReply,
    ExchangeStatus,
    Retention,
    Settled,
    exchange,
)
from rediq_core.worker import settling
from rediq_core.worker.group_runs import together

# Seconds between looks at a queue believed empty: markers tell earlier, this is for lost ones.
IDLE_LOOK_S = 20.0


@dataclass(frozen=True, slots=True)
class LanePlan:
    """How a worker treats one queue.

    Attributes:
        queue: Its name.
        weight: Share of the claims, against the other queues.
        slots: At most so many of this process at once; 0 for no limit of its own.
        defaults: Settings for tasks and types that say nothing.
        retention: What settling trims by.
        limits: What the configuration declares over all workers; None if it says nothing of the
            queue.
        limits_rev: Revision of that configuration.
    """

    queue: str
    weight: int
    slots: int
    defaults: Defaults
    retention: Retention
    limits: Limits | None = None
    limits_rev: int = 0


class Lane:
    """What one task process knows of one queue.

    Attributes:
        plan: How to treat the queue.
        number: Its place in the slot table.
        registry: Handlers by type.
        group_rules: How its group handlers collect, by type.
        incarnation: Number of the present life in this queue; a lost lease ends it.
        held: Tasks claimed and not settled yet.
        results: Settles that were not sent yet.
        may_have: Something may be claimable now.
        look_at_s: Loop time of the next look.
        suspects: Tasks that wait to run alone.
        credit: Balance of the weighted round robin.
        is_doubted: The keeper found no lease; the next exchange says whether it is lost.
        stock_at_s: Loop time from which to take stock, as Redis was away and may have come back
            without the last settles; infinite when all is known.
        pause_until_s: Loop time until which Redis refusing it is not asked again.
        histogram: Counts for the queue's minute, by field, that were not sent yet.
        tallies: Counts for the parent, by type.
    """

    def __init__(
        self,
        plan: LanePlan,
        number: int,
        registry: Mapping[str, Registration],
        space: Space,
        worker: tuple[str, int],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.plan = plan
        self.number = number
        self.registry = registry
        self.incarnation = 0
        self.held = 0
        self.results: list[Settled] = []
        self.may_have = True
        self.look_at_s = 0.0
        self.suspects = 0
        self.credit = 0
        self.is_doubted = False
        self.stock_at_s = math.inf
        self.pause_until_s = 0.0
        self.histogram: dict[str, int] = {}
        self.tallies = Tallies()
        self._space = space
        self._clock = clock
        self._worker_id, self._lease_ms = worker
        self._seq = 0
        self._sent = 0
        self._types = " ".join(sorted(registry))
        self.group_rules = {name: r.group for name, r in registry.items() if r.group is not None}
        self._held_there = 0  # tasks of unknown types, as last read
        self._held_asked = 0  # how many there were when we last asked for ours and got none
        self._asks_types = False
        # A marker came after the last request, whose reply may know nothing of what it is about.
        self._is_woken = False
        # By how much the server's clock is ahead of ours, as of the last reply.
        self._ahead_ms = 0
        self.renew_life()

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self.plan.queue

    @property
    def seq(self) -> int:
        """Number of the last request; part of the tokens of what it claimed."""
        return self._seq

    @property
    def life(self) -> str:
        """The present incarnation, as tokens name it."""
        return f"{self._worker_id}#{self.incarnation}"

    def renew_life(self) -> None:
        """Begin a new incarnation: what the old one held is not ours any more."""
        self.incarnation += 1
        self.held = 0
        self.is_doubted = False
        self._companions = 0  # members of groups beside the first: they share its slot
        self._asker = Asker(
            self._space,
            self.queue,
            self.life,
            self._lease_ms,
            self.plan.retention,
        )

    def room(self, free: int) -> int:
        """Return how many of the process's free slots this queue may fill."""
        if not self.plan.slots:
            return free
        return min(free, self.plan.slots - self.held + self._companions)

    def request(self, want: int, now_ms: int, *, is_solo: bool) -> Call[ExchangeReply]:
        """Build the next request: settle what there is, claim up to `want`."""
        self._seq += 1
        self._is_woken = False
        settles = self.results[:MAX_SETTLE]
        self._sent = len(settles)
        histogram = ""
        if self.histogram:
            histogram = " ".join(f"{field} {n}" for field, n in self.histogram.items())
            self.histogram = {}
        self._asks_types = want > 0 and self._held_there not in (0, self._held_asked)
        return exchange(
            self._asker,
            self._seq,
            min(want, MAX_CLAIM),
            settles,
            minute=keys.minute_of(now_ms + self._ahead_ms),
            is_first=self.held == 0,
            is_last=self.held <= len(settles),
            is_solo=is_solo,
            types=self._types if self._asks_types else "",
            histogram=histogram,
        )

    def take(self, reply: ExchangeReply, want: int, loop_s: float) -> bool:
        """Learn from a reply; returns False if the lease is lost and a new life begins."""
        self.results = self.results[self._sent :]
        self.held += len(reply.claimed) + len(reply.unreadable) - self._sent
        self._ahead_ms = reply.now_ms - self._clock.now_ms()
        self.suspects = reply.suspects
        self.is_doubted = False
        if reply.status is ExchangeStatus.LOST:
            return False
        # Held tasks are asked for once per change of their number, not in a circle.
        self._held_there = reply.held
        if self._asks_types and not reply.claimed:
            self._held_asked = reply.held
        is_full = want > 0 and len(reply.claimed) >= min(want, MAX_CLAIM)
        self.may_have = is_full or self._is_woken or self._held_there not in (0, self._held_asked)
        self.look_at_s = loop_s + IDLE_LOOK_S
        if reply.due_ms:
            wait_s = max(reply.due_ms - reply.now_ms, 0) / 1000
            self.look_at_s = min(self.look_at_s, loop_s + wait_s)
        if want == 0 and reply.pending > 0:
            self.may_have = True
        return True

    def runs_of(
        self, claimed: Sequence[ClaimedTask]
    ) -> list[tuple[Lane, ClaimedTask, Sequence[ClaimedTask]]]:
        """Return what claimed tasks make as runs: each its first task and its group's others."""
        if not self.group_rules:
            return [(self, task, ()) for task in claimed]
        runs = together(claimed, self.registry)
        self._companions += len(claimed) - len(runs)
        return [(self, task, others) for task, others in runs]

    def end_group(self, incarnation: int, companions: int) -> None:
        """A run of a group has ended, with so many members beside the first."""
        if incarnation == self.incarnation:
            self._companions -= companions

    def hand_back(self, tasks: Sequence[ClaimedTask], reason: str) -> None:
        """Settle tasks as not run: at their place again, no attempt used."""
        self.results += [settling.released(task, 0, reason) for task in tasks]

    def count_run(self, task: ClaimedTask, run_s: float) -> None:
        """Count a finished run; on the hot path."""
        wait_ms = max(task.claimed_ms - task.ready_ms, 0)
        histogram = self.histogram
        field = RUN_FIELDS[bucket_of(round(run_s * 1000))]
        histogram[field] = histogram.get(field, 0) + 1
        field = WAIT_FIELDS[bucket_of(wait_ms)]
        histogram[field] = histogram.get(field, 0) + 1
        self.tallies.finished(task.type, run_s, wait_ms / 1000)

    def count_lost(self, task: ClaimedTask) -> None:
        """Count a run whose handler process died."""
        self.histogram["lost"] = self.histogram.get("lost", 0) + 1
        self.tallies.lost(task.type)

    def unsettled(self) -> set[str]:
        """Ids of what has ended and was not settled yet."""
        return {settled.id for settled in self.results}

    def hand_back_forgotten(self, releases: Sequence[Settled]) -> None:
        """Settle what this life holds on record and does not know."""
        self.results += releases
        self.held += len(releases)

    def key(self, name: str) -> str:
        """Return one of the queue's keys."""
        return keys.queue_key(self._space.namespace, self.queue, name)

    def server_ms(self) -> int:
        """The server's time, as of the last reply."""
        return self._clock.now_ms() + self._ahead_ms

    def refuse(self, until_s: float) -> None:
        """Redis refused the request and did nothing: wait, then send the same settles again."""
        self.pause_until_s = until_s
        self._sent = 0

    def wake(self, *, is_marker: bool) -> None:
        """Believe that there may be something: a marker came, or it is time to look."""
        self.may_have = True
        self._held_asked = 0  # as many as then, and others
        if is_marker:
            self._is_woken = True
        else:
            self._held_asked = 0
