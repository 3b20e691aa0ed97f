"""Play a recording: a source without a server, and where in the recording it stands.

It has nothing that could change anything, so actions are impossible by type. What a person does
(play, step, seek) moves a `Player`; the poller's thread reads wherever that stands.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from rediq_cli.dash import record_format as form
from rediq_cli.dash.attention import find_attention
from rediq_cli.dash.recording import DamageError, Recording
from rediq_cli.dash.view_model import (
    Demand,
    QueueRow,
    Server,
    Snapshot,
    TaskDetail,
    TaskList,
    Trouble,
    ViewName,
)
from rediq_cli.output.neutralise import safe
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.model.views import TaskView, WorkerView
from rediq_core.model.where import Where

# How many seconds of the recording pass in one second.
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0)
# Failures a second count as a spike from this on, and from so many times the usual on.
SPIKE_RATE, SPIKE_TIMES = 0.5, 4.0


class Player:
    """Where a replay stands. Used by two threads.

    Attributes:
        times: Server time of each reading, in ms.
    """

    def __init__(self, times: Sequence[int], *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Begin at the first reading, playing.

        Args:
            times: At least one, never falling.
            clock: For how fast it plays.
        """
        self.times = times
        self._clock = clock
        self._lock = threading.Lock()
        self._ms = float(times[0])
        self._since_s = clock.monotonic()
        self._speed = 1.0
        self._is_playing = True

    @property
    def ms(self) -> int:
        """The instant of the recording that is shown."""
        with self._lock:
            return int(self._now())

    @property
    def speed(self) -> float:
        """See `SPEEDS`."""
        return self._speed

    @property
    def is_playing(self) -> bool:
        """It moves; at the end it does not."""
        with self._lock:
            return self._is_playing and self._now() < self.times[-1]

    def toggle(self) -> bool:
        """Play or pause; at the end begin again. Returns whether it plays now."""
        with self._lock:
            now = self._now()
            is_over = now >= self.times[-1]
            self._set(self.times[0] if self._is_playing and is_over else now)
            self._is_playing = not self._is_playing or is_over
            return self._is_playing

    def seek(self, ms: float) -> None:
        """Go to an instant, within the recording."""
        with self._lock:
            self._set(ms)

    def pause_at(self, ms: float) -> None:
        """Go to an instant and stay there."""
        with self._lock:
            self._is_playing = False
            self._set(ms)

    def change_speed(self, step: int) -> float:
        """Play faster, or slower; returns the new speed."""
        with self._lock:
            self._set(self._now())
            at = SPEEDS.index(self._speed) + step
            self._speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]
            return self._speed

    def _now(self) -> float:
        if not self._is_playing:
            return self._ms
        passed_ms = (self._clock.monotonic() - self._since_s) * 1_000 * self._speed
        return min(self._ms + passed_ms, float(self.times[-1]))

    def _set(self, ms: float) -> None:
        self._ms = min(max(ms, float(self.times[0])), float(self.times[-1]))
        self._since_s = self._clock.monotonic()


