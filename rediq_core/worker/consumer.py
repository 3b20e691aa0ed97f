"""The consumer: one loop that settles and claims for all queues of a task process.

A turn writes the next exchange to the socket, then hands the batch of the turn before to the slots,
then reads the reply: server and handlers work at once. When there is nothing to settle or claim it
sleeps until a run ends, a marker arrives, a due time comes or a command is given. It never claims
more than it has free slots. A reply that never came is asked for again with the same number, for
ever: Redis answers a repeat with what the first one did. In a Cluster the turns of a server that is
away stand aside meanwhile. If the process dies anywhere here, its lease runs out, or its parent
reaps it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rediq_core.clock import Clock
from rediq_core.connection.aio import AsyncLink
from rediq_core.model.claimed import ClaimedTask
from rediq_core.verbs.exchange import ExchangeReply
from rediq_core.worker import settling
from rediq_core.worker.exchanging import Exchanging
from rediq_core.worker.executor import Executor
from rediq_core.worker.lanes import Lane
from rediq_core.worker.marker import MarkerListener
from rediq_core.worker.slots import DRAINING, PAUSED, RUNNING, SlotTable
from rediq_core.worker.solitude import Solitude
from rediq_core.worker.stocktaking import take_stock
from rediq_core.worker.turns import Turn, heaviest

log = logging.getLogger("rediq.worker")
# Longest sleep, in seconds: the parent's watchdog wants to see turns.
LONGEST_SLEEP_S = 5.0


@dataclass(frozen=True, slots=True)
class ConsumerHooks:
    """What the consumer tells its process.

    Attributes:
        deliver: Tells children of these parents of a queue that they finished.
        on_lost: A lane lost its lease.
        on_spent: It has claimed all that it may, and claims no more.
    """

    deliver: Callable[[str, Sequence[str]], Awaitable[None]]
    on_lost: Callable[[Lane], None]
    on_spent: Callable[[], None]


class Consumer:
    """The loop. One task process has one.

    Attributes:
        lanes: One a queue, in the configured order.
    """

    def __init__(
        self,
        link: AsyncLink,
        lanes: Sequence[Lane],
        executor: Executor,
        table: SlotTable,
        hooks: ConsumerHooks,
        clock: Clock,
        *,
        is_strict: bool = False,
        max_claims: int = 0,
    ) -> None:
        self.lanes = list(lanes)
        self._link = link
        self._executor = executor
        self._table = table
        self._hooks = hooks
        self._clock = clock
        self._is_strict = is_strict
        self._loop = asyncio.get_running_loop()
        self._exchanging = Exchanging(
            link, self.lanes, on_written=self._go_on, on_answered=self.ring, beat=self._beat
        )
        wake_keys = {lane.key("wake"): lane for lane in lanes}
        self._listener = MarkerListener(
            link, wake_keys, self._can_take, self._on_marker, self._on_lost
        )
        self._bell = asyncio.Event()
        # What was claimed and not handed over: a lane, a task, and the others of its group.
        self._batch: list[tuple[Lane, ClaimedTask, Sequence[ClaimedTask]]] = []
        # A turn that a marker began while the loop slept.
        self._begun: Turn | None = None
        self._is_asleep = False
        self._is_claiming = True
        self._is_paused = False
        self._solitude = Solitude()
        self._lag_ms = 0
        self._has_limit = max_claims > 0
        self._claims_left = max_claims

    def ring(self) -> None:
        """Have the loop look again: a run ended, or a command came."""
        self._bell.set()

    def stop_claiming(self) -> None:
        """Claim nothing any more; settles go on."""
        self._is_claiming = False
        self.ring()

    def pause(self, *, is_paused: bool) -> None:
        """Claim nothing for a while, or go on."""
        self._is_paused = is_paused
        self.ring()

    @property
    def is_drained(self) -> bool:
        """Nothing runs and nothing waits to be settled."""
        return not self._batch and self._executor.busy == 0 and not self.has_results

    @property
    def is_flushed(self) -> bool:
        """Redis knows all that ended, and no reply is under way that may bring tasks."""
        return not (self._batch or self.has_results or self._exchanging.is_asking)

    @property
    def has_results(self) -> bool:
        """Something waits to be settled."""
        return any(lane.results for lane in self.lanes)

    async def run(self) -> None:
        """Settle and claim until claiming was stopped and everything is settled."""
        self._listener.start()
        try:
            while self._is_under_way:
                for answered in self._exchanging.answered():
                    await self._take(*answered)
                turn = self._next_turn()
                if turn is None:
                    self._go_on()
                    await self._sleep()
                else:
                    reply = await self._exchanging.ask(turn)
                    if reply is not None:
                        await self._take(turn, reply)
                self._beat()
        finally:
            await self._listener.aclose()
            await self._exchanging.aclose()

    @property
    def _is_under_way(self) -> bool:
        has_turn = self._begun is not None or self._exchanging.is_waiting()
        return self._is_claiming or has_turn or not self.is_drained

    def _beat(self) -> None:
        state = RUNNING if self._is_claiming else DRAINING
        if self._is_paused:
            state = PAUSED
        executor = self._executor
        self._table.beat(
            self._clock.monotonic(), self._lag_ms, executor.processed, executor.failed, state
        )

    def _free(self) -> int:
        if not self._is_claiming or self._is_paused or self._solitude.is_kept:
            return 0
        free = self._executor.free - len(self._batch)
        return min(free, self._claims_left) if self._has_limit else free

    @property
    def _is_idle(self) -> bool:
        return self._executor.busy == 0 and not self._batch

    def _pick(self) -> Lane | None:
        """Return the lane to exchange with now, or None if none has anything to do."""
        now_s = self._loop.time()
        if self._is_idle and not self.has_results:
            self._solitude.end()
        free = self._free()
        if free > 0 and self._solitude.is_sought(self.lanes, now_s):
            free = 0
            if self._is_idle and not self.has_results:
                suspected = (lane for lane in self.lanes if lane.suspects > 0)
                return next(
                    (lane for lane in suspected if not self._exchanging.is_waiting(lane)), None
                )
        ready = [lane for lane in self.lanes if self._is_ready(lane, free, now_s)]
        if len(ready) < 2 or self._is_strict:
            return ready[0] if ready else None
        return heaviest(ready)

    def _is_ready(self, lane: Lane, free: int, now_s: float) -> bool:
        if not lane.may_have and lane.look_at_s <= now_s:
            lane.wake(is_marker=False)
        if self._exchanging.is_waiting(lane) or lane.pause_until_s > now_s:
            return False
        is_due = lane.is_doubted or lane.stock_at_s <= now_s
        has_news = bool(lane.results) or (lane.held > 0 and is_due)
        return has_news or (free > 0 and lane.may_have and lane.room(free) > 0)

    def _want(self, lane: Lane) -> tuple[int, bool]:
        """Return how many to claim, and whether a suspect may be among them."""
        free = self._free()
        if free <= 0:
            return 0, False
        if self._solitude.is_sought(self.lanes, self._loop.time()):
            return (1, True) if self._is_idle and lane.suspects > 0 else (0, False)
        # Half the slots a call: while one half is being claimed the other half runs.
        half = max(1, len(self._executor.slots) // 2)
        return max(min(lane.room(free), half), 0), False

    def _next_turn(self) -> Turn | None:
        begun, self._begun = self._begun, None
        if begun is not None:
            return begun
        lane = self._pick()
        return None if lane is None else self._begin(lane)

    def _begin(self, lane: Lane) -> Turn:
        want, is_solo = self._want(lane)
        call = lane.request(want, self._clock.now_ms(), is_solo=is_solo)
        self._table.hold(lane.number, lane.incarnation, lane.held + want)
        return Turn(lane, want, is_solo, call)

    async def _take(self, turn: Turn, reply: ExchangeReply) -> None:
        lane, want = turn.lane, turn.want
        if not lane.take(reply, want, self._loop.time()):
            self._lose(lane)
        self._table.hold(lane.number, lane.incarnation, lane.held)
        for task_id, token, error in reply.unreadable:
            lane.results.append(settling.unreadable(task_id, token, error.message))
        self._batch += lane.runs_of(reply.claimed)
        if self._has_limit and reply.claimed:
            self._spend(len(reply.claimed))
        if turn.is_solo:
            self._solitude.asked(reply.claimed, self._loop.time())
        if reply.deliver:
            await self._hooks.deliver(lane.queue, reply.deliver)
        if lane.stock_at_s <= self._loop.time():
            self._go_on()  # reading takes time that nobody needs to wait for
            await take_stock(self._link, lane, partial(self._ids_of, lane))

    def _ids_of(self, lane: Lane) -> set[str]:
        """Return what of a lane runs or is about to."""
        waiting = {task.id for _, first, others in self._batch for task in (first, *others)}
        return waiting | self._executor.tasks_of(lane)

    def _spend(self, claims: int) -> None:
        self._claims_left -= claims
        if self._claims_left <= 0:
            self._hooks.on_spent()

    def lose(self, queue: str, incarnation: int) -> None:
        """The keeper found no lease of this life: ask, and cancel what it claimed if it is lost.

        It may find none where nothing is lost: its renewal overtook the claim that begins the
        lease, or came after the settle that ended it. An exchange cannot be overtaken so: it is
        sent by the one who claims and settles.
        """
        for lane in self.lanes:
            if lane.queue == queue and lane.incarnation == incarnation:
                lane.is_doubted = True
                self.ring()

    def look(self, queue: str) -> None:
        """Something became ready of which no marker may tell."""
        for lane in self.lanes:
            if lane.queue == queue:
                lane.may_have = True
                self.ring()

    def _lose(self, lane: Lane) -> None:
        log.warning("lost the lease in %s; its runs are cancelled", lane.queue)
        for slot in self._executor.slots:
            if slot.lane is lane and slot.incarnation == lane.incarnation:
                slot.stop("lease_lost")
        self._batch = [run for run in self._batch if run[0] is not lane]
        lane.results.clear()
        lane.renew_life()
        lane.may_have = True
        self._hooks.on_lost(lane)

    def _go_on(self) -> None:
        """Start what was claimed and listen again: the next request is on its way, or none is."""
        batch, self._batch = self._batch, []
        for lane, task, others in batch:
            self._executor.dispatch(lane, task, others)
        self._listener.go_on()

    def _can_take(self, lane: Lane) -> bool:
        return self._free() > 0 and lane.room(1) > 0

    def _on_marker(self, lane: Lane) -> None:
        """A marker came for a lane that can take something."""
        lane.wake(is_marker=True)
        if self._is_asleep and self._begun is None:
            self._begin_now()
        self.ring()

    def _on_lost(self) -> None:
        """The listener lost its connection: whoever answers next may know less than the last."""
        for lane in self.lanes:
            lane.stock_at_s = 0.0
        self.ring()

    def _begin_now(self) -> None:
        """Write the next exchange from where the marker is read, turns of the loop earlier."""
        lane = self._pick()
        if lane is not None:
            self._begun = self._begin(lane)
            self._exchanging.begin(self._begun)

    async def _sleep(self) -> None:
        now_s = self._loop.time()
        wait_s = LONGEST_SLEEP_S
        free = self._free()
        if free > 0 and not self._solitude.is_sought(self.lanes, now_s):
            # A lane whose slots are taken, or whose server is away, will ring when it has changed.
            open_ = [lane for lane in self.lanes if lane.room(free) > 0]
            open_ = [lane for lane in open_ if not self._exchanging.is_waiting(lane)]
            looks = [max(lane.look_at_s, lane.pause_until_s) for lane in open_]
            wait_s = min([wait_s, *(look - now_s for look in looks)])
        if wait_s > 0 and not self._bell.is_set():
            timer = self._loop.call_later(wait_s, self._bell.set)
            self._is_asleep = True
            try:
                await self._bell.wait()
            finally:
                self._is_asleep = False
                timer.cancel()
            late_s = self._loop.time() - now_s - wait_s
            self._lag_ms = max(round(late_s * 1000), 0)
        else:
            await asyncio.sleep(0)  # whatever the reason: handlers must get their turn
        self._bell.clear()
