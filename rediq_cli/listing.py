"""List what a WHERE picks as it is found, and say how much was looked at for it.

Used by `task list` and by `queue inspect STATE:QUEUE`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rediq_cli.output.humanise import count
from rediq_cli.output.neutralise import safe
from rediq_cli.output.progress import Progress
from rediq_cli.output.tasks import Scene, task_listing
from rediq_cli.session import Session
from rediq_core.admin import Search
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where

# States of which the latest tasks are looked for first.
_LATEST_FIRST = FINAL_STATES | {TaskState.TRASH}


def list_selection(session: Session, where: Where, *, limit: int, budget: int) -> None:
    """Write the first tasks of a selection; the coverage goes to stderr.

    `jsonl` and `ids` write each task when it is found; a table needs all of them for its widths.

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

        def look(at: Search) -> None:
            progress.total = at.total
            progress.advance(at.scanned - progress.done, count(at.hits, "hit"))

        search = session.admin.search(
            where,
            limit=limit,
            budget=budget,
            is_reversed=where.state in _LATEST_FIRST,
            on_look=look,
        )
        tasks: Iterable[TaskView] = search
        if session.out.is_for_people:
            tasks = list(search)
        else:
            session.out.items(tasks, listing)
    if session.out.is_for_people:
        # Behind the progress line, which is cleared by now.
        session.out.items(tasks, listing)
    coverage = f"scanned {search.scanned:,} of {search.total:,}"
    if not search.hits:
        session.say.note(f"No task of {safe(str(where), limit=200)}; {coverage}.")
    elif not search.is_complete:
        more = "--limit" if search.hits >= limit else "--scan"
        session.say.note(f"{coverage}, {count(search.hits, 'hit')}. More: {more} N")
    elif search.scanned > search.hits:
        session.say.note(f"{coverage}, {count(search.hits, 'hit')}.")


def _list_named(session: Session, where: Where) -> None:
    found = session.admin.select(where)
    scene = Scene(found.at_ms, session.out.terminal, session.server.redact)
    session.out.items(found.tasks, task_listing(scene, where.state, where.queue))
