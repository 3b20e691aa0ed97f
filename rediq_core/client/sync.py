"""The blocking client: the same verbs as `Client`, for threads.

May be shared between threads and made before a fork: each process gets connections of its own.

Example:
    with SyncClient() as client:
        task_id = client.enqueue(Task("mail:send", {"to": 7}))
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar, cast, overload

from rediq_core import keys
from rediq_core.client import plan
from rediq_core.client.entrance import Entrance
from rediq_core.client.hurrying import cancel_order, push_cancel_sync
from rediq_core.client.limits import limits_of
from rediq_core.client.order import arrange, encode_level
from rediq_core.client.parents import meet_parents
from rediq_core.client.schedules import SyncSchedules
from rediq_core.client.tracing import current_trace
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.ids import likely_queues
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import TaskView
from rediq_core.opening import choose_for_library, open_sync
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import SyncExecutor
from rediq_core.scripts.steps import drive_sync
from rediq_core.verbs import enqueue as enqueueing
from rediq_core.verbs.enqueue import EncodedTask, EnqueueReply, EnqueueStatus, encode_task
from rediq_core.verbs.inspect import read_tasks
from rediq_core.verbs.moves import Act, MoveVerb, move
from rediq_core.verbs.relay import relay

R = TypeVar("R")


class SyncClient(SyncSchedules):
    """Enqueue tasks and ask about them, from any thread.

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
        executor: SyncExecutor | None = None,
    ) -> None:
        """Prepare a client; the first call connects. Arguments as for `Client`.

        Raises:
            ConfigError: The URL or the configuration cannot be used.
        """
        self._owns_link = executor is None
        choice = None if executor is not None else choose_for_library(url)
        if choice is not None:
            executor = SyncExecutor(open_sync(choice, pool_size=connection_pool_size))
        limits = limits_of(choice, namespace, deadline, max_payload)
        self.namespace = limits.namespace
        self._executor = cast("SyncExecutor", executor)
        self._space = Space(self.namespace)
        self._entrance = Entrance(self._space)
        self._deadline_s = limits.deadline_s
        self._max_payload_bytes = limits.max_payload_bytes
        self._queues: tuple[str, ...] = ()
        self._minute = keys.minute_of(SYSTEM_CLOCK.now_ms())

    def __enter__(self) -> SyncClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        if self._owns_link:
            self._executor.link.close()

    def enqueue(self, task: Task[R]) -> str:
        """Put one task into its queue: one round trip. Returns and raises as `Client.enqueue`."""
        if task.cron:
            return self.schedule(task.type, task.cron, task)
        encoded = encode_task(task, limit_bytes=self._max_payload_bytes, trace=current_trace())
        if task.depends_on:
            for error in self._meet([task], {}).values():
                raise error
        reply = self._send(task.queue, [encoded])
        (outcome,) = enqueueing.outcomes([task], reply)
        if isinstance(outcome, RediqError):
            raise outcome
        return outcome

    def _send(self, queue: str, chunk: Sequence[EncodedTask]) -> EnqueueReply:
        call = self._entrance.call(queue, chunk, self._minute)
        reply = self._executor.run(call, deadline_s=self._deadline_s)
        while reply.status is not EnqueueStatus.DONE:
            if reply.status is EnqueueStatus.UNREGISTERED:
                self._executor.link.command(
                    "SADD",
                    keys.global_key(self.namespace, "queues"),
                    queue,
                    deadline_s=self._deadline_s,
                )
            call = self._entrance.next_call(queue, chunk, self._minute, reply.status)
            reply = self._executor.run(call, deadline_s=self._deadline_s)
        self._minute = keys.minute_of(reply.now_ms)
        if reply.deliver:
            self._deliver(queue, reply.deliver)
        return reply

    def _meet(
        self, tasks: Sequence[Task[object]], siblings: Mapping[str, str]
    ) -> dict[str, RediqError]:
        steps = meet_parents(
            self._space, tasks, self._queues, minute=self._minute, siblings=siblings
        )
        met = drive_sync(steps, self._executor, self.namespace, deadline_s=self._deadline_s)
        self._queues = met.queues
        return met.refused

    def _deliver(self, queue: str, parents: Sequence[str]) -> None:
        # What goes wrong here stays in the outboxes, for the sweep.
        steps = relay(self._space, [(queue, parent) for parent in parents], minute=self._minute)
        drive_sync(steps, self._executor, self.namespace, deadline_s=self._deadline_s)

    def enqueue_many(self, tasks: Iterable[Task[R]]) -> list[str]:
        """Put many tasks into their queues. Returns and raises as `Client.enqueue_many`."""
        listed, trace = list(tasks), current_trace()
        results: list[str | RediqError] = [""] * len(listed)
        by_queue: dict[str, list[tuple[int, Task[object], EncodedTask]]] = {}
        bound: list[int] = []
        for i, task in enumerate(listed):
            try:
                if task.cron:
                    results[i] = self.schedule(task.type, task.cron, task)
                    continue
                if task.depends_on:
                    bound.append(i)
                    continue
                encoded = encode_task(task, limit_bytes=self._max_payload_bytes, trace=trace)
                by_queue.setdefault(task.queue, []).append((i, task, encoded))
            except RediqError as error:
                results[i] = error
        self._send_queues(by_queue, results)
        if bound:
            homes = {task.id: task.queue for task in listed}
            for level in arrange(listed, bound, results):
                refused = self._meet([listed[i] for i in level], homes)
                rows = encode_level(listed, level, refused, results, self._max_payload_bytes, trace)
                self._send_queues(rows, results)
        if any(isinstance(result, RediqError) for result in results):
            raise plan.many_failed(results)
        return cast("list[str]", results)

    def _send_queues(
        self,
        by_queue: Mapping[str, Sequence[tuple[int, Task[object], EncodedTask]]],
        results: list[str | RediqError],
    ) -> None:
        for queue, rows in by_queue.items():
            self._send_queue(queue, rows, results)

    def _send_queue(
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
                reply = self._send(queue, chunk)
                outcomes = enqueueing.outcomes([task for _, task, _ in part], reply)
            except RediqError as error:
                outcomes = [error] * len(part)
            for (i, _, _), outcome in zip(part, outcomes, strict=True):
                results[i] = outcome

    def get(self, task_id: str) -> TaskView:
        """Return a task as Redis holds it now. Raises as `Client.get`."""
        for is_fresh in (False, True):
            if is_fresh or not self._queues:
                found = self._executor.link.command(
                    "SMEMBERS",
                    keys.global_key(self.namespace, "queues"),
                    deadline_s=self._deadline_s,
                )
                self._queues = tuple(sorted(name.decode() for name in found))
            queues = likely_queues(task_id, self._queues)
            calls = [read_tasks(self._space, queue, [task_id]) for queue in queues]
            for reply in self._executor.run_many(calls, deadline_s=self._deadline_s):
                if isinstance(reply, RediqError):
                    raise reply
                if reply[0] is not None:
                    return reply[0]
        raise plan.not_found(task_id)

    @overload
    def result(self, task: Task[R], timeout: Duration | None = None) -> R: ...

    @overload
    def result(self, task: str, timeout: Duration | None = None) -> object: ...

    def result(self, task: Task[R] | str, timeout: Duration | None = None) -> R | object:
        """Wait until a task has finished and return its result. As `Client.result`."""
        task_id = task if isinstance(task, str) else task.id
        timeout_s = None if timeout is None else duration_ms(timeout, "timeout") / 1000
        deadline = None if timeout_s is None else SYSTEM_CLOCK.monotonic() + timeout_s
        wait_s = plan.FIRST_LOOK_S
        pause = threading.Event()  # never set: its wait is a sleep of this thread alone
        while True:
            view = self.get(task_id)
            if plan.is_finished(view):
                return plan.typed_result(view, task)
            if deadline is not None:
                wait_s = min(wait_s, deadline - SYSTEM_CLOCK.monotonic())
            if wait_s <= 0:
                raise plan.result_timeout(view, task_id, timeout_s or 0)
            pause.wait(wait_s)
            wait_s = min(wait_s * 1.5, plan.LAST_LOOK_S)

    def cancel(self, task: Task[R] | str, *, reason: str = "", force: bool = False) -> TaskState:
        """Cancel a task. Returns and raises as `Client.cancel`."""
        view = self.get(task if isinstance(task, str) else task.id)
        act = Act(MoveVerb.CANCEL, plan.actor(), reason, is_forced=force)
        call = move(self._space, view.queue, act, [view.id], minute=self._minute)
        moved = self._executor.run(call, deadline_s=self._deadline_s)
        if moved.deliver:
            self._deliver(view.queue, moved.deliver)
        state = plan.cancelled_state(view, moved.words[0])
        if state is TaskState.ACTIVE:
            order = cancel_order(view.queue, view.id, moved.now_ms, by=act.by, is_forced=force)
            push_cancel_sync(self._executor, self.namespace, view.queue, order)
        return state
