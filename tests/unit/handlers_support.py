"""What the tests of the handlers share: claimed tasks, a clock to set, a runtime that remembers."""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.handlers.context import Context, Dependency, SyncContext
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.codec import encode
from rediq_core.model.header import header_tail
from rediq_core.model.task import Task

NOW_MS = 1_700_000_000_000


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return self.now_s


class MemoryRuntime:
    """Keep what contexts ask for instead of talking to Redis."""

    def __init__(self, parents: Sequence[Dependency] = ()) -> None:
        self.clock = SetClock()
        self.enqueued: list[Task[object]] = []
        self.progress: list[tuple[str, float, str]] = []
        self.parents = parents
        self.dependency_reads = 0

    async def enqueue(self, task: Task[object]) -> str:
        return self.enqueue_sync(task)

    def enqueue_sync(self, task: Task[object]) -> str:
        self.enqueued.append(task)
        return task.id

    def report_progress(self, task: ClaimedTask, percent: float, message: str) -> None:
        self.progress.append((task.id, percent, message))

    def dependencies(self, task: ClaimedTask) -> Sequence[Dependency]:
        self.dependency_reads += 1
        return self.parents


def claim(task: Task[object] | None = None, *, raw: bytes | None = None) -> ClaimedTask:
    """Return a task as a claim brings it, with its payload encoded or these bytes instead."""
    task = task or Task("order:payment", {"order_id": 7})
    payload_json = encode(task.payload) if raw is None else raw
    stored = b"1|%d|%d|0|" % (task.priority, NOW_MS) + header_tail(task, payload_json)
    return ClaimedTask(task.id, task.queue, stored, b"1|0|0", "w#1:7", NOW_MS)


def context(
    task: Task[object] | None = None,
    runtime: MemoryRuntime | None = None,
    *,
    raw: bytes | None = None,
) -> Context:
    """Return the context of a run that times out in 30 seconds."""
    runtime = runtime or MemoryRuntime()
    return Context(claim(task, raw=raw), runtime, runtime.clock.monotonic() + 30)


def sync_context(
    task: Task[object] | None = None,
    runtime: MemoryRuntime | None = None,
    *,
    raw: bytes | None = None,
) -> SyncContext:
    """Return the same for a plain handler."""
    runtime = runtime or MemoryRuntime()
    return SyncContext(claim(task, raw=raw), runtime, runtime.clock.monotonic() + 30)
