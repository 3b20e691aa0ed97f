"""Causes: the tasks in retry and dead that failed for one reason, found directly.

A WHERE with `cause:` and the beginning of a fingerprint leads to exactly these tasks by an index,
so that 30,000 of 100,000 dead tasks cost 30,000 looks. Where a queue had more causes than are told
apart, the index does not know, and the caller looks at every task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rediq_core.admin.access import Access
from rediq_core.admin.lookup import LOOK_UP
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where
from rediq_core.verbs.failures import read_causes
from rediq_core.verbs.inspect import read_tasks

# The states whose tasks have a cause.
CAUSED = frozenset({TaskState.RETRY, TaskState.DEAD})
_KEY = "cause"
_OVERFLOW = "other"


def cause_prefix(where: Where) -> str:
    """Return the beginning of fingerprints that a WHERE names, "" for none or a pattern."""
    for term in where.terms:
        if term.key == _KEY:
            plain = term.value.rstrip("*")
            return plain if not set(plain) & {"*", "?"} else ""
    return ""


def without_cause(where: Where) -> Where:
    """Return a WHERE without its first term on the cause, which the index has answered."""
    at = next(i for i, term in enumerate(where.terms) if term.key == _KEY)
    return replace(where, terms=where.terms[:at] + where.terms[at + 1 :])


def indexed_sizes(access: Access, queues: Sequence[str], prefix: str) -> dict[str, int]:
    """Return how many tasks each queue has of a cause: 1 round trip for each 200 queues.

    Queues whose index does not know are left out.
    """
    pages = access.run_all([read_causes(access.space, queue, prefix, limit=1) for queue in queues])
    return {
        queue: page.total
        for queue, page in zip(queues, pages, strict=True)
        if page.overflow == 0 or prefix == _OVERFLOW
    }


def caused(access: Access, queue: str, prefix: str, state: TaskState) -> Iterator[tuple[str, int]]:
    """Yield id and score of each task of a cause in one state: a round trip for each 1,000."""
    after = ""
    while True:
        page = access.run(read_causes(access.space, queue, prefix, after=after))
        yield from ((task.id, task.score) for task in page.tasks if task.state is state)
        if not page.last:
            return
        after = page.last


def read_views(access: Access, queue: str, ids: Sequence[str]) -> Iterator[TaskView]:
    """Yield tasks by their ids, 50 a round trip; those that are gone are left out."""
    for at in range(0, len(ids), LOOK_UP):
        views = access.run(read_tasks(access.space, queue, ids[at : at + LOOK_UP]))
        yield from (view for view in views if view is not None)
