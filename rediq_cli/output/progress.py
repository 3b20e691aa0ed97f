"""Say how far long work is, on stderr, and only to a person who has waited.

One line that is rewritten: nothing before 500 ms, nothing into a file or a pipe. The summary
line is written always, because it is the result of the work and not decoration.
"""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from rediq_cli.output.humanise import duration
from rediq_cli.output.neutralise import safe
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.width import fit
from rediq_core.clock import SYSTEM_CLOCK, Clock

# Work that ends within this many seconds needs no progress line.
QUIET_S = 0.5
# A person cannot read faster than five changes a second.
REDRAW_S = 0.2
CLEAR_LINE = "\r\x1b[K"


class Progress:
    """Show `verb done/total` on one line while work goes on.

    Owned by one thread. Leaving the with-block clears the line.

    Attributes:
        done: Units finished so far.
        total: Units altogether, as far as it is known.
    """

    def __init__(
        self,
        verb: str,
        total: int | None,
        stream: TextIO,
        terminal: Terminal,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.done = 0
        self._verb = verb
        self.total = total
        self._stream = stream
        self._terminal = terminal
        self._clock = clock
        self._started_s = clock.monotonic()
        self._drawn_s: float | None = None
        self._is_drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hide()

    @property
    def elapsed_ms(self) -> int:
        """Return how long the work has taken so far."""
        return round((self._clock.monotonic() - self._started_s) * 1000)

    def hide(self) -> None:
        """Clear the line, so that a result can be written where it was."""
        if self._is_drawn:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()
            self._is_drawn = False

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count finished units and redraw if it is time."""
        self.done += units
        now_s = self._clock.monotonic()
        if not self._terminal.is_tty or now_s - self._started_s < QUIET_S:
            return
        if self._drawn_s is not None and now_s - self._drawn_s < REDRAW_S:
            return
        self._drawn_s, self._is_drawn = now_s, True
        self._stream.write(CLEAR_LINE + fit(self._line(note), max(self._terminal.width - 1, 1)))
        self._stream.flush()

    def summary(self, skipped: int = 0, reason: str = "") -> str:
        """Return the closing line, such as "retried 38,204 in 12s (3 skipped: state changed)"."""
        text = f"{self._verb} {self.done:,} in {duration(self.elapsed_ms)}"
        if skipped:
            text += f" ({skipped:,} skipped{': ' + safe(reason) if reason else ''})"
        return text

    def _line(self, note: str) -> str:
        of = f" of {self.total:,}" if self.total is not None else ""
        text = f"{self._verb} {self.done:,}{of} after {duration(self.elapsed_ms)}"
        return f"{text}  {safe(note)}" if note else text
