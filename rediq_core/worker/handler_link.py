"""What a run in a handler process has instead of Redis: its task process, asked over the socket.

`ChildLink` sends frames and matches answers to questions; `LinkRuntime` and `ProcessContext` give a
handler the context it knows. Children get their ids in the task process, where middlewares of the
same run may have enqueued some before.

Threads: a handler may enqueue and report from any of its threads. Sends are one at a time under a
lock; each question waits for its own answer.
"""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.handlers.context import Dependency, SyncContext
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.task import Task
from rediq_core.worker.handler_frames import Frame, pack
from rediq_core.worker.handler_messages import dependencies_of, error_of, pack_child


class ChildLink:
    """The handler process's end of the socket."""

    def __init__(self, link: socket.socket) -> None:
        self._socket = link
        self._lock = threading.Lock()
        self._sequence = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[Frame]] = {}

    def send(self, frame: bytes) -> None:
        """Send a frame; blocks while the task process does not read."""
        with self._lock:
            self._socket.sendall(frame)

    def ask(self, make_question: Callable[[int], bytes]) -> Frame:
        """Send a question and wait for its answer.

        Without a deadline: the socket is local, and its end ends this process.

        Args:
            make_question: Makes its frame from its sequence number.

        Raises:
            RediqError: It was refused.
        """
        sequence = next(self._sequence)
        question = make_question(sequence)
        box: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._waiting[sequence] = box
        try:
            self.send(question)
            answer = box.get()
        finally:
            del self._waiting[sequence]
        if answer.op == "refused":
            raise error_of(answer)
        return answer

    def answer(self, frame: Frame) -> None:
        """Hand an answer to whoever waits for it; called by the reader thread."""
        box = self._waiting.get(int(frame.number("sequence")))
        if box is not None:
            box.put(frame)


class LinkRuntime:
    """What the context of one run needs; see handlers.context.Runtime."""

    def __init__(self, link: ChildLink, run: int) -> None:
        self._link = link
        self._run = run

    @property
    def clock(self) -> Clock:
        """The clock of deadlines."""
        return SYSTEM_CLOCK

    def enqueue(self, task: Task[object]) -> Awaitable[str]:
        """Refuse: there is no event loop here."""
        raise RuntimeError(f"{task.type} was enqueued from an event loop in a handler process")

    def enqueue_sync(self, task: Task[object]) -> str:
        """Have the task process enqueue it; its round trip and one over the socket."""
        run = self._run
        return self._link.ask(lambda sequence: pack_child(sequence, run, task)).text("id")

    def report_progress(self, task: ClaimedTask, percent: float, message: str) -> None:
        """Pass progress on."""
        self._link.send(
            pack("progress", run=self._run, id=task.id, percent=percent, message=message)
        )

    def dependencies(self, task: ClaimedTask) -> Sequence[Dependency]:
        """Ask for the parents' results."""
        if not task.options.depends_on:
            return ()
        run = self._run
        frame = self._link.ask(lambda number: pack("dependencies", sequence=number, run=run))
        return dependencies_of(frame)


class ProcessContext(SyncContext):
    """The run of a plain handler in a process of its own."""

    __slots__ = ()

    def enqueue(self, task: Task[object]) -> str:
        """Enqueue a child as `SyncContext.enqueue` does; the task process derives its id.

        Returns:
            The child's id; `task.id` is not it.

        Raises:
            RediqError: What `Client.enqueue` raises.
        """
        return self._runtime.enqueue_sync(task)
