"""From what a person types to the task it means: a whole id, or the end of one.

An id leads to its queue by its tag, so a look-up costs one script call; other ids are asked for in
all queues at once. The end of an id is searched for among the ids alone, within a bound that is
said when it is reached: a short id that might also mean another task is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.admin.access import Access
from rediq_core.errors import InvalidOption, TaskNotFound
from rediq_core.model.ids import ID_LENGTH, queue_tag, tag_of_queue
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from rediq_core.model.where import MIN_SUFFIX_LENGTH
from rediq_core.scripts.call import Call
from rediq_core.verbs.inspect import ZSETS_OF_STATE, read_tasks
from rediq_core.verbs.listing import MAX_IDS, IdPage, read_ids

# Ids of one look-up call: whole tasks come back, so that many payloads are in memory at once.
LOOK_UP = 50
# Ids looked at for one short id: 200 calls, less than a second on an idle server.
MAX_SEARCHED = 200_000
# Candidates that an error names.
_NAMED = 5
# Every zset with ids, those an operator most often means first.
ID_ZSETS = tuple(zset for state in TaskState for zset in ZSETS_OF_STATE.get(state, (state.value,)))


def find_task(access: Access, word: str) -> TaskView:
    """Find the one task that an id or the end of an id means.

    Two round trips for a whole id; for an end up to four, over at most MAX_SEARCHED ids.

    Raises:
        TaskNotFound: There is none.
        InvalidOption: An end is shared by several tasks, or not all ids could be looked at.
    """
    found = find_tasks(access, [word])[word]
    if found is None:
        raise task_not_found(word)
    return found


def find_tasks(access: Access, words: Sequence[str]) -> dict[str, TaskView | None]:
    """Find the tasks that several ids or ends of ids mean, None for those that mean nothing.

    Raises:
        InvalidOption: As for `find_task`.
    """
    queues = access.queue_names()
    found: dict[str, TaskView | None] = dict.fromkeys(words)
    found |= _whole(access, words, queues)
    for word in [word for word in found if found[word] is None]:
        task_id = _find_by_end(access, word, queues) if _may_be_end(word) else None
        if task_id:
            found[word] = _whole(access, [task_id], queues).get(task_id)
    return found


def task_not_found(word: str) -> TaskNotFound:
    """Make the error for an id that no queue knows."""
    return TaskNotFound(
        f"No task has the id {word}.",
        cause="It never existed, was deleted, or finished longer ago than tasks are kept.",
        next_step="Look for it: rediq task list all text:WORD",
    )


def _whole(access: Access, ids: Sequence[str], queues: Sequence[str]) -> dict[str, TaskView]:
    """Look ids up where their tags lead, then the rest everywhere."""
    found = _ask(access, {queue: _tagged(ids, queue) for queue in queues})
    missing = [id_ for id_ in ids if id_ not in found]
    # A task may carry an id of its own making, whose tag leads to no or to another queue.
    return found | _ask(access, dict.fromkeys(queues, missing))


def _tagged(ids: Sequence[str], queue: str) -> list[str]:
    return [id_ for id_ in ids if queue_tag(id_) == tag_of_queue(queue)]


def _ask(access: Access, wanted: dict[str, list[str]]) -> dict[str, TaskView]:
    calls: list[Call[list[TaskView | None]]] = [
        read_tasks(access.space, queue, ids[at : at + LOOK_UP])
        for queue, ids in wanted.items()
        for at in range(0, len(ids), LOOK_UP)
    ]
    return {view.id: view for views in access.run_all(calls) for view in views if view is not None}


def _may_be_end(word: str) -> bool:
    return MIN_SUFFIX_LENGTH <= len(word) < ID_LENGTH


def _find_by_end(access: Access, ending: str, queues: Sequence[str]) -> str | None:
    firsts = [(queue, zset) for queue in queues for zset in ID_ZSETS]

    def ask(queue: str, zset: str, start: int) -> Call[IdPage]:
        return read_ids(access.space, queue, zset, start=start, ending=ending)

    pages = access.run_all([ask(queue, zset, 0) for queue, zset in firsts])
    candidates = {id_ for page in pages for id_ in page.ids}
    seen, total = sum(page.seen for page in pages), sum(page.total for page in pages)
    rest = [
        ask(queue, zset, start)
        for (queue, zset), page in zip(firsts, pages, strict=True)
        for start in range(page.seen, page.total, MAX_IDS)
    ]
    more = access.run_all(rest[: MAX_SEARCHED // MAX_IDS])
    candidates |= {id_ for page in more for id_ in page.ids}
    seen += sum(page.seen for page in more)
    if len(candidates) > 1:
        raise _ambiguous(ending, sorted(candidates))
    if seen < total and candidates:
        raise _uncertain(ending, candidates.pop(), seen, total)
    if seen < total:
        raise _unsearched(ending, seen, total)
    return candidates.pop() if candidates else None


def _ambiguous(ending: str, candidates: Sequence[str]) -> InvalidOption:
    named = ", ".join(candidates[:_NAMED])
    return InvalidOption(
        f"{ending} is the end of {len(candidates)} ids.",
        cause=f"{'Among them' if len(candidates) > _NAMED else 'They are'} {named}.",
        next_step="Give more characters, or the whole id.",
    )


def _uncertain(ending: str, candidate: str, seen: int, total: int) -> InvalidOption:
    return InvalidOption(
        f"{ending} is the end of {candidate}, and perhaps of other ids.",
        cause=f"I looked at {seen:,} of {total:,} ids.",
        next_step=f"Give the whole id: {candidate}",
    )


def _unsearched(ending: str, seen: int, total: int) -> TaskNotFound:
    return TaskNotFound(
        f"No task was found whose id ends in {ending}.",
        cause=f"I looked at {seen:,} of {total:,} ids.",
        next_step="Give the whole id.",
    )
