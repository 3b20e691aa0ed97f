"""What running handlers ask of their task process: enqueue, say how far they are, see parents.

One for all runs of a process. Progress of all runs goes out together, a little later, so that ten
thousand talkative tasks cost a few calls a second. It settles nothing and holds no task.

Threads: `enqueue_sync` and `report_progress` are called from handler threads, the rest from the
event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence

from rediq_core.client import Client, SyncClient
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import RediqError
from rediq_core.handlers.context import Dependency
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.outcome import GONE, parse_outcome
from rediq_core.model.task import Task
from rediq_core.opening import open_sync
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor, SyncExecutor
from rediq_core.verbs.progress import ProgressReport, report_progress
from rediq_core.worker.plan import WorkerPlan

log = logging.getLogger("rediq.worker")
# Seconds between sending progress of all running tasks together.
_PROGRESS_S = 0.2


class ProcessRuntime:
    """What contexts of this process need; see handlers.context.Runtime."""

    def __init__(self, plan: WorkerPlan, executor: AsyncExecutor) -> None:
        self._plan = plan
        self._executor = executor
        self._space = Space(plan.server.namespace)
        self._loop = asyncio.get_running_loop()
        self._reports: dict[str, tuple[str, ProgressReport]] = {}
        self._is_scheduled = False
        self._sync: SyncClient | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self.client = Client(
            executor=executor,
            namespace=plan.server.namespace,
            deadline=plan.server.deadline_ms / 1000,
            max_payload=plan.server.max_payload_bytes,
        )

    @property
    def clock(self) -> Clock:
        """The clock of deadlines."""
        return SYSTEM_CLOCK

    def enqueue(self, task: Task[object]) -> Awaitable[str]:
        """Enqueue from the event loop."""
        return self.client.enqueue(task)

    def enqueue_sync(self, task: Task[object]) -> str:
        """Enqueue from a thread."""
        if self._sync is None:
            self._sync = SyncClient(
                executor=SyncExecutor(open_sync(self._plan.server)),
                namespace=self._plan.server.namespace,
                deadline=self._plan.server.deadline_ms / 1000,
                max_payload=self._plan.server.max_payload_bytes,
            )
        return self._sync.enqueue(task)

    def report_progress(self, task: ClaimedTask, percent: float, message: str) -> None:
        """Keep the latest report; sent with others a little later."""
        report = ProgressReport(task.id, task.token, percent, message)
        self._loop.call_soon_threadsafe(self._note, task.queue, report)

    def _note(self, queue: str, report: ProgressReport) -> None:
        self._reports[report.id] = (queue, report)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_later(_PROGRESS_S, self._send_soon)

    def _send_soon(self) -> None:
        self._is_scheduled = False
        by_queue: dict[str, list[ProgressReport]] = {}
        for queue, report in self._reports.values():
            by_queue.setdefault(queue, []).append(report)
        self._reports.clear()
        sending = self._loop.create_task(self._send(by_queue))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _send(self, by_queue: dict[str, list[ProgressReport]]) -> None:
        calls = [report_progress(self._space, queue, rows) for queue, rows in by_queue.items()]
        for reply in await self._executor.run_many(calls):
            if isinstance(reply, RediqError):
                log.debug("progress was not kept: %s", reply.message)

    def dependencies(self, task: ClaimedTask) -> Sequence[Dependency]:
        """Return the parents of a task, which came with its claim, in the order it names them."""
        found = []
        for parent in task.options.depends_on:
            end = parse_outcome(task.ends.get(parent, GONE))
            found.append(Dependency(parent, end.type, end.state, end.result))
        return found

    def close(self) -> None:
        """Close what only threads use."""
        if self._sync is not None:
            self._sync.close()
