"""Record what a dashboard reads: a source around a source, and the file that it fills.

Each reading becomes a line before it is shown. What other views need is read in turn, one of them
every few seconds, so that a replay can open every view. A disk that is full ends the recording
and is said; it never ends the dashboard.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rediq_cli.dash import record_format as form
from rediq_cli.dash.history import RANGES
from rediq_cli.dash.poller import trouble_of
from rediq_cli.dash.source import PARTS, Source
from rediq_cli.dash.view_model import Charts, Demand, Severity, Snapshot, ViewName
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.config.redact import SECRET_FIELDS, redact_text
from rediq_core.errors import InvalidOption, RediqError

# A line that needs no other one is written this often, in seconds: how far a seek reads.
FULL_EVERY_S = 60.0
# What one view alone needs is read this often while another view is open, in seconds.
PART_EVERY_S = 5.0
# Lists and tasks that are kept of those that were looked at.
KEPT_LISTS = 12
# Level of compression: 9 costs twice the time of 6 for two percent.
LEVEL = 6


class Recorder:
    """Write readings to a new file. Used by one thread; `close` closes the file.

    Attributes:
        path: The file.
        problem: Why nothing is written any more, or "".
    """

    def __init__(
        self,
        path: Path,
        *,
        label: str = "",
        profile: str = "",
        secret_fields: Sequence[str] = SECRET_FIELDS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Make the file, readable by this user alone.

        Args:
            path: A file that does not exist.
            label: The server's address without its secrets.
            profile: The profile in use, or "".
            secret_fields: Fields whose values are not written.
            clock: For how often a full line is written.

        Raises:
            InvalidOption: The file exists, or cannot be made.
        """
        self.path = path
        self.problem = ""
        self._label, self._profile = label, profile
        self._secret_fields = secret_fields
        self._clock = clock
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise InvalidOption(
                f"{path} exists; a recording never replaces a file.",
                next_step=f"Choose another name, or watch it: rediq dash --replay {path}",
            ) from error
        except OSError as error:
            raise InvalidOption(
                f"{path} cannot be written.",
                cause=f"{error.strerror}.",
                next_step="Name a file that you may write: rediq dash --record FILE",
            ) from error
        self._is_open = True
        self._member: Any = None
        self._full_s = float("-inf")
        self._state: form.State = {}
        self._lists: deque[str] = deque()

    def write(self, snapshot: Snapshot) -> None:
        """Write one reading; does nothing after a problem."""
        if self.problem or not self._is_open:
            return
        now_s = self._clock.monotonic()
        is_full = now_s - self._full_s >= FULL_EVERY_S
        state = self._state_of(snapshot)
        before = {} if is_full else self._state
        changed = {name: value for name, value in state.items() if before.get(name) != value}
        gone = [name for name in before if name not in state]
        head = self._dump(form.HEAD, _head_of(snapshot, is_full=is_full))
        line = form.written([head, {"set": changed, "del": gone}])
        if self._member is None:
            line = self._heading(snapshot) + line
        self._state = state
        if is_full:
            self._full_s = now_s
        self._put(line, is_new_member=is_full)

    def close(self) -> None:
        """End the file; safe to call twice."""
        if not self._is_open:
            return
        if self._member is not None and not self.problem:
            self._out(self._member.flush())
        self._is_open = False
        os.close(self._file)

    def _put(self, line: bytes, *, is_new_member: bool) -> None:
        data = b""
        if is_new_member:
            if self._member is not None:
                data = self._member.flush()
            self._member = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
        self._out(data + self._member.compress(line) + self._member.flush(zlib.Z_SYNC_FLUSH))

    def _out(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self.problem = f"recording ended: {error.strerror}"

    def _heading(self, snapshot: Snapshot) -> bytes:
        heading = form.Heading(
            form.VERSION, self._label, self._profile, _before(snapshot.charts, snapshot.at_ms)
        )
        fields = self._dump(form.HEADING, heading, exclude={"version"})
        return form.written({form.MARK: form.VERSION, "heading": fields})

    def _dump(self, adapter: Any, value: object, **how: Any) -> Any:
        return form.dumped(adapter, value, self._secret_fields, **how)

    def _state_of(self, snapshot: Snapshot) -> form.State:
        """Return a reading by name; what it did not ask for stays as it was last seen."""
        if snapshot.trouble is not None:
            return self._state
        state: form.State = {
            f"info:{name}": redact_text(value) for name, value in snapshot.server.fields.items()
        }
        state["rtt_ms"] = round(snapshot.server.rtt_ms, 2)
        for row in snapshot.queues:
            # The same for all queues, and known from the head.
            state[f"queue:{row.name}"] = self._dump(form.QUEUE, row, exclude={"view": {"at_ms"}})
        for worker in snapshot.workers:
            state[f"worker:{worker.id}"] = self._dump(form.WORKER, worker)
        for name in form.EXTRAS:
            found = snapshot.extra.get(name)
            if found is not None:
                state[f"extra:{name}"] = self._dump(form.EXTRAS[name], tuple(found))  # type: ignore[arg-type]  # every part reads a sequence
            elif f"extra:{name}" in self._state:
                state[f"extra:{name}"] = self._state[f"extra:{name}"]
        self._keep_looked_at(snapshot, state)
        return state

    def _keep_looked_at(self, snapshot: Snapshot, state: form.State) -> None:
        if snapshot.tasks is not None:
            listed = snapshot.tasks
            key = form.list_key(listed.demand)
            self._looked_at(key)
            state[key] = {
                "tasks": self._dump(form.TASKS, listed.tasks),
                "start": listed.start,
                "total": listed.total,
                "scanned": listed.scanned,
                "is_complete": listed.is_complete,
            }
        if snapshot.detail is not None:
            key = f"task:{snapshot.detail.task_id}"
            self._looked_at(key)
            state[key] = self._dump(form.DETAIL, snapshot.detail)
        for key in self._lists:
            if key not in state and key in self._state:
                state[key] = self._state[key]

    def _looked_at(self, key: str) -> None:
        if key in self._lists:
            self._lists.remove(key)
        self._lists.append(key)
        while len(self._lists) > KEPT_LISTS:
            self._lists.popleft()


class RecordingSource:
    """Reads from another source and writes what it answers. Used by one thread."""

    def __init__(self, source: Source, recorder: Recorder, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Take both; `close` closes them.

        Args:
            source: What is read.
            recorder: Where it is written.
            clock: For how often other views are read for.
        """
        self._source = source
        self._recorder = recorder
        self._clock = clock
        self._turn = deque(PARTS)
        self._part_s = float("-inf")
        self._last = Snapshot()
        self._tries = 0

    def read(self, demand: Demand) -> Snapshot:
        """Read once, and write it.

        Raises:
            RediqError: It cannot be read at all; that is written too.
        """
        try:
            snapshot = self._source.read(replace(demand, also=self._due(demand)))
        except RediqError as error:
            self._tries += 1
            if self._last.seq:
                self._recorder.write(self._failed(error))
            raise
        self._tries, self._last = 0, snapshot
        self._recorder.write(snapshot)
        if self._recorder.problem:
            return replace(
                snapshot, problems={**snapshot.problems, "recording": self._recorder.problem}
            )
        return snapshot

    def _due(self, demand: Demand) -> tuple[ViewName, ...]:
        """Return the view whose turn it is to be read for too, or none; at the start all."""
        now_s = self._clock.monotonic()
        if now_s - self._part_s < PART_EVERY_S:
            return ()
        is_first, self._part_s = not self._last.seq, now_s
        if is_first:
            return tuple(self._turn)
        self._turn.rotate(-1)
        return () if self._turn[0] is demand.view else (self._turn[0],)

    def _failed(self, error: RediqError) -> Snapshot:
        passed_ms = (self._clock.monotonic() - self._last.taken_s) * 1_000
        trouble = trouble_of(error, self._tries, 0.0)
        return replace(self._last, at_ms=self._last.at_ms + int(passed_ms), trouble=trouble)

    def close(self) -> None:
        """Close the file and the other source."""
        self._recorder.close()
        self._source.close()


def _head_of(snapshot: Snapshot, *, is_full: bool) -> form.Head:
    charts, trouble = snapshot.charts, snapshot.trouble
    told = None
    if trouble is not None:
        told = form.Told(
            trouble.title, trouble.reason, trouble.next_step, trouble.tries, trouble.is_refusal
        )
    return form.Head(
        snapshot.at_ms,
        tuple(_rounded(getattr(charts, name).now) for name in form.FIGURES),
        sum(found.severity >= Severity.WARNING for found in snapshot.attention),
        is_full,
        round(snapshot.took_ms, 1),
        snapshot.commands,
        told,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _before(charts: Charts, at_ms: int) -> tuple[tuple[int, form.Figures], ...]:
    """Return what the charts know from before the recording."""
    points: dict[int, list[float | None]] = {}
    range_ms = RANGES[charts.range_name]
    for column, name in enumerate(form.FIGURES):
        values = getattr(charts, name).values
        for number, value in enumerate(values):
            middle_ms = at_ms - range_ms + int((number + 0.5) * range_ms / len(values))
            if value is not None and 0 < middle_ms < at_ms:
                row = points.setdefault(middle_ms, [None] * len(form.FIGURES))
                row[column] = _rounded(value)
    return tuple((middle_ms, tuple(points[middle_ms])) for middle_ms in sorted(points))
