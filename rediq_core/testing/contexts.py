"""Contexts for calling a handler directly, and what a run without a worker needs.

What a handler enqueues goes to the capture that is on, else to one of the context's own; what it
reports as progress is kept. No middleware runs: `drain` does that.

Example:
    async def test_the_second_attempt_asks_another_bank() -> None:
        ctx = context(attempt=2)
        receipt = await charge(ctx, PaymentPayload(order_id=7), FakeBank())
        assert ctx.enqueued.one("order:sms").queue == "notifications"
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import InvalidOption
from rediq_core.handlers.context import Context, Dependency, SyncContext
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.outcome import GONE, parse_outcome
from rediq_core.model.task import DEFAULT_TIMEOUT_MS, Task
from rediq_core.testing.captured import Captured
from rediq_core.testing.capturing import active_capture
from rediq_core.testing.store import Entry
from rediq_core.verbs.enqueue import encode_task

# Who holds a task that no worker claimed.
_HOLDER = "test#1:1"


class TestRuntime:
    """What contexts of a test need; see handlers.context.Runtime.

    Attributes:
        captured: Where children go.
        reports: Progress that got through the throttle: percent, message.
    """

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(
        self, captured: Captured, dependencies: Sequence[Dependency] | None = None
    ) -> None:
        self.captured = captured
        self.reports: list[tuple[float, str]] = []
        self._dependencies = dependencies

    @property
    def clock(self) -> Clock:
        """The clock of deadlines and throttling."""
        return SYSTEM_CLOCK

    def enqueue(self, task: Task[object]) -> Awaitable[str]:
        """Take a child of an async handler."""
        return self._enqueue(task)

    async def _enqueue(self, task: Task[object]) -> str:
        return self.captured.put(task)

    def enqueue_sync(self, task: Task[object]) -> str:
        """Take a child of a plain handler."""
        return self.captured.put(task)

    def report_progress(self, task: ClaimedTask, percent: float, message: str) -> None:
        """Keep what a handler says, with its task if that was captured."""
        self.reports.append((percent, message))
        entry = self.captured.store.entries.get(task.id)
        if entry is not None:
            now_ms = self.captured.store.now_ms
            entry.progress = f"{percent:g}|{now_ms}|{message}".encode()

    def dependencies(self, task: ClaimedTask) -> Sequence[Dependency]:
        """Return the parents that were given, or those that came with the task."""
        if self._dependencies is not None:
            return self._dependencies
        ends = [(parent, task.ends.get(parent, GONE)) for parent in task.options.depends_on]
        return [
            Dependency(parent, end.type, end.state, end.result)
            for parent, end in ((parent, parse_outcome(raw)) for parent, raw in ends)
        ]


class HandlerContext(Context):
    """A `Context` of a test.

    Attributes:
        enqueued: What the handler enqueued, with all else of the capture that is on.
        reports: What it said of its progress: percent, message.
    """

    __slots__ = ("enqueued", "reports")

    enqueued: Captured
    reports: list[tuple[float, str]]


class SyncHandlerContext(SyncContext):
    """A `SyncContext` of a test; its members are those of `HandlerContext`."""

    __slots__ = ("enqueued", "reports")

    enqueued: Captured
    reports: list[tuple[float, str]]


def context(
    task: Task[Any] | str = "test",
    payload: object = None,
    *,
    attempt: int = 1,
    timeout: Duration | None = None,
    dependencies: Sequence[Dependency] | None = None,
    **options: Any,
) -> HandlerContext:
    """Make a context to call an async handler with.

    Args:
        task: The running task, or a type's name of which one is made.
        payload: Of the task that is made; the handler gets its payload from the test anyway.
        attempt: Number of the run, from 1.
        timeout: Time until the deadline; None for the task's, else 30 s.
        dependencies: The parents; none by default.
        options: Of the task that is made, such as `queue` and `extra`.

    Raises:
        InvalidOption: An option is wrong, or stands beside a task.
    """
    made, runtime, deadline_s = _parts(task, payload, attempt, timeout, dependencies, options)
    ctx = HandlerContext(made, runtime, deadline_s)
    ctx.enqueued, ctx.reports = runtime.captured, runtime.reports
    return ctx


def sync_context(
    task: Task[Any] | str = "test",
    payload: object = None,
    *,
    attempt: int = 1,
    timeout: Duration | None = None,
    dependencies: Sequence[Dependency] | None = None,
    **options: Any,
) -> SyncHandlerContext:
    """Make a context to call a plain handler with. Arguments as for `context`."""
    made, runtime, deadline_s = _parts(task, payload, attempt, timeout, dependencies, options)
    ctx = SyncHandlerContext(made, runtime, deadline_s)
    ctx.enqueued, ctx.reports = runtime.captured, runtime.reports
    return ctx


def _parts(
    task: Task[Any] | str,
    payload: object,
    attempt: int,
    timeout: Duration | None,
    dependencies: Sequence[Dependency] | None,
    options: dict[str, Any],
) -> tuple[ClaimedTask, TestRuntime, float]:
    if isinstance(task, str):
        task = Task(task, payload, **options)
    elif options or payload is not None:
        raise InvalidOption("a task has its payload and options already.")
    if type(attempt) is not int or attempt < 1:
        raise InvalidOption(f"attempt {attempt!r} is not 1 or more.")
    now_ms = SYSTEM_CLOCK.now_ms()
    stored = f"1|{task.priority}|{now_ms}|0|".encode() + encode_task(task).tail
    claimed = ClaimedTask(
        task.id, task.queue, stored, f"{attempt - 1}|0|0".encode(), _HOLDER, now_ms
    )
    timeout_ms = claimed.timeout_ms or DEFAULT_TIMEOUT_MS
    if timeout is not None:
        timeout_ms = duration_ms(timeout, "timeout")
    captured = active_capture()
    runtime = TestRuntime(Captured() if captured is None else captured, dependencies or ())
    return claimed, runtime, SYSTEM_CLOCK.monotonic() + timeout_ms / 1000


def claimed_of(entry: Entry, now_ms: int, number: int) -> ClaimedTask:
    """Return a captured task as a worker would hold it.

    Args:
        entry: The task.
        now_ms: When it is claimed.
        number: Of the run; part of its token.
    """
    tries: bytes | list[bytes] | None = entry.tries or None
    if entry.ends:
        flat = [word for parent, end in entry.ends.items() for word in (parent.encode(), end)]
        tries = [entry.tries, *flat]
    task = entry.task
    return ClaimedTask(task.id, task.queue, entry.stored, tries, f"test#1:{number}", now_ms)
