"""`why`: a plain-words answer to "why is this not running?", for a task or a queue.

Reads what decides it (`facts`), then says it (`of_queue`, `of_task`, `finished`). Everything that
holds a task back is told at once, what needs somebody first, and each reason names the command
that ends it. Nothing here writes or guesses: what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.lookup import find_task, find_tasks
from rediq_core.admin.why.answer import Answer, Place, Reason, Weight
from rediq_core.admin.why.facts import read_queue_facts, read_task_facts
from rediq_core.admin.why.of_queue import explain_queue
from rediq_core.admin.why.of_task import Case, explain_task, place_of
from rediq_core.errors import QueueNotFound, TaskNotFound
from rediq_core.model.views import TaskView

__all__ = ["Answer", "Place", "Reason", "Weight", "where_in_line", "why", "why_queue", "why_task"]


def why(access: Access, word: str) -> Answer:
    """Say why a queue or a task does not run, whichever the word means; a queue's name goes first.

    About 12 round trips, O(queues + workers).

    Args:
        access: Where.
        word: A queue, or an id or its end.

    Raises:
        QueueNotFound: It is neither; names a queue that is spelled alike.
        InvalidOption: It is the end of several ids.
    """
    key = keys.global_key(access.namespace, "queues")
    (is_queue,) = access.commands([("SISMEMBER", key, word)])
    if is_queue:
        return why_queue(access, word)
    try:
        task = find_task(access, word)
    except TaskNotFound as error:
        raise _neither(word, access.queue_names()) from error
    return why_task(access, task)


def why_queue(access: Access, queue: str) -> Answer:
    """Say why a queue does or does not move: 8 round trips.

    Raises:
        QueueNotFound: It does not exist.
    """
    return explain_queue(read_queue_facts(access, queue))


def why_task(access: Access, task: TaskView) -> Answer:
    """Say why a task that was just read does or does not run: about 10 round trips."""
    near = read_task_facts(access, task)
    parents = find_tasks(access, near.unmet) if near.unmet else {}
    return explain_task(Case(task, read_queue_facts(access, task.queue), near, parents))


def where_in_line(access: Access, task: TaskView) -> Place | None:
    """Return the place of a pending task in its queue, None for any other: 9 round trips."""
    return place_of(task, read_queue_facts(access, task.queue), read_task_facts(access, task))


def _neither(word: str, queues: Sequence[str]) -> QueueNotFound:
    near = get_close_matches(word, queues, n=1, cutoff=0.6)
    return QueueNotFound(
        f"There is no queue and no task {word}.",
        cause="A queue begins with its first task; a task is forgotten some time after it ended.",
        next_step=f"Did you mean {near[0]}?" if near else "See all: rediq queue list",
    )
