"""What a handler knows about its run, and what it may ask for while it runs.

`Context` is for async handlers and middleware, `SyncContext` for plain handlers, which run in a
thread or a process: the members are the same, but `enqueue` blocks. One is made per run on the hot
path, so it holds four fields and makes everything else on first use. It does no I/O of its own: a
`Runtime`, which the worker and the testing kit each bring, does it.

Threads: of one run, the event loop's `Context` and the thread's `SyncContext` share what changes
(cancellation, state, children, progress) in one `_Shared`. Flags are written by the loop and read
by the thread; children and progress have locks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from rediq_core.clock import Clock
from rediq_core.handlers.children import Children
from rediq_core.handlers.progress import ProgressGate
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task

CancelReason = Literal["cancel", "timeout", "lease_lost", "shutdown"]
# Takes what a run reports, already throttled: the task, percent, message.
ProgressSink = Callable[[ClaimedTask, float, str], None]

_LOGGER = logging.getLogger("rediq.task")

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


@dataclass(frozen=True, slots=True)
class Dependency:
    """A parent of the running task, as it was when it finished.

    Attributes:
        id: The parent's id.
        type: Its type.
        state: completed, dead or cancelled.
        result: What it returned, decoded; None if nothing was kept.
    """

    id: str
    type: str
    state: TaskState
    result: object = None


class Runtime(Protocol):
    """What a context needs from whoever runs it."""

    @property
    def clock(self) -> Clock:
        """The clock that deadlines and throttling go by."""
        ...

    def enqueue(self, task: Task[object]) -> Awaitable[str]:
        """Enqueue a task and return its id; one round trip."""
        ...

    def enqueue_sync(self, task: Task[object]) -> str:
        """Enqueue a task and return its id, blocking the calling thread for one round trip."""
        ...

    def report_progress(self, task: ClaimedTask, percent: float, message: str) -> None:
        """Take a throttled progress value; called from any thread, must not block."""
        ...

    def dependencies(self, task: ClaimedTask) -> Sequence[Dependency]:
        """Return the task's parents in `depends_on` order; called at most once a context."""
        ...


