"""The one thread that acts, so that the screen never waits for a deed.

Deeds are done one after the other, in the order in which they were confirmed. What happens is put
into a mailbox and announced; the screen takes it when it comes to it. Only the latest progress is
kept. The thread is a daemon: leaving the dashboard stops a deed after its present batch and never
waits for long.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rediq_core.admin import Conduct
from rediq_core.errors import RediqError

# The thread is given this many seconds to end its batch.
JOIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """What the thread is to do.

    Attributes:
        doing: What is said meanwhile.
        run: Does it; raises RediqError.
        done: Awaited on the screen's side with what `run` returned.
        is_deed: It changes something; progress is shown and it can be stopped.
    """

    doing: str
    run: Callable[[Conduct], object]
    done: Callable[[object], Awaitable[None]]
    is_deed: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the present job is."""

    job: Job
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A job has ended: with what it returned, with an error, or by a defect of this program."""

    job: Job
    returned: object = None
    error: RediqError | None = None
    defect: Exception | None = None


class Runner:
    """Do jobs in a thread of its own."""

    def __init__(self, announce: Callable[[], None], close: Callable[[], None]) -> None:
        """Take who is told; `start` starts the thread.

        Args:
            announce: Called in the thread when there is something to take.
            close: Called in the thread when it ends, to close connections.
        """
        self._announce = announce
        self._close = close
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._news: deque[Ended] = deque()
        self._progress: Progress | None = None
        self._stop = threading.Event()
        self._over = threading.Event()
        self._open = 0
        self._current: Job | None = None
        self._thread = threading.Thread(target=self._run, name="rediq-runner", daemon=True)

    @property
    def is_busy(self) -> bool:
        """A job is under way or waits; as the screen's side sees it."""
        return self._open > 0

    @property
    def current(self) -> Job | None:
        """The job that is under way."""
        return self._current

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Do a job after those that wait."""
        self._open += 1
        self._jobs.put(job)

    def stop_current(self) -> None:
        """End the present deed after its present batch; it can be resumed."""
        self._stop.set()

    def close(self) -> None:
        """End the thread; returns soon, also while Redis does not answer."""
        self._over.set()
        self._stop.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def take(self) -> tuple[list[Ended], Progress | None]:
        """Take what happened since the last time."""
        ended = []
        while self._news:
            ended.append(self._news.popleft())
        self._open -= len(ended)
        progress, self._progress = self._progress, None
        return ended, progress

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None and not self._over.is_set():
                self._stop.clear()
                self._current = job
                self._news.append(self._do(job))
                self._current = None
                self._announce()
        finally:
            self._close()

    def _do(self, job: Job) -> Ended:
        def tell(done: int, total: int) -> None:
            self._progress = Progress(job, done, total)
            self._announce()

        try:
            return Ended(job, job.run(Conduct(on_progress=tell, stop=self._stop)))
        except RediqError as error:
            return Ended(job, error=error)
        except Exception as defect:  # noqa: BLE001 - the screen ends in order, and not this thread alone
            return Ended(job, defect=defect)
