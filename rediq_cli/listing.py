"""List what a WHERE picks, and say how much was looked at for it.

Used by `task list` and by `queue inspect STATE:QUEUE`.
"""

from __future__ import annotations

from rediq_cli.output.neutralise import safe
from rediq_cli.output.tasks import Scene, task_listing
from rediq_cli.session import Session
from rediq_core.model.state import FINAL_STATES, TaskState
from rediq_core.model.where import Where

# States of which the latest tasks are looked for first.
_LATEST_FIRST = FINAL_STATES | {TaskState.TRASH}


def list_selection(session: Session, where: Where, *, limit: int, budget: int) -> None:
    """Write the first tasks of a selection; the coverage goes to stderr.

    Args:
        session: The session.
        where: What to list.
        limit: Tasks at most.
        budget: Tasks looked at at most.
    """
    found = session.admin.select(
        where, limit=limit, budget=budget, is_reversed=where.state in _LATEST_FIRST
    )
    scene = Scene(found.at_ms, session.out.terminal, session.server.redact)
    session.out.items(found.tasks, task_listing(scene, where.state, where.queue))
    coverage = f"looked at {found.scanned:,} of {found.total:,}"
    if not found.tasks:
        session.say.note(f"No task of {safe(str(where), limit=200)}; {coverage}.")
    elif not found.is_complete:
        more = "--limit" if len(found.tasks) >= limit else "--scan"
        session.say.note(f"{len(found.tasks):,} shown, {coverage}. More: {more} N")