class TaskLogger(_Adapter):
    """Add the task's id, type, queue and attempt to each record; the caller's `extra` stays."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Merge the task's fields under the caller's."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class _Shared:
    """What changes during one run and is seen by both kinds of context."""

    __slots__ = (
        "cancel_reason",
        "children",
        "dependencies",
        "lock",
        "log",
        "members",
        "progress",
        "state",
    )

    def __init__(self) -> None:
        self.cancel_reason: CancelReason | None = None
        self.children: Children | None = None
        self.dependencies: tuple[Dependency, ...] | None = None
        self.lock = threading.Lock()
        self.log: TaskLogger | None = None
        self.members: Sequence[object] = ()
        self.progress: ProgressGate | None = None
        self.state: dict[str, object] = {}


class RunContext:
    """The members that both kinds of context have.

    Attributes:
        task: The claimed task: id, type, queue, priority, attempt, extra and so on.
    """

    __slots__ = ("_deadline_s", "_runtime", "_shared", "task")

    def __init__(
        self, task: ClaimedTask, runtime: Runtime, deadline_s: float | None = None
    ) -> None:
        """Begin a run.

        Args:
            task: The claimed task.
            runtime: Who runs it.
            deadline_s: When the run times out, by the runtime's monotonic clock; None for never.
        """
        self.task = task
        self._runtime = runtime
        self._deadline_s = deadline_s
        self._shared: _Shared | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.task.type} {self.task.id} attempt {self.attempt}>"

    @property
    def id(self) -> str:
        """Id of the running task."""
        return self.task.id

    @property
    def attempt(self) -> int:
        """Number of this run, from 1."""
        return self.task.attempt

    @property
    def token(self) -> str:
        """Fencing token of this claim; hand it to systems that can refuse an older one."""
        return self.task.token

    @property
    def remaining_s(self) -> float | None:
        """Seconds until this run times out, below 0 once it has; None without a timeout."""
        if self._deadline_s is None:
            return None
        return self._deadline_s - self._runtime.clock.monotonic()

    @property
    def deadline(self) -> datetime | None:
        """When this run times out, in UTC by this machine's clock; None without a timeout."""
        remaining_s = self.remaining_s
        if remaining_s is None:
            return None
        now = datetime.fromtimestamp(self._runtime.clock.now_ms() / 1000, UTC)
        return now + timedelta(seconds=remaining_s)

    @property
    def log(self) -> TaskLogger:
        """Logger `rediq.task` whose records carry task_id, task_type, queue and attempt."""
        shared = self._share()
        if shared.log is None:
            task = self.task
            fields = {
                "task_id": task.id,
                "task_type": task.type,
                "queue": task.queue,
                "attempt": task.attempt,
            }
            shared.log = TaskLogger(_LOGGER, fields)
        return shared.log

    @property
    def state(self) -> dict[str, object]:
        """Values that middleware and handler of this one run hand to each other."""
        return self._share().state

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The task's parents in `depends_on` order; no round trip, they came with the task."""
        shared = self._share()
        if shared.dependencies is None:
            shared.dependencies = tuple(self._runtime.dependencies(self.task))
        return shared.dependencies

    @property
    def cancelled(self) -> bool:
        """Whether this run should stop; its outcome may no longer count."""
        return self.cancel_reason is not None

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why it should stop: cancel, timeout, lease_lost or shutdown; None while it should not."""
        shared = self._shared
        return None if shared is None else shared.cancel_reason

    @property
    def members(self) -> Sequence[object]:
        """Members of the group this run handles; empty for a task of its own."""
        shared = self._shared
        return () if shared is None else shared.members

    def progress(self, percent: float, message: str = "") -> None:
        """Say how far the run is; a plain call that never waits for Redis.

        Reported at most twice a second; the last value always gets out.

        Args:
            percent: 0 to 100.
            message: One line for people, cut to 500 characters.

        Raises:
            InvalidOption: `percent` is not a number.
        """
        shared = self._share()
        gate = shared.progress
        if gate is None:
            gate = shared.progress = ProgressGate(self._report, self._runtime.clock)
        gate.offer(percent, message)

    def cancel(self, reason: CancelReason) -> None:
        """Say that the run should stop; the first reason stands. For the worker."""
        shared = self._share()
        if shared.cancel_reason is None:
            shared.cancel_reason = reason

    def set_members(self, members: Sequence[object]) -> None:
        """Say which members of a group this run handles. For the worker."""
        self._share().members = members

    def finish(self) -> None:
        """Let a waiting progress value out. For the worker, when the handler has returned."""
        shared = self._shared
        if shared is not None and shared.progress is not None:
            shared.progress.finish()

    def _report(self, percent: float, message: str) -> None:
        self._runtime.report_progress(self.task, percent, message)

    def _share(self) -> _Shared:
        shared = self._shared
        if shared is None:
            shared = self._shared = _Shared()
        return shared

    def _child(self, task: Task[object]) -> Task[object]:
        shared = self._share()
        with shared.lock:
            if shared.children is None:
                shared.children = Children(self.task.id)
            return shared.children.adopt(task)


class Context(RunContext):
    """The run of an async handler. Belongs to the event loop that runs it."""

    __slots__ = ()

    async def enqueue(self, task: Task[object]) -> str:
        """Enqueue a child of this task; a run that is repeated enqueues it once.

        The child's id is derived from this task's id and the order of the calls, unless the task
        was given an id of its own. One round trip, shared with other calls of the same moment.

        Args:
            task: The child; the same Task enqueued twice in a run is one child.

        Returns:
            The child's id; `task.id` is not it.

        Raises:
            RediqError: What `Client.enqueue` raises.
        """
        return await self._runtime.enqueue(self._child(task))


class SyncContext(RunContext):
    """The run of a plain handler. Belongs to the thread or process that runs it."""

    __slots__ = ()

    def enqueue(self, task: Task[object]) -> str:
        """Enqueue a child of this task as `Context.enqueue` does, and block until it is in Redis.

        Args:
            task: The child; the same Task enqueued twice in a run is one child.

        Returns:
            The child's id; `task.id` is not it.

        Raises:
            RediqError: What `SyncClient.enqueue` raises.
        """
        return self._runtime.enqueue_sync(self._child(task))


C = TypeVar("C", bound=RunContext)


def share_run(context: RunContext, kind: type[C]) -> C:
    """Return a context of the other kind for the same run: a flag set on one shows on both."""
    twin = kind(context.task, context._runtime, context._deadline_s)  # noqa: SLF001  # its own module
    twin._shared = context._share()  # noqa: SLF001  # its own module
    return twin
