"""What is read back from Redis, as frozen values that every front end shares.

Instants are epoch milliseconds of the server's clock, durations are milliseconds. Text in them
comes from outside and may hold anything: whoever prints it neutralises it first. No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rediq_core.errors import InvalidPayload
from rediq_core.model.codec import decode
from rediq_core.model.history import Histogram
from rediq_core.model.limits import NO_LIMITS, QueueLimits
from rediq_core.model.state import TaskState


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened to a task.

    Attributes:
        kind: completed, failed, retry, dead, snoozed, released, held, lost, cancelled, retried,
            deleted, restored, rescheduled … : what happened.
        at_ms: When it ended or happened.
        attempt: Number of the run, from 1; 0 if it was no run.
        worker: Incarnation that ran it, or "".
        claimed_ms: When the run was claimed; 0 if it was no run.
        waited_ms: From ready to claimed.
        run_ms: How long the handler ran.
        error_type: Class name of the error, or "".
        error: The error's text, or "".
        traceback: The error's traceback, cut, or "".
        fingerprint: Groups equal failures, or "".
        note: Who did it and why, for what operators do.
    """

    kind: str
    at_ms: int
    attempt: int = 0
    worker: str = ""
    claimed_ms: int = 0
    waited_ms: int = 0
    run_ms: int = 0
    error_type: str = ""
    error: str = ""
    traceback: str = ""
    fingerprint: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running task says it is.

    Attributes:
        percent: 0 to 100.
        message: The handler's words, or "".
        at_ms: When it said so.
    """

    percent: float
    message: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as Redis holds it at one instant.

    Attributes:
        id: The task's id.
        type: The task's type.
        queue: The queue it lives in.
        state: The one state it is in.
        priority: 0 most urgent to 100 least.
        payload_json: The payload as it was sent.
        attempts: Finished runs so far.
        losses: Leases lost since the last finished run.
        enqueued_ms: When its id was made, or 0 for an id of another form.
        place_ms: Its place inside its priority: enqueue time, or due time.
        due_ms: When it becomes due (delayed, retry) or is purged (trash), else 0.
        since_ms: Since when it is in this state, as far as it is known, else 0.
        finished_ms: When it reached a final state, else 0.
        expires_ms: When it is cancelled if not started, else 0.
        timeout_ms: Its own timeout, or 0.
        max_retry: Its own limit, or None.
        unique_key: Its unique key, or "".
        group: Its group, or "".
        depends_on: Parents' ids.
        extra: Headers.
        worker: Incarnation that holds it, or "".
        token: Fencing token of the current claim, or "".
        progress: What the handler last reported, or None.
        result_json: The result of a completed task, or None.
        cancel_note: Who asked to cancel it, or "".
        timeline: What happened so far, oldest first.
        is_suspect: Waits to run alone after two lost leases.
        is_held: Waits for a worker that knows its type.
        former_state: The state it was in before it went to trash, else None.
    """

    id: str
    type: str
    queue: str
    state: TaskState
    priority: int
    payload_json: bytes
    attempts: int = 0
    losses: int = 0
    enqueued_ms: int = 0
    place_ms: int = 0
    due_ms: int = 0
    since_ms: int = 0
    finished_ms: int = 0
    expires_ms: int = 0
    timeout_ms: int = 0
    max_retry: int | None = None
    unique_key: str = ""
    group: str = ""
    depends_on: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    worker: str = ""
    token: str = ""
    progress: Progress | None = None
    result_json: bytes | None = None
    cancel_note: str = ""
    timeline: tuple[TimelineEntry, ...] = ()
    is_suspect: bool = False
    is_held: bool = False
    former_state: TaskState | None = None

    @property
    def payload(self) -> object:
        """The decoded payload.

        Raises:
            InvalidPayload: It is not strict JSON; `payload_json` still holds the bytes.
        """
        return decode(self.payload_json)

    @property
    def result(self) -> object:
        """The decoded result; None if there is none, or if it cannot be read."""
        if self.result_json is None:
            return None
        try:
            return decode(self.result_json)
        except InvalidPayload:
            return None

    @property
    def error(self) -> str:
        """Text of the last failed run, "" if it never failed."""
        last = self.last_failure
        return "" if last is None else f"{last.error_type}: {last.error}".strip(": ")

    @property
    def last_failure(self) -> TimelineEntry | None:
        """The last entry that carries an error, or None."""
        return next((entry for entry in reversed(self.timeline) if entry.error_type), None)


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a queue hands out nothing.

    Attributes:
        by: Who paused it.
        reason: The words given, or "".
        since_ms: When.
        until_ms: When it resumes by itself, or 0.
    """

    by: str
    reason: str
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue's numbers at one instant.

    Attributes:
        name: The queue.
        at_ms: Server time of the reading.
        counts: Tasks per state; pending includes suspects and held ones.
        suspects: Tasks that wait to run alone.
        held: Tasks whose type no asking worker knew.
        pause: Why it is paused, or None.
        oldest_ms: Age of the pending task that is ready longest, or 0.
        next_due_ms: When the next delayed or retry task is due, or 0.
        done_per_s: Completed a second, over the last full minutes.
        failed_per_s: Failed runs a second, likewise.
        enqueued_per_s: Enqueued a second, likewise.
        workers: Live workers that take this queue.
        lifetime: Counters since the queue exists.
        limits: The limits in force, those declared, and which are overridden.
        run: How long runs took that finished in this minute and the one before.
        lifetime_run: The same since the queue exists.
        lifetime_wait: How long their tasks had been ready.
    """

    name: str
    at_ms: int
    counts: Mapping[TaskState, int]
    suspects: int = 0
    held: int = 0
    pause: Pause | None = None
    oldest_ms: int = 0
    next_due_ms: int = 0
    done_per_s: float = 0.0
    failed_per_s: float = 0.0
    enqueued_per_s: float = 0.0
    workers: int = 0
    lifetime: Mapping[str, int] = field(default_factory=dict)
    limits: QueueLimits = NO_LIMITS
    run: Histogram = field(default_factory=Histogram)
    lifetime_run: Histogram = field(default_factory=Histogram)
    lifetime_wait: Histogram = field(default_factory=Histogram)

    @property
    def pending(self) -> int:
        """Tasks that could run now."""
        return self.counts.get(TaskState.PENDING, 0)

    @property
    def eta_s(self) -> float | None:
        """Seconds until the backlog is gone at the present rates; None if it is not shrinking."""
        if self.pending == 0:
            return 0.0
        shrinking = self.done_per_s - self.enqueued_per_s
        return self.pending / shrinking if shrinking > 0 else None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A task process as it last announced itself.

    Attributes:
        id: host-pid-random, unique for ever.
        host: Host name.
        pid: Process id of the task process.
        supervisor_pid: Process id of its parent.
        state: running, paused, draining, stopped or lost.
        queues: Queues it takes from.
        types: Types it knows.
        concurrency: Its slots.
        busy: Slots in use.
        processed: Finished runs since it started.
        failed: Failed runs among them.
        started_ms: When it started.
        beat_ms: When it last announced itself.
        beat_age_ms: How long ago that was, by the server's clock.
        rss_bytes: Resident memory.
        loop_lag_ms: How late its event loop last was.
        version: Version of Rediq it runs.
        running: One entry a busy slot: id, queue, type, running_ms, token.
        note: What was recovered from it, if it was lost.
        supervisor: Id of its parent, which takes orders for it.
    """

    id: str
    host: str
    pid: int
    supervisor_pid: int
    state: str
    queues: tuple[str, ...]
    types: tuple[str, ...]
    concurrency: int
    busy: int
    processed: int
    failed: int
    started_ms: int
    beat_ms: int
    beat_age_ms: int
    rss_bytes: int = 0
    loop_lag_ms: int = 0
    version: str = ""
    running: tuple[Mapping[str, object], ...] = ()
    note: str = ""
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A bounded list of tasks of one state of one queue.

    Attributes:
        queue: The queue.
        state: The state.
        total: Tasks in that state.
        tasks: The page, in the state's order.
        next_start: Where the next page starts, or -1 at the end.
        at_ms: Server time of the reading.
    """

    queue: str
    state: TaskState
    total: int
    tasks: tuple[TaskView, ...]
    next_start: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What an operator's action did, task by task.

    Attributes:
        moved: Ids that were moved.
        skipped: Ids that were not, with the reason: the state they were found in, or
            "unknown", "unique" (their key is taken), "active".
        operation: Id under which the action can be undone and is found in the audit, or "".
        intents: Ids of running tasks that were told to stop and end as cancelled.
        already: Ids that this operation had acted on before, when it was resumed.
        left: Tasks that it did not come to because it was stopped.
    """

    moved: tuple[str, ...]
    skipped: Mapping[str, str]
    operation: str = ""
    intents: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    left: int = 0
