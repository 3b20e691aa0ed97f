"""Gather statistics, once or again and again on one screen.

The same numbers as the dashboard's charts, from the same history in Redis. Watching goes on while
Redis is away and says so; it ends with Ctrl-C.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence

from rediq_cli.output.stats import TOTAL, Stats, stats_listing
from rediq_cli.session import Session
from rediq_core.errors import RedisUnavailable
from rediq_core.model.history import merge_histories

# Home, then erase to the end: no flicker, and the frame before leaves nothing behind.
_REDRAW = "\x1b[H\x1b[J"


def gather_stats(session: Session, queues: Sequence[str], range_ms: int) -> list[Stats]:
    """Read the queues' past and present; with several, all together come last.

    Raises:
        QueueNotFound: One of them does not exist.
        InvalidOption: The range is out of bounds.
    """
    histories = session.admin.history(queues or None, range_ms)
    views = {view.name: view for view in session.admin.queues()}
    rows = [
        Stats(history.queue, history, [views[history.queue]] if history.queue in views else [])
        for history in histories
    ]
    if len(rows) > 1:
        present = [view for row in rows for view in row.views]
        rows.append(Stats(TOTAL, merge_histories(histories), present))
    return rows


def watch_stats(
    session: Session, gather: Callable[[], list[Stats]], every_s: float, *, frames: int = 0
) -> None:
    """Show statistics anew each few seconds.

    Args:
        session: Where to show them.
        gather: Reads them.
        every_s: Seconds between two readings.
        frames: End after so many; 0 for never.
    """
    pause = threading.Event()  # never set: its wait is a sleep
    out, shown = session.out, 0
    while True:
        try:
            rows = gather()
        except RedisUnavailable as error:
            session.say.error(error)
        else:
            if out.is_for_people:
                lines = out.rows(rows, stats_listing(out.terminal))
                start = _REDRAW if out.terminal.is_tty else ""
                sys.stdout.write(start + "".join(f"{line}\n" for line in lines))
            else:
                out.items(rows, stats_listing(out.terminal))
            sys.stdout.flush()
        shown += 1
        if shown == frames:
            return
        pause.wait(every_s)
