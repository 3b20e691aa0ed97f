"""Runs claimed tasks in slots: middleware and handler under a deadline, then a settle row.

A slot is one long-lived coroutine; it is handed tasks, so a task costs no `asyncio.Task`, no
`wait_for` and no lock. Deadlines are kept by one timer over all slots. A slot is stopped by
cancelling its coroutine after saying why; what the cancelled run becomes depends on the reason. The
only broad `except` of the engine is here, around the user's handler. It neither claims nor talks to
Redis: rows go to the lane.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Literal

from rediq_core.errors import TaskTimeout
from rediq_core.handlers.context import Context, Runtime
from rediq_core.handlers.outcomes import Verdict, judge
from rediq_core.handlers.payloads import encode_result
from rediq_core.handlers.registration import Registration
from rediq_core.handlers.settings import RunSettings, resolve
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.durations import format_ms
from rediq_core.verbs.exchange import Settled
from rediq_core.worker import settling
from rediq_core.worker.group_runs import GroupRun
from rediq_core.worker.handler_peer import HandlerProcessDied
from rediq_core.worker.lanes import Lane
from rediq_core.worker.slots import MAX_ID_BYTES, MAX_TYPE_BYTES, MODES, SlotTable

log = logging.getLogger("rediq.worker")
StopReason = Literal["cancel", "timeout", "lease_lost", "shutdown"]
# A run may end this much after its deadline before it is looked at again, in seconds.
SWEEP_SLACK_S = 0.005


class Slot:
    """One place for a running task.

    Attributes:
        number: Its place in the slot table.
        lane: The lane of what it runs, or None while free.
        task: What it runs, or None; of a group the first member.
        others: The other members of the group it runs.
        group: Its members' run, or None for a single task.
        context: The run's context, or None.
        incarnation: Life of the lane at the claim.
        started_s: Loop time at which the run began.
        deadline_s: Loop time at which it times out; 0 for never.
        reason: Why it was told to stop, or "".
        is_forced: Process handlers are killed at once.
    """

    __slots__ = (
        "context",
        "deadline_s",
        "group",
        "incarnation",
        "is_forced",
        "lane",
        "next",
        "number",
        "others",
        "reason",
        "runner",
        "started_s",
        "task",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.runner: asyncio.Task[None] | None = None
        self.next: asyncio.Future[tuple[Lane, ClaimedTask, Sequence[ClaimedTask]]] | None = None
        self.clear()

    def clear(self) -> None:
        """Be free."""
        self.lane: Lane | None = None
        self.task: ClaimedTask | None = None
        self.others: Sequence[ClaimedTask] = ()
        self.group: GroupRun | None = None
        self.context: Context | None = None
        self.incarnation = 0
        self.started_s = 0.0
        self.deadline_s = 0.0
        self.reason: StopReason | Literal[""] = ""
        self.is_forced = False

    def stop(self, reason: StopReason) -> None:
        """Ask the run to stop; the first reason counts."""
        if self.task is None or self.reason or self.runner is None:
            return
        self.reason = reason
        if self.context is not None:
            self.context.cancel(reason)
        self.runner.cancel()

    def cancel(self, task_id: str) -> bool:
        """Ask what it runs to stop if that is this task; returns whether it was told to stop.

        A member of a group is only marked: the others go on. When all are, the run stops.
        """
        if self.task is None or not (self.task.id == task_id or self._marks(task_id)):
            return False
        if self.others and self.group is not None and not self.group.mark_cancelled(task_id):
            return False
        self.stop("cancel")
        return True

    def _marks(self, task_id: str) -> bool:
        return any(task.id == task_id for task in self.others)


class Executor:
    """The slots of one task process. One event loop, owned by the process's main.

    Attributes:
        slots: All slots.
        processed: Finished runs.
        failed: Failed runs among them.
    """

    def __init__(
        self,
        table: SlotTable,
        runtime: Runtime,
        worker_id: str,
        on_settled: Callable[[], None],
        rng: random.Random,
    ) -> None:
        self.slots = [Slot(number) for number in range(table.slots)]
        self.processed = 0
        self.failed = 0
        self._table = table
        self._runtime = runtime
        self._token_head = f"{worker_id}#"
        self._on_settled = on_settled
        self._rng = rng
        self._free = deque(self.slots)
        self._loop = asyncio.get_running_loop()
        self._sweep: asyncio.TimerHandle | None = None
        self._after_death: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._refusal = ""

    def start(self) -> None:
        """Start the slots' coroutines."""
        for slot in self.slots:
            slot.next = self._loop.create_future()
            slot.runner = self._loop.create_task(self._serve(slot), name=f"slot-{slot.number}")

    async def aclose(self) -> None:
        """End the slots' coroutines and wait for hooks that still run; safe to call twice."""
        self._is_closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        runners = [slot.runner for slot in self.slots if slot.runner is not None]
        for runner in runners:
            runner.cancel()
        await asyncio.gather(*runners, *self._after_death, return_exceptions=True)

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    @property
    def busy(self) -> int:
        """How many slots run something."""
        return len(self.slots) - len(self._free)

    def tasks_of(self, lane: Lane) -> set[str]:
        """Ids of what runs for a lane, members of groups among them."""
        return {
            task.id
            for slot in self.slots
            if slot.lane is lane and slot.task is not None
            for task in (slot.task, *slot.others)
        }

    def dispatch(self, lane: Lane, task: ClaimedTask, others: Sequence[ClaimedTask] = ()) -> None:
        """Hand a task, or the members of a group, to a free slot."""
        if task.type not in lane.registry:
            lane.results.append(settling.held(task))
            log.warning("no handler for %s in %s; held", task.type, lane.queue)
            self._on_settled()
            return
        if self._refusal or not self._free:
            # A group for whose members this version's handler needs more than one slot, or what a
            # server that was away had claimed for slots that others filled meanwhile.
            lane.hand_back([task, *others], self._refusal or "no slot is free for it here")
            self._on_settled()
            return
        slot = self._free.popleft()
        if slot.next is not None:
            slot.next.set_result((lane, task, others))

    def begin_nothing(self, reason: str) -> None:
        """Hand back from now on what is dispatched: it was claimed before, and comes late."""
        self._refusal = reason

    def hand_back(self, slot: Slot, reason: str) -> None:
        """Hand back what a slot runs without waiting for it; its own outcome no longer counts."""
        if slot.lane is not None and slot.task is not None:
            slot.lane.hand_back([slot.task, *slot.others], reason)
            slot.reason = "lease_lost"
            self._on_settled()

    async def _serve(self, slot: Slot) -> None:
        while not self._is_closing and slot.next is not None:
            lane, task, others = await slot.next
            if lane.registry[task.type].group is None:
                row = await self._run(slot, lane, task)
            else:
                row = None
                rows = await self._run_group(slot, lane, [task, *others])
                lane.end_group(slot.incarnation, len(others))
                if rows:
                    lane.results += rows
                    self._on_settled()
            self._table.leave(slot.number)
            slot.clear()
            slot.next = self._loop.create_future()
            self._free.append(slot)
            if row is not None:
                lane.results.append(row)
                self._on_settled()

    async def _run(self, slot: Slot, lane: Lane, task: ClaimedTask) -> Settled | None:
        registration = lane.registry[task.type]
        settings = resolve(task, registration, lane.plan.defaults)
        context = self._begin(slot, lane, task, settings.timeout_ms)
        failure: BaseException
        try:
            result = await registration.call(context)
            encoded = b"" if result is None else encode_result(result)
            if slot.reason == "timeout":
                # It returned after its time: what it did may be half done.
                failure = asyncio.CancelledError()
            else:
                return self._completed(slot, task, encoded, settings)
        except BaseException as error:  # noqa: BLE001  # user code raises anything, sys.exit() too
            failure = error
        finally:
            context.finish()
        return self._stopped_or_failed(slot, task, failure, settings)

    def _begin(self, slot: Slot, lane: Lane, task: ClaimedTask, timeout_ms: int) -> Context:
        started_s = self._loop.time()
        deadline_s = started_s + timeout_ms / 1000 if timeout_ms else 0.0
        slot.lane, slot.task = lane, task
        slot.incarnation, slot.started_s, slot.deadline_s = lane.incarnation, started_s, deadline_s
        context = slot.context = Context(task, self._runtime, deadline_s or None)
        self._publish(slot, lane, task, lane.registry[task.type])
        if deadline_s:
            self._watch(deadline_s)
        return context

    async def _run_group(
        self, slot: Slot, lane: Lane, tasks: Sequence[ClaimedTask]
    ) -> list[Settled]:
        registration = lane.registry[tasks[0].type]
        group = slot.group = GroupRun(tasks, registration, lane.plan.defaults)
        slot.others = tasks[1:]
        context = self._begin(slot, lane, tasks[0], group.timeout_ms)
        context.set_members(group.members)
        encoded = b""
        failure: BaseException | None = None
        try:
            result = await registration.call(context) if group.members else None
            encoded = b"" if result is None else encode_result(result)
            if slot.reason == "timeout":
                failure = asyncio.CancelledError()
        except BaseException as error:  # noqa: BLE001  # user code, as in _run
            failure = error
        finally:
            context.finish()
        rows = (
            self._completed(slot, task, encoded, group.settings[task.id])
            if error is None
            else self._stopped_or_failed(slot, task, error, group.settings[task.id])
            for task, error in group.errors(failure)
        )
        return [row for row in rows if row is not None]

    def _completed(
        self, slot: Slot, task: ClaimedTask, encoded: bytes, settings: RunSettings
    ) -> Settled | None:
        self._uncancel(slot)
        if slot.reason == "lease_lost":
            return None
        run_s = self._loop.time() - slot.started_s
        self._count(slot.lane, task, run_s)
        return settling.completed(task, round(run_s * 1000), encoded, settings.keep_ms)

    def _stopped_or_failed(
        self, slot: Slot, task: ClaimedTask, failure: BaseException, settings: RunSettings
    ) -> Settled | None:
        lane = slot.lane
        self._uncancel(slot)
        if lane is None:
            return None
        run_s = self._loop.time() - slot.started_s
        run_ms = round(run_s * 1000)
        if slot.reason == "lease_lost":
            log.warning("lost the lease of %s (%s); its run changes nothing", task.id, task.type)
            return None
        if isinstance(failure, asyncio.CancelledError) and slot.reason:
            if slot.reason != "timeout":
                # An intent to cancel in Redis turns this release into `cancelled`.
                return settling.released(task, run_ms, slot.reason)
            failure = timed_out(task, settings.timeout_ms)
        if isinstance(failure, HandlerProcessDied):
            log.error("%s (%s) lost its handler process: %s", task.id, task.type, failure)
            lane.count_lost(task)
            return settling.lost(task, run_ms)
        outcome = judge(failure, task.type)
        self._count(lane, task, run_s)
        row = settling.failed(task, run_ms, outcome, settings, self._rng)
        is_dead = row.target.startswith("d")
        if outcome.verdict is not Verdict.SNOOZE:
            self.failed += 1
            lane.tallies.failed(task.type, outcome.failure.error_type, is_dead=is_dead)
        registration = lane.registry[task.type]
        if is_dead and registration.dead_hooks:
            self._spawn(self._run_hooks(registration, self._context_of(slot, task), failure))
        return row

    def _context_of(self, slot: Slot, task: ClaimedTask) -> Context:
        context = slot.context
        is_own = context is not None and context.task is task
        return context if context is not None and is_own else Context(task, self._runtime)

    def _count(self, lane: Lane | None, task: ClaimedTask, run_s: float) -> None:
        self.processed += 1
        if lane is not None:
            lane.count_run(task, run_s)

    def _publish(
        self, slot: Slot, lane: Lane, task: ClaimedTask, registration: Registration
    ) -> None:
        incarnation, _, seq = task.token[len(self._token_head) :].partition(":")
        self._table.enter(
            slot.number,
            (lane.number, MODES.index(registration.mode), int(incarnation), int(seq)),
            (slot.started_s, slot.deadline_s),
            (task.id.encode()[:MAX_ID_BYTES], task.type.encode()[:MAX_TYPE_BYTES]),
        )

    def _watch(self, deadline_s: float) -> None:
        if self._sweep is None:
            self._sweep = self._loop.call_at(deadline_s + SWEEP_SLACK_S, self._stop_overdue)
        elif self._sweep.when() > deadline_s + SWEEP_SLACK_S:
            self._sweep.cancel()
            self._sweep = self._loop.call_at(deadline_s + SWEEP_SLACK_S, self._stop_overdue)

    def _stop_overdue(self) -> None:
        self._sweep = None
        now_s, next_s = self._loop.time(), 0.0
        for slot in self.slots:
            if not slot.deadline_s or slot.reason:
                continue
            if slot.deadline_s <= now_s:
                slot.stop("timeout")
            elif not next_s or slot.deadline_s < next_s:
                next_s = slot.deadline_s
        if next_s:
            self._watch(next_s)

    def _uncancel(self, slot: Slot) -> None:
        runner = slot.runner
        while runner is not None and runner.cancelling():
            runner.uncancel()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._after_death.add(task)
        task.add_done_callback(self._after_death.discard)

    async def _run_hooks(
        self, registration: Registration, context: Context, failure: BaseException
    ) -> None:
        record = judge(failure, registration.type).failure
        for hook in registration.dead_hooks:
            try:
                await hook.run(registration.load, context, record)
            except Exception:
                log.exception("the on_dead hook of %s failed", registration.type)


def timed_out(task: ClaimedTask, timeout_ms: int) -> TaskTimeout:
    """Make the error of a run that passed its timeout."""
    return TaskTimeout(
        f"{task.type} ran longer than its timeout of {format_ms(timeout_ms)}.",
        next_step="Make it faster, split it, or raise its timeout.",
    )
