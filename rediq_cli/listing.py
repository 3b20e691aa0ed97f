"""List what a WHERE picks as it is found, and say how much was looked at for it.

Used by `task list` and by `queue inspect STATE:QUEUE`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from rediq_cli.output.humanise import count
from rediq_cli.output.neutralise import safe
from rediq_cli.output.progress import Progress
from rediq_cli.output.tasks import Scene, task_listing
from rediq_cli.output.writer import Listing, Output
from rediq_cli.session import Session
from rediq_core.admin import Search
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where

# States of which the latest tasks are looked for first.
_LATEST_FIRST = FINAL_STATES | {TaskState.TRASH}
# How long the rows of a table are held back.
HELD_BACK_MS = 1_000


def list_selection(session: Session, where: Where, *, limit: int, budget: int) -> None:
    """Write the first tasks of a selection; the coverage goes to stderr.

    `jsonl` and `ids` write each task when it is found. So does a table on a screen, once somebody
    has waited for it; until then its rows are held back, for widths that fit them and for a pager.

    Args:
        session: The session.
        where: What to list.
        limit: Tasks at most.
        budget: Tasks looked at at most.
    """
    if where.ids:
        _list_named(session, where)
        return
    now_ms = session.admin.access.now_ms()
    listing = task_listing(
        Scene(now_ms, session.out.terminal, session.server.redact), where.state, where.queue
    )
    with Progress("scanned", None, sys.stderr, session.say.terminal) as progress:
        written = _Written(session.out, listing, progress)

        def look(at: Search) -> None:
            written.flush()
            progress.total = at.total
            progress.advance(at.scanned - progress.done, count(at.hits, "hit"))

        search = session.admin.search(
            where,
            limit=limit,
            budget=budget,
            is_reversed=where.state in _LATEST_FIRST,
            on_look=look,
        )
        if session.out.format == "json":
            session.out.items(search, listing)
        else:
            for task in search:
                written.add(task)
    # Behind the progress line, which is cleared by now.
    written.close()
    coverage = f"scanned {search.scanned:,} of {search.total:,}"
    if not search.hits:
        session.say.note(f"No task of {safe(str(where), limit=200)}; {coverage}.")
    elif not search.is_complete:
        more = "--limit" if search.hits >= limit else "--scan"
        session.say.note(f"{coverage}, {count(search.hits, 'hit')}. More: {more} N")
    elif search.scanned > search.hits:
        session.say.note(f"{coverage}, {count(search.hits, 'hit')}.")


class _Written:
    """What a search found, on its way to stdout."""

    def __init__(self, out: Output, listing: Listing[TaskView], progress: Progress) -> None:
        self._out, self._listing, self._progress = out, listing, progress
        self._held: list[TaskView] = []
        self._add: Callable[[TaskView], None] | None = None
        if not out.is_for_people:
            self._add = lambda task: out.items([task], listing)

    def add(self, task: TaskView) -> None:
        """Write a task, or hold it back."""
        if self._add is None:
            self._held.append(task)
        else:
            self._progress.hide()
            self._add(task)

    def flush(self) -> None:
        """Show what was found so far, if somebody has waited for it."""
        is_waited_for = self._out.terminal.is_tty and self._progress.elapsed_ms >= HELD_BACK_MS
        if self._add is None and self._held and is_waited_for:
            self._progress.hide()
            self._add = self._out.unfold(self._held, self._listing)
        sys.stdout.flush()

    def close(self) -> None:
        """Write what was held back."""
        if self._add is None:
            self._out.items(self._held, self._listing)


def _list_named(session: Session, where: Where) -> None:
    found = session.admin.select(where)
    scene = Scene(found.at_ms, session.out.terminal, session.server.redact)
    session.out.items(found.tasks, task_listing(scene, where.state, where.queue))
