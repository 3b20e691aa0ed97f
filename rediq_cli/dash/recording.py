"""Read a recording: an index of all readings in memory, and the state at any one of them.

The file is not trusted. Opening reads it once, piece by piece, and keeps a few numbers of each
reading; a state is rebuilt from the full reading before it. A file that ends in the middle, as
after `kill -9`, or is damaged, is read up to there. Nothing is unpickled, numbers and lengths are
bounded, and text is neutralised where it is drawn.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from math import isnan, nan
from pathlib import Path

from rediq_cli.dash import record_format as form
from rediq_cli.dash.history import CHART_POINTS, RANGES
from rediq_cli.dash.view_model import Charts, Series
from rediq_core.errors import InvalidOption

# Unpacked at once, in bytes: damage loses what lies in the piece before it as well.
CHUNK = 256
# What a piece unpacks to is taken in parts of this many bytes, however well it was packed.
UNPACKED = 1 << 18
# A line of more bytes is no reading: a few hundred queues take a few hundred KB.
LONGEST_LINE = 32 << 20
# Readings that are kept of one file: 11 days of seconds, about 70 MB of index.
MOST_READINGS = 1_000_000
# A chart looks at no more readings than this; between them some are left out.
CHART_READINGS = 4 * CHART_POINTS
Complain = Callable[[str], None]


class DamageError(Exception):
    """A reading that is in the index cannot be read any more."""


class Recording:
    """One file. Used by one thread at a time, but for the index, which does not change.

    Attributes:
        path: The file.
        heading: What it says of itself.
        heads: The head of each reading, in order of time.
        times: Server time of each reading in ms, never falling.
        damage: Why reading ended before the end of the file, or "".
    """

    def __init__(self, path: Path) -> None:
        """Open a file and read its index; takes about a second for each hour of seconds.

        Raises:
            InvalidOption: It cannot be read, is no recording, or of another version.
        """
        self.path = path
        self.damage = ""
        self.heads: list[form.Head] = []
        self.times: list[int] = []
        # Where the member of each full reading begins, and which reading that is.
        self._starts: list[tuple[int, int]] = []
        self._at = -1
        self._state: form.State = {}
        self._lines: Iterator[tuple[int, bytes]] = iter(())
        try:
            self.heading = self._read_index()
        except OSError as error:
            raise InvalidOption(
                f"{path} cannot be read.",
                cause=f"{error.strerror or error}.",
                next_step="Name a file that rediq dash --record wrote.",
            ) from error
        self._chart_times = array("d", (at for at, _ in self.heading.before))
        self._chart_times.extend(self.times)
        rows = [*(figures for _, figures in self.heading.before)]
        rows += [head.figures for head in self.heads]
        self._columns = [
            array("d", (nan if (value := row[column]) is None else value for row in rows))
            for column in range(len(form.FIGURES))
        ]

    def state(self, number: int) -> form.State:
        """Return what was known at a reading; forward steps are cheap, others read a minute.

        Returns:
            By name, as it was written. The caller does not change it.

        Raises:
            DamageError: It cannot be read: the line is no reading, or the file has changed.
        """
        try:
            return self._rebuilt(number)
        except (ValueError, OSError) as error:
            self._at = -1
            raise DamageError(str(error).partition("\n")[0]) from error

    def _rebuilt(self, number: int) -> form.State:
        if not self._at <= number or self._full_before(number) > self._at >= 0:
            self._at = -1
        if self._at < 0:
            offset, first = self._starts[self._start_of(number)]
            self._lines = _lines(self.path, offset, self._note)
            self._at, self._state = first - 1, {}
            if first == 0:
                next(self._lines, None)
        while self._at < number:
            line = form.read_line(next(self._lines, (0, b""))[1])
            kept = {} if line.head.is_full else dict(self._state)
            for name in line.gone:
                kept.pop(name, None)
            self._state = {**kept, **line.changed}
            self._at += 1
        return self._state

    def at(self, ms: int) -> int:
        """Return the number of the last reading that is not after an instant."""
        return max(bisect_right(self.times, ms) - 1, 0)

    def charts(self, range_name: str, end_ms: int) -> Charts:
        """Return what the charts show for a range that ends at an instant."""
        range_ms = RANGES[range_name]
        first = bisect_left(self._chart_times, end_ms - range_ms)
        last = bisect_right(self._chart_times, end_ms)
        step = max((last - first) // CHART_READINGS, 1)
        points = max(min(CHART_POINTS, range_ms // 1_000), 1)
        start_ms, width_ms = end_ms - range_ms, range_ms / points
        rows = [
            (row, min(int((self._chart_times[row] - start_ms) // width_ms), points - 1))
            for row in range(first, last, step)
        ]
        now = self.heads[self.at(end_ms)].figures
        found = {
            name: Series(self._series(column, rows, points), now[column])
            for column, name in enumerate(form.FIGURES)
        }
        return Charts(range_name, **found)

    def _series(
        self, column: int, rows: list[tuple[int, int]], points: int
    ) -> tuple[float | None, ...]:
        values = self._columns[column]
        sums, counts = [0.0] * points, [0] * points
        for row, at in rows:
            if not isnan(values[row]):
                sums[at] += values[row]
                counts[at] += 1
        return tuple(total / n if n else None for total, n in zip(sums, counts, strict=True))

    def _start_of(self, number: int) -> int:
        return bisect_right(self._starts, number, key=lambda start: start[1]) - 1

    def _full_before(self, number: int) -> int:
        return self._starts[self._start_of(number)][1]

    def _read_index(self) -> form.Heading:
        lines = _lines(self.path, 0, self._note)
        _, text = next(lines, (0, b""))
        heading = form.read_heading(text)
        if heading is None:
            raise InvalidOption(
                f"{self.path} is no recording of a dashboard.",
                next_step="Make one: rediq dash --record FILE",
            )
        if heading.version != form.VERSION:
            raise InvalidOption(
                f"{self.path} has version {heading.version}; this Rediq reads {form.VERSION}.",
                next_step="Replay it with the Rediq that recorded it.",
            )
        try:
            self._read_heads(lines)
        except ValueError as error:
            self._note(str(error).partition("\n")[0])
        if not self.heads:
            cause = f"{self.damage}." if self.damage else ""
            raise InvalidOption(
                f"{self.path} holds no reading.",
                cause=cause,
                next_step="Record one: rediq dash --record FILE",
            )
        return heading

    def _read_heads(self, lines: Iterator[tuple[int, bytes]]) -> None:
        """Keep the head of each reading.

        Raises:
            ValueError: A line is no reading; those before it are kept.
        """
        before = -1
        for offset, line in lines:
            head = form.read_head(line)
            if len(self.heads) >= MOST_READINGS:
                raise ValueError(f"only the first {MOST_READINGS:,} readings are shown")
            is_start = offset != before
            if is_start != head.is_full:
                raise ValueError("a full reading is missing")
            if is_start:
                self._starts.append((offset, len(self.heads)))
                before = offset
            self.times.append(max(head.at_ms, self.times[-1] if self.times else 0))
            self.heads.append(head)

    def _note(self, damage: str) -> None:
        self.damage = self.damage or damage


def _lines(path: Path, offset: int, complain: Complain) -> Iterator[tuple[int, bytes]]:
    """Yield each whole line from a member on, and where its member begins; ends at damage.

    Args:
        path: The file.
        offset: Where the first member begins, in bytes.
        complain: Called with what is wrong, if something is.
    """
    with path.open("rb") as file:
        file.seek(offset)
        member, start, rest = zlib.decompressobj(31), offset, b""
        is_clean = True
        while data := file.read(CHUNK):
            while data:
                is_clean = False
                try:
                    text = member.decompress(data, UNPACKED)
                except zlib.error:
                    complain("it is damaged")
                    return
                data = member.unconsumed_tail
                *whole, rest = (rest + text).split(b"\n")
                for line in whole:
                    yield start, line
                if len(rest) > LONGEST_LINE:
                    complain("a line is too long")
                    return
                if member.eof:
                    data = member.unused_data
                    start, member, is_clean = file.tell() - len(data), zlib.decompressobj(31), True
        if rest or not is_clean:
            complain("it ends in the middle, as after a kill")