def moments(recording: Recording) -> list[int]:
    """Return the numbers of the readings at which something new needed attention.

    More findings than in the reading before, failures that jump, or a Redis that was lost.
    """
    failed = [head.figures[form.FIGURES.index("failed")] or 0.0 for head in recording.heads]
    usual = sorted(failed)[len(failed) // 2]
    spike = max(SPIKE_RATE, usual * SPIKE_TIMES)
    found, before, was_high, was_lost = [], 0, False, False
    for number, head in enumerate(recording.heads):
        is_high, is_lost = failed[number] >= spike, head.told is not None
        if head.urgent > before or (is_high and not was_high) or (is_lost and not was_lost):
            found.append(number)
        before, was_high, was_lost = head.urgent, is_high, is_lost
    return found


class ReplaySource:
    """Answers with the reading at which a player stands. Used by one thread."""

    def __init__(
        self, recording: Recording, player: Player, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Take what is played and where it stands.

        Args:
            recording: Read here alone from now on.
            player: Says which reading.
            clock: For when it was read.
        """
        self._recording = recording
        self._player = player
        self._clock = clock
        self._seq = 0

    def close(self) -> None:
        """Hold nothing."""

    def read(self, demand: Demand) -> Snapshot:
        """Return the reading that is played now, as far as it was recorded for a demand."""
        self._seq += 1
        number = self._recording.at(self._player.ms)
        head = self._recording.heads[number]
        snapshot = Snapshot(
            self._seq,
            self._recording.times[number],
            self._clock.monotonic(),
            head.took_ms,
            head.commands,
            demand,
        )
        try:
            snapshot = self._filled(snapshot, self._recording.state(number), demand)
        except (DamageError, ValueError, TypeError, KeyError, AttributeError) as error:
            reason = safe(str(error).partition("\n")[0], 200)
            told = form.Told("This moment cannot be read", reason, "Go on with . or }")
            return replace(snapshot, trouble=self._trouble(told))
        trouble = None if head.told is None else self._trouble(head.told)
        return replace(snapshot, trouble=trouble)

    def _trouble(self, told: form.Told) -> Trouble:
        return Trouble(
            told.title,
            told.reason,
            told.next_step,
            told.tries,
            self._clock.monotonic() + 1,
            told.is_refusal,
        )

    def _filled(self, snapshot: Snapshot, state: form.State, demand: Demand) -> Snapshot:
        server = Server(
            {name[5:]: str(value) for name, value in state.items() if name.startswith("info:")},
            float(state.get("rtt_ms", 0.0)),
        )
        queues = tuple(sorted(_queues(state, snapshot.at_ms), key=lambda row: row.name))
        workers: tuple[WorkerView, ...] = tuple(
            form.WORKER.validate_python(value) for value in _named(state, "worker:")
        )
        extra: dict[str, Any] = {
            ViewName(name): adapter.validate_python(state[f"extra:{name}"])
            for name, adapter in form.EXTRAS.items()
            if f"extra:{name}" in state
        }
        tasks = self._tasks(state, demand, snapshot.at_ms)
        problems = {}
        if demand.view is ViewName.TASKS and tasks is None:
            problems["tasks"] = "Not in the recording: nobody looked at these tasks then."
        elif demand.view in form.EXTRAS and demand.view not in extra:
            problems[demand.view.value] = "Not in the recording at this moment."
        return replace(
            snapshot,
            server=server,
            queues=queues,
            workers=workers,
            charts=self._recording.charts(demand.range_name, snapshot.at_ms),
            attention=find_attention(queues, workers, server),
            tasks=tasks,
            detail=_detail(state, demand),
            extra=extra,
            problems=problems,
        )

    @staticmethod
    def _tasks(state: form.State, demand: Demand, at_ms: int) -> TaskList | None:
        """Return the list that was recorded, or what is known of it from other ones."""
        if demand.view is not ViewName.TASKS:
            return None
        listed = state.get(form.list_key(demand))
        if isinstance(listed, dict):
            return TaskList(
                demand,
                form.TASKS.validate_python(listed["tasks"]),
                int(listed["start"]),
                int(listed["total"]),
                int(listed["scanned"]),
                bool(listed["is_complete"]),
            )
        where = demand.where
        if where is None:
            where = Where(queue=demand.queue or None, state=demand.state if demand.queue else None)
        known = _known_tasks(state)
        found = tuple(task for task in known.values() if where.matches(task, at_ms))
        if not found:
            return None
        # What is known besides these was not recorded.
        return TaskList(demand, found, 0, len(found), len(known), is_complete=False)


def _named(state: form.State, prefix: str) -> list[Any]:
    return [value for name, value in state.items() if name.startswith(prefix)]


def _queues(state: form.State, at_ms: int) -> Iterable[QueueRow]:
    for value in _named(state, "queue:"):
        row = form.QUEUE.validate_python(
            {**value, "view": {**value["view"], "at_ms": at_ms}} if isinstance(value, dict) else {}
        )
        yield replace(row, word=safe(row.word, 12))


def _known_tasks(state: form.State) -> dict[str, TaskView]:
    known: dict[str, TaskView] = {}
    for listed in _named(state, "list:"):
        known |= {task.id: task for task in form.TASKS.validate_python(listed["tasks"])}
    for value in _named(state, "task:"):
        detail = form.DETAIL.validate_python(value)
        if detail.task is not None:
            known[detail.task_id] = detail.task
    return known


def _detail(state: form.State, demand: Demand) -> TaskDetail | None:
    value = state.get(f"task:{demand.task_id}") if demand.task_id else None
    return None if value is None else form.DETAIL.validate_python(value)
