"""The parent of the task processes: forks them, keeps their leases, buries and replaces them.

A process of its own because one C call that holds the interpreter lock stops every thread of a
process, renewals too. It runs one event loop and no thread, and forks only between two runs of that
loop. A child that dies is reaped here at once; if the supervisor dies, its children see it, finish
and end. It never imports handlers and runs no task.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import Coroutine, Sequence
from typing import Any

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError, RediqError
from rediq_core.metrics.meter import Meter
from rediq_core.opening import open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.worker.announcing import Announcer
from rediq_core.worker.burst import look_for_leftovers
from rediq_core.worker.duties import DUTIES, Desk, do_duty
from rediq_core.worker.lease_keeper import KeeperHooks, LeaseKeeper
from rediq_core.worker.obituary import Obituaries
from rediq_core.worker.orders import obey
from rediq_core.worker.overdue import settle_overdue
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.process import UNUSABLE, run_child
from rediq_core.worker.relay import Relay
from rediq_core.worker.seat import Seat, new_worker_id
from rediq_core.worker.seating import Seating
from rediq_core.worker.slots import RunningTask, SlotTable

log = logging.getLogger("rediq.supervisor")
# Seconds after a deadline at which a run that did not end is killed with its process.
HARD_GRACE_S = 5.0
# Seconds between looks at deadlines and beats.
WATCH_S = 0.5
# Seconds between looks at the queues of a worker that ends when they are empty.
BURST_LOOK_S = 0.2
# Longest pause before a task process that keeps dying is started again, in seconds.
_LONGEST_PAUSE_S = 5.0


class Supervisor:
    """Run task processes until told to stop.

    Attributes:
        id: host-pid-random.
        exit_status: What the command ends with.
    """

    def __init__(self, plan: WorkerPlan) -> None:
        self.id = new_worker_id(os.getpid())
        self.exit_status = 0
        self._plan = plan
        self._seats = [Seat() for _ in range(plan.processes)]
        self._to_fork = list(self._seats)
        self._is_stopping = False
        self._failure: tuple[str, str, str] | None = None
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._space = Space(plan.server.namespace)
        self._queues = [lane.queue for lane in plan.lanes]
        self._meter = Meter(self._queues)

    def run(self) -> int:
        """Serve until every task process has ended; returns the exit status.

        Raises:
            ConfigError: Handlers cannot be imported.
        """
        asyncio.set_event_loop(self._loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_signal)
        self._link = open_async(self._plan.server, pool_size=2)
        self._executor = AsyncExecutor(self._link)
        self._obituaries = Obituaries(self._executor, self._space)
        self._seating = Seating(self._seats, self._meter, self._obituaries)
        self._relay = Relay(self._executor, self._space)
        self._keeper = LeaseKeeper(
            self._executor,
            self._space,
            self._queues,
            self._plan.lease_ms,
            KeeperHooks(
                self._seating.held,
                self._seating.on_lost,
                self._seating.on_cancel,
                self._seating.on_reaped,
                self._relay.hand_over,
            ),
        )
        desk = Desk(
            self.id,
            self._plan,
            self._link,
            self._executor,
            self._space,
            self._queues,
            self._seats,
            self._keeper,
            lambda: self._is_stopping,
            self._meter,
        )
        self._announcer = Announcer(desk)
        try:
            self._fork_waiting()
            for work in (self._keeper.run(), self._announcer.run(), self._watch()):
                self._spawn(work)
            self._spawn(self._obituaries.run())
            self._spawn(obey(desk, self._on_order))
            for duty in DUTIES:
                self._spawn(do_duty(duty, desk))
            if self._plan.is_burst:
                self._spawn(self._end_when_empty())
            while any(seat.pid for seat in self._seats) or self._to_fork:
                self._loop.run_forever()
                self._fork_waiting()
            self._loop.run_until_complete(self._finish())
        finally:
            self._loop.close()
            asyncio.set_event_loop(None)
        if self._failure is not None:
            message, cause, next_step = self._failure
            raise ConfigError(message, cause=cause, next_step=next_step)
        return self.exit_status

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fork_waiting(self) -> None:
        """Fork, while no loop runs: the child begins a loop of its own."""
        while self._to_fork:
            seat = self._to_fork.pop()
            if self._is_stopping:
                continue
            ours, theirs = socket.socketpair()
            table = SlotTable(self._queues, self._plan.concurrency)
            suffix = secrets.token_hex(2)
            # Or each full collection would copy the pages that the child shares.
            gc.freeze()
            pid = os.fork()
            if pid == 0:
                self._be_child(theirs, table, suffix)
            theirs.close()
            ours.setblocking(False)
            seat.pid, seat.pipe, seat.table = pid, ours, table
            seat.worker_id = new_worker_id(pid, suffix)
            seat.is_ready, seat.is_bystander, seat.buffer = False, False, b""
            seat.started_ms = SYSTEM_CLOCK.now_ms()
            self._loop.add_reader(ours.fileno(), self._on_child, seat)

    def _be_child(self, pipe: socket.socket, table: SlotTable, suffix: str) -> None:
        # Never returns, so the parent's objects stay alive and their closed descriptors untouched.
        status = 70
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            keep = pipe.fileno()
            os.closerange(3, keep)
            os.closerange(keep + 1, 4096)
            status = run_child(self._plan, new_worker_id(os.getpid(), suffix), table, pipe)
        except BaseException:
            log.exception("a task process failed")
        finally:
            os._exit(status)

    def _on_child(self, seat: Seat) -> None:
        if seat.pipe is None:
            return
        try:
            received = seat.pipe.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._loop.remove_reader(seat.pipe.fileno())
            self._spawn(self._bury(seat))
            return
        *lines, seat.buffer = (seat.buffer + received).split(b"\n")
        for line in lines:
            self._on_event(seat, json.loads(line))

    def _on_event(self, seat: Seat, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            seat.is_ready, seat.deaths = True, 0
            seat.types = tuple(event["types"])
            log.info("task process %d is ready: %d types", seat.pid, len(seat.types))
            self._announce_soon()
        elif event["event"] == "failed":
            self._failure = tuple(event["error"])
        elif event["event"] == "retire":
            self._retire(seat, event["why"])
        elif event["event"] == "counts":
            for queue, rows in event["queues"].items():
                self._meter.add(queue, rows)

    def _retire(self, seat: Seat, why: str) -> None:
        """A process claims no more and ends when all is done: another takes its place now."""
        if seat.is_retired or self._is_stopping:
            return
        seat.is_retired, seat.note = True, f"recycled: {why}"
        log.info("task process %d is recycled: %s", seat.pid, why)
        heir = Seat()
        self._seats.append(heir)
        self._to_fork.append(heir)
        self._announce_soon()
        self._loop.stop()

    async def _bury(self, seat: Seat) -> None:
        """A task process is gone: give back what it held, and fork another."""
        pid, seat_pipe = seat.pid, seat.pipe
        status = await self._wait(pid)
        if seat_pipe is not None:
            seat_pipe.close()
        code = os.waitstatus_to_exitcode(status)
        is_wanted = self._is_stopping or seat.is_retired
        is_wanted = is_wanted or self._failure is not None or code == UNUSABLE
        if not is_wanted:
            log.error("task process %d ended with %d; replacing it", pid, code)
        await self._give_back(seat, is_charged=not seat.is_bystander and code != 0)
        seat.table = None
        await self._announcer.withdraw(seat)
        seat.pid = 0
        if seat.is_retired:
            self._seats.remove(seat)
        if not is_wanted:
            if not seat.is_ready:
                seat.deaths += 1
                await asyncio.sleep(min(0.1 * 2**seat.deaths, _LONGEST_PAUSE_S))
            self._to_fork.append(seat)
        self._loop.stop()

    async def _give_back(self, seat: Seat, *, is_charged: bool) -> None:
        for queue, incarnation, held in seat.table.holdings() if seat.table is not None else ():
            if held:
                dead = [f"{seat.worker_id}#{incarnation}"]
                await self._keeper.reap(queue, dead, is_charged=is_charged)

    async def _wait(self, pid: int) -> int:
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222  # WNOHANG does not wait
            if found:
                return status
            # Its end of the socket closes a moment before the process is gone.
            await asyncio.sleep(0.005)

    def _on_signal(self) -> None:
        command = "stop" if self._is_stopping else "drain"
        log.info("%s: %d task processes", command, len(self._seats))
        self._stop(command)

    def _stop(self, command: str) -> None:
        self._is_stopping = True
        for seat in self._seats:
            seat.tell({"do": command})
        last_s = 0.0 if command == "stop" else self._plan.grace_ms / 1000
        self._loop.call_later(last_s + 4.0, self._kill_all)
        self._loop.stop()

    def _kill_all(self) -> None:
        for seat in self._seats:
            self._kill(seat)

    def _kill(self, seat: Seat) -> None:
        if seat.pid:
            seat.is_bystander = True
            try:
                os.killpg(seat.pid, signal.SIGKILL)
            except ProcessLookupError:
                log.debug("task process %d is gone already", seat.pid)

    async def _watch(self) -> None:
        """Replace a process whose handler ignores its deadline, or whose consumer stands still."""
        while True:
            await asyncio.sleep(WATCH_S)
            now_s = SYSTEM_CLOCK.monotonic()
            for seat in list(self._seats):
                if not seat.pid or not seat.is_ready or seat.table is None:
                    continue
                running = list(seat.table.running())
                overdue = [t for t in running if 0 < t.deadline_s < now_s - HARD_GRACE_S]
                beat_s = seat.table.health().beat_s
                is_wedged = not running and 0 < beat_s < now_s - self._plan.wedged_ms / 1000
                if overdue or is_wedged:
                    await self._replace(seat, overdue)

    async def _replace(self, seat: Seat, overdue: Sequence[RunningTask]) -> None:
        """Kill a stuck process: its overdue runs have failed, the rest is handed back."""
        lanes = {lane.queue: lane for lane in self._plan.lanes}
        try:
            apart = {task.id for task in seat.table.running()} if seat.table is not None else set()
            for task in overdue:
                asker = (self.id, self._plan.lease_ms, lanes[task.queue])
                await settle_overdue(
                    self._executor, self._space, asker, task, seat.worker_id, apart
                )
        except RediqError as error:
            log.warning("cannot settle what is overdue: %s", error.message)
            return
        what = overdue[0].type if overdue else "an idle consumer"
        log.error("task process %d is stuck in %s; killing it", seat.pid, what)
        self._kill(seat)

    def _announce_soon(self) -> None:
        self._spawn(self._announcer.once())

    def _on_order(self) -> None:
        self._loop.call_later(WATCH_S, self._announce_soon)

    async def _end_when_empty(self) -> None:
        """Stop when nothing is left that this worker would do, and say what stays."""
        while True:
            await asyncio.sleep(BURST_LOOK_S)
            if self._seating.held() or not all(seat.is_ready for seat in self._seats if seat.pid):
                continue
            try:
                left = await look_for_leftovers(
                    self._executor, self._space, self._queues, self._plan.burst_wait_ms
                )
            except RediqError as error:
                log.warning("cannot look at the queues: %s", error.message)
                continue
            if left.is_done:
                self.exit_status = 6 if left.notes else 0
                for note in left.notes:
                    log.warning("left: %s", note)
                self._stop("drain")
                return

    async def _finish(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._relay.aclose()
        await self._link.aclose()
