"""The asyncio client. Concurrent enqueues share round trips.

Calls of `enqueue` made while an earlier call for the same queue is on its way are sent together
when that one returns: one script call a queue in flight. A lone call costs one round trip. A client
belongs to the event loop of its first call.

Example:
    async with Client() as client:
        task_id = await client.enqueue(Task("mail:send", {"to": 7}))
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar, cast, overload

from rediq_core import keys
from rediq_core.client import plan
from rediq_core.client.entrance import Entrance
from rediq_core.client.hurrying import cancel_order, push_cancel
from rediq_core.client.limits import limits_of
from rediq_core.client.order import arrange, encode_level
from rediq_core.client.parents import meet_parents
from rediq_core.client.schedules import AsyncSchedules
from rediq_core.client.tracing import current_trace
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.ids import likely_queues
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import TaskView
from rediq_core.opening import choose_for_library, open_async
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.scripts.steps import drive_async
from rediq_core.verbs import enqueue as enqueueing
from rediq_core.verbs.enqueue import EncodedTask, EnqueueReply, EnqueueStatus, encode_task
from rediq_core.verbs.inspect import read_tasks
from rediq_core.verbs.moves import Act, MoveVerb, move
from rediq_core.verbs.relay import relay

R = TypeVar("R")


class _Lane:
    """The enqueues of one queue: those on their way, and those that wait for them."""

    __slots__ = ("is_sending", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[Task[object], EncodedTask, asyncio.Future[str]]] = []
        self.is_sending = False


class Client(AsyncSchedules):
    """Enqueue tasks and ask about them, from one event loop.

    Attributes:
        namespace: First part of every key.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        namespace: str | None = None,
        connection_pool_size: int | None = None,
        deadline: Duration | None = None,
        max_payload: int | str | None = None,
        executor: AsyncExecutor | None = None,
    ) -> None:
        """Prepare a client; the first call connects.

        Args:
            url: Any URL of `docs/configuration.md`; None for REDIQ_URL, REDIS_URL, the file
                REDIQ_CONFIG names, a running embedded server, or localhost.
            namespace: First part of every key; None for the configured one.
            connection_pool_size: Connections to one node; None for the configured number.
            deadline: How long one call may take, all tries together; None for the configured 5 s.
            max_payload: Largest encoded payload, as bytes or "512KiB"; None for the configured one.
            executor: A ready executor instead of a URL; it is not closed by the client.

        Raises:
            ConfigError: The URL or the configuration cannot be used.
        """
        self._owns_link = executor is None
        choice = None if executor is not None else choose_for_library(url)
        if choice is not None:
            executor = AsyncExecutor(open_async(choice, pool_size=connection_pool_size))
        limits = limits_of(choice, namespace, deadline, max_payload)
        self.namespace = limits.namespace
        self._executor = cast("AsyncExecutor", executor)
        self._space = Space(self.namespace)
        self._entrance = Entrance(self._space)
        self._deadline_s = limits.deadline_s
        self._max_payload_bytes = limits.max_payload_bytes
        self._lanes: dict[str, _Lane] = {}
        self._queues: tuple[str, ...] = ()
        self._minute = keys.minute_of(SYSTEM_CLOCK.now_ms())
        self._sending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Send what is waiting, then close the connections; safe to call twice."""
        while self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)
            # What has ended leaves by a callback, for which gather need not wait.
            await asyncio.sleep(0)
        if self._owns_link:
            await self._executor.link.aclose()

    async def enqueue(self, task: Task[R]) -> str:
        """Put one task into its queue; one round trip, shared with concurrent calls.

        A task that depends on others takes one more, or two if one of them has ended already.

        Returns:
            The task's id, or with `on_duplicate="return"` the id that holds its unique key. With
            `cron` a schedule named like the type is registered, and its name returned.

        Raises:
            InvalidPayload: The payload is not JSON.
            PayloadTooLarge: It is over 512 KiB; nothing was sent.
            DuplicateTask: Its unique key is taken, or its id is known with other content.
            QueueFull: The queue is at its max_len.
            UnknownDependency: It depends on a task that no queue knows; it was not taken.
            DependencyCycle: It depends on itself.
            RedisOutOfMemory: Redis takes no new tasks.
            RedisUnavailable: No answer within the deadline. If `ambiguous`, enqueue the same Task
                again: its id makes that safe.
        """
        if task.cron:
            return await self.schedule(task.type, task.cron, task)
        encoded = encode_task(task, limit_bytes=self._max_payload_bytes, trace=current_trace())
        if task.depends_on:
            for error in (await self._meet([task], {})).values():
                raise error
        lane = self._lanes.get(task.queue)
        if lane is None:
            lane = self._lanes[task.queue] = _Lane()
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        lane.waiting.append((task, encoded, future))
        if not lane.is_sending:
            lane.is_sending = True
            sending = asyncio.get_running_loop().create_task(self._send_lane(task.queue, lane))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return await future

    async def _send_lane(self, queue: str, lane: _Lane) -> None:
        # One sender a queue: it ends when nobody waits, and the next enqueue starts another.
        while lane.waiting:
            batch, lane.waiting = (
                lane.waiting[: enqueueing.MAX_TASKS],
                lane.waiting[enqueueing.MAX_TASKS :],
            )
            try:
                results = await self._send_tasks(
                    queue, [(task, encoded) for task, encoded, _ in batch]
                )
            except RediqError as error:
                results = [error] * len(batch)
            for (_, _, future), result in zip(batch, results, strict=True):
                _resolve(future, result)
        lane.is_sending = False

    async def _send_tasks(
        self, queue: str, tasks: Sequence[tuple[Task[object], EncodedTask]]
    ) -> list[str | RediqError]:
        results: list[str | RediqError] = []
        done = 0
        for chunk in plan.batches([encoded for _, encoded in tasks]):
            reply = await self._send(queue, chunk)
            part = [task for task, _ in tasks[done : done + len(chunk)]]
            results += enqueueing.outcomes(part, reply)
            done += len(chunk)
        return results

    async def _send(self, queue: str, chunk: Sequence[EncodedTask]) -> EnqueueReply:
        call = self._entrance.call(queue, chunk, self._minute)
        reply = await self._executor.run(call, deadline_s=self._deadline_s)
        while reply.status is not EnqueueStatus.DONE:
            if reply.status is EnqueueStatus.UNREGISTERED:
                await self._executor.link.command(
                    "SADD",
                    keys.global_key(self.namespace, "queues"),
                    queue,
                    deadline_s=self._deadline_s,
                )
            call = self._entrance.next_call(queue, chunk, self._minute, reply.status)
            reply = await self._executor.run(call, deadline_s=self._deadline_s)
        self._minute = keys.minute_of(reply.now_ms)
        if reply.deliver:
            await self._deliver(queue, reply.deliver)
        return reply

    async def _meet(
        self, tasks: Sequence[Task[object]], siblings: Mapping[str, str]
    ) -> dict[str, RediqError]:
        steps = meet_parents(
            self._space, tasks, self._queues, minute=self._minute, siblings=siblings
        )
        met = await drive_async(steps, self._executor, self.namespace, deadline_s=self._deadline_s)
        self._queues = met.queues
        return met.refused

    async def _deliver(self, queue: str, parents: Sequence[str]) -> None:
        # What goes wrong here stays in the outboxes, for the sweep.
        steps = relay(self._space, [(queue, parent) for parent in parents], minute=self._minute)
        await drive_async(steps, self._executor, self.namespace, deadline_s=self._deadline_s)

    async def enqueue_many(self, tasks: Iterable[Task[R]]) -> list[str]:
        """Put many tasks into their queues, up to 500 of a queue in one round trip.

        Tasks may depend on others of the same call, in any order: each level of them takes two
        round trips more.

        Returns:
            Their ids, in order.

        Raises:
            EnqueueManyFailed: Some were refused; all were tried. `.results` has each outcome.
        """
        listed, trace = list(tasks), current_trace()
        results: list[str | RediqError] = [""] * len(listed)
        by_queue: dict[str, list[tuple[int, Task[object], EncodedTask]]] = {}
        bound: list[int] = []
        for i, task in enumerate(listed):
            try:
                if task.cron:
                    results[i] = await self.schedule(task.type, task.cron, task)
                    continue
                if task.depends_on:
                    bound.append(i)
                    continue
                encoded = encode_task(task, limit_bytes=self._max_payload_bytes, trace=trace)
                by_queue.setdefault(task.queue, []).append((i, task, encoded))
            except RediqError as error:
                results[i] = error
        await self._send_queues(by_queue, results)
        if bound:
            homes = {task.id: task.queue for task in listed}
            for level in arrange(listed, bound, results):
                refused = await self._meet([listed[i] for i in level], homes)
                rows = encode_level(listed, level, refused, results, self._max_payload_bytes, trace)
                await self._send_queues(rows, results)
        if any(isinstance(result, RediqError) for result in results):
            raise plan.many_failed(results)
        return cast("list[str]", results)

    async def _send_queues(
        self,
        by_queue: Mapping[str, Sequence[tuple[int, Task[object], EncodedTask]]],
        results: list[str | RediqError],
    ) -> None:
        await asyncio.gather(
            *(self._send_queue(queue, rows, results) for queue, rows in by_queue.items())
        )

    async def _send_queue(
        self,
        queue: str,
        rows: Sequence[tuple[int, Task[object], EncodedTask]],
        results: list[str | RediqError],
    ) -> None:
        done = 0
        for chunk in plan.batches([encoded for _, _, encoded in rows]):
            part = rows[done : done + len(chunk)]
            done += len(chunk)
            outcomes: Sequence[str | RediqError]
            try:
                reply = await self._send(queue, chunk)
                outcomes = enqueueing.outcomes([task for _, task, _ in part], reply)
            except RediqError as error:
                outcomes = [error] * len(part)
            for (i, _, _), outcome in zip(part, outcomes, strict=True):
                results[i] = outcome

    async def get(self, task_id: str) -> TaskView:
        """Return a task as Redis holds it now; one round trip once its queue is known.

        Raises:
            TaskNotFound: No queue knows this id.
        """
        view = await self._find(task_id)
        if view is None:
            raise plan.not_found(task_id)
        return view

    async def _find(self, task_id: str) -> TaskView | None:
        for is_fresh in (False, True):
            if is_fresh or not self._queues:
                found = await self._executor.link.command(
                    "SMEMBERS",
                    keys.global_key(self.namespace, "queues"),
                    deadline_s=self._deadline_s,
                )
                self._queues = tuple(sorted(name.decode() for name in found))
            queues = likely_queues(task_id, self._queues)
            calls = [read_tasks(self._space, queue, [task_id]) for queue in queues]
            for reply in await self._executor.run_many(calls, deadline_s=self._deadline_s):
                if isinstance(reply, RediqError):
                    raise reply
                if reply[0] is not None:
                    return reply[0]
        return None

    @overload
    async def result(self, task: Task[R], timeout: Duration | None = None) -> R: ...

    @overload
    async def result(self, task: str, timeout: Duration | None = None) -> object: ...

    async def result(self, task: Task[R] | str, timeout: Duration | None = None) -> R | object:
        """Wait until a task has finished and return what its handler returned.

        Looks again after 5 ms, then ever more rarely, at least every 500 ms: one round trip each.

        Args:
            task: The task, or its id (then the result is plain JSON).
            timeout: How long to wait; None for ever.

        Raises:
            TaskFailed: The task is dead.
            TaskCancelled: It was cancelled.
            ResultTimeout: It did not finish in time.
            TaskNotFound: No queue knows it.
        """
        task_id = task if isinstance(task, str) else task.id
        loop = asyncio.get_running_loop()
        timeout_s = None if timeout is None else duration_ms(timeout, "timeout") / 1000
        deadline = None if timeout_s is None else loop.time() + timeout_s
        wait_s = plan.FIRST_LOOK_S
        while True:
            view = await self.get(task_id)
            if plan.is_finished(view):
                return plan.typed_result(view, task)
            if deadline is not None:
                wait_s = min(wait_s, deadline - loop.time())
            if wait_s <= 0:
                raise plan.result_timeout(view, task_id, timeout_s or 0)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 1.5, plan.LAST_LOOK_S)

    async def cancel(
        self, task: Task[R] | str, *, reason: str = "", force: bool = False
    ) -> TaskState:
        """Cancel a task: at once if it does not run, else ask its worker to stop it.

        Args:
            task: The task or its id.
            reason: Kept in its timeline.
            force: Kill a process handler that does not stop by itself.

        Returns:
            CANCELLED if it is cancelled now, ACTIVE if it runs and its worker was asked: an async
            handler is cancelled within a second, a plain one sees `ctx.cancelled`.

        Raises:
            TaskNotFound: No queue knows it.
            WrongState: It has finished already.
        """
        view = await self.get(task if isinstance(task, str) else task.id)
        act = Act(MoveVerb.CANCEL, plan.actor(), reason, is_forced=force)
        call = move(self._space, view.queue, act, [view.id], minute=self._minute)
        moved = await self._executor.run(call, deadline_s=self._deadline_s)
        if moved.deliver:
            await self._deliver(view.queue, moved.deliver)
        state = plan.cancelled_state(view, moved.words[0])
        if state is TaskState.ACTIVE:
            order = cancel_order(view.queue, view.id, moved.now_ms, by=act.by, is_forced=force)
            await push_cancel(self._executor, self.namespace, view.queue, order)
        return state


def _resolve(future: asyncio.Future[str], result: str | RediqError) -> None:
    # A caller that was cancelled meanwhile is gone; its task was sent all the same.
    if future.done():
        return
    if isinstance(result, RediqError):
        future.set_exception(result)
    else:
        future.set_result(result)
