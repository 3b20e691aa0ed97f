"""Tasks in memory, under the rules of a queue: states, places, unique keys, dependencies.

What scripts decide on a server is decided here for tests, on a clock that only moves when it is
told to. It is small where a test does not look: no leases, no retention, no limits. Everything that
is read of a task is the engine's own view of its stored form.

Threads: handlers in threads enqueue too, so every change is made under one lock.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.model.durations import duration_ms
from rediq_core.model.outcome import AS_COMPLETED, GONE
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import TaskView
from rediq_core.verbs.enqueue import EnqueueReply, EnqueueStatus, encode_task, outcomes
from rediq_core.verbs.inspect import view_of

_LETTERS = {TaskState.COMPLETED: "c", TaskState.DEAD: "d"}


@dataclass(slots=True, eq=False)
class Entry:
    """One task and what became of it.

    Attributes:
        task: As it was enqueued.
        number: Its place among all that were enqueued.
        stored: Its stored form.
        state: Where it is.
        score_ms: Since when, or when it is due.
        place_ms: Its place inside its priority.
        expires_ms: Cancelled if it has not started by then, or 0.
        tries: attempts|losses, as it is stored.
        runs: Timeline lines.
        progress: What its handler said last, as it is stored.
        unmet: Parents that have not ended.
        ends: How its parents ended, as it comes with a claim.
        is_cancelled: Somebody wants its run to stop.
    """

    task: Task[object]
    number: int
    stored: bytes
    state: TaskState
    score_ms: int
    place_ms: int
    expires_ms: int = 0
    tries: bytes = b""
    runs: bytes = b""
    progress: bytes = b""
    unmet: set[str] = field(default_factory=set)
    ends: dict[str, bytes] = field(default_factory=dict)
    is_cancelled: bool = False

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL_STATES

    def note(self, kind: str, at_ms: int, **more: object) -> None:
        """Add a line to its timeline."""
        self.runs += json.dumps({"o": kind, "t": at_ms, **more}).encode() + b"\n"

    def view(self) -> TaskView:
        """Return it as clients see tasks."""
        zset = self.state.value.encode()
        score = str(self.score_ms).encode()
        row = [self.task.id.encode(), zset, score, self.stored, self.tries, self.runs]
        return view_of([*row, self.progress, b"", b"", b""], self.task.queue)


class Store:
    """All tasks of one capture.

    Attributes:
        now_ms: The clock; starts at the machine's.
        entries: By id, in the order they were enqueued.
        schedules: What was registered to run again and again, by name.
    """

    def __init__(self) -> None:
        self.now_ms = SYSTEM_CLOCK.now_ms()
        self.entries: dict[str, Entry] = {}
        self.schedules: dict[str, Task[object]] = {}
        self._unique: dict[tuple[str, str], tuple[str, int]] = {}
        self._lock = threading.RLock()

    def put(self, task: Task[object], *, limit_bytes: int) -> str:
        """Take a task as a client would.

        Returns:
            Its id, or the owner's of its unique key, or its schedule's name.

        Raises:
            RediqError: What `Client.enqueue` raises for the task itself.
        """
        encoded = encode_task(task, limit_bytes=limit_bytes)
        with self._lock:
            if task.cron:
                self.schedules[task.type] = task
                return task.type
            known = self.entries.get(task.id)
            if known is not None:
                is_same = known.stored.endswith(b"|" + encoded.tail)
                is_same = is_same and known.task.priority == task.priority
                return self._answer(task, "2" if is_same else "3")
            code, owner = self._take_unique(task)
            if code != "1":
                return self._answer(task, code, owner)
            self._enter(task, encoded.tail)
            return task.id

    def _answer(self, task: Task[object], code: str, owner: str = "") -> str:
        reply = EnqueueReply(EnqueueStatus.DONE, self.now_ms, code, (owner,) if owner else (), ())
        (outcome,) = outcomes([task], reply)
        if isinstance(outcome, RediqError):
            raise outcome
        return outcome

    def _take_unique(self, task: Task[object]) -> tuple[str, str]:
        if task.unique_key is None:
            return "1", ""
        key = (task.queue, task.unique_key)
        owner_id, until_ms = self._unique.get(key, ("", 0))
        owner = self.entries.get(owner_id)
        if owner is not None and not owner.is_final and (not until_ms or until_ms > self.now_ms):
            if task.on_duplicate != "replace":
                return "4", owner_id
            if owner.state is TaskState.ACTIVE:
                return "6", owner_id
            owner.note("replaced", self.now_ms)
            self.end(owner, TaskState.CANCELLED)
        held_ms = 0 if task.unique_for is None else duration_ms(task.unique_for, "unique_for")
        self._unique[key] = (task.id, self.now_ms + held_ms if held_ms else 0)
        return "1", ""

    def _enter(self, task: Task[object], tail: bytes) -> None:
        due_ms, expires_ms = self._times(task)
        stored = f"1|{task.priority}|{due_ms}|{expires_ms}|".encode() + tail
        state = TaskState.DELAYED if due_ms > self.now_ms else TaskState.PENDING
        entry = Entry(task, len(self.entries), stored, state, due_ms, due_ms, expires_ms)
        self.entries[task.id] = entry
        for parent_id in task.parent_ids:
            parent = self.entries.get(parent_id)
            if parent is None and task.on_missing_dependency == "run":
                entry.ends[parent_id] = AS_COMPLETED
            else:
                entry.unmet.add(parent_id)
        if entry.unmet or task.group:
            entry.state, entry.score_ms = TaskState.WAITING, self.now_ms
        for parent_id in tuple(entry.unmet):
            parent = self.entries.get(parent_id)
            if parent is not None and parent.is_final:
                self._tell(entry, parent)

    def _times(self, task: Task[object]) -> tuple[int, int]:
        """Return when a task is due, and when it expires or 0."""
        due_ms = self.now_ms
        if task.at is not None:
            due_ms = max(due_ms, round(task.at.timestamp() * 1000))
        elif task.delay is not None:
            due_ms += duration_ms(task.delay, "delay")
        if task.expires_in is None:
            return due_ms, 0
        return due_ms, due_ms + duration_ms(task.expires_in, "expires_in")

    def end(self, entry: Entry, state: TaskState) -> None:
        """Move a task to a final state and tell its children."""
        with self._lock:
            entry.state, entry.score_ms = state, self.now_ms
            for child in tuple(self.entries.values()):
                if entry.task.id in child.unmet:
                    self._tell(child, entry)

    def _tell(self, child: Entry, parent: Entry) -> None:
        """Apply the end of a parent to a child, as its policy says."""
        parent_id = parent.task.id
        child.unmet.discard(parent_id)
        child.ends[parent_id] = _end_of(parent)
        policy = child.task.on_dependency_failure
        if parent.state is not TaskState.COMPLETED and policy != "run" and not child.is_final:
            if policy == "cancel":
                child.note("cancelled", self.now_ms, n=f"its parent {parent_id} is {parent.state}")
                self.end(child, TaskState.CANCELLED)
            else:
                message = f"its parent {parent_id} is {parent.state}"
                details = {"e": "DependencyFailed", "m": message}
                child.note("dependency_failed", self.now_ms, **details)
                self.end(child, TaskState.DEAD)
        elif not child.unmet and child.state is TaskState.WAITING and not child.task.group:
            is_late = child.place_ms > self.now_ms
            child.state = TaskState.DELAYED if is_late else TaskState.PENDING
            child.score_ms = child.place_ms

    def cancel(self, entry: Entry, note: str) -> str:
        """Cancel a task; returns the word that a server would say."""
        with self._lock:
            if entry.is_final:
                return entry.state.value
            if entry.state is TaskState.ACTIVE:
                entry.is_cancelled = True
                return "intent"
            entry.note("cancel", self.now_ms, f=entry.state.value, n=note)
            self.end(entry, TaskState.CANCELLED)
            return "moved"

    def find(self, where: Callable[[Entry], bool]) -> Iterator[Entry]:
        """Go through the tasks that fit, in the order they were enqueued."""
        return filter(where, tuple(self.entries.values()))


def _end_of(parent: Entry) -> bytes:
    """Write how a parent ended, as scripts hand it on."""
    result = parent.view().result_json if parent.state is TaskState.COMPLETED else None
    if parent.state not in FINAL_STATES:
        return GONE
    letter = _LETTERS.get(parent.state, "x")
    return f"{letter}|{parent.task.type}|".encode() + (result or b"")
