"""Bulk: what operators do to tasks, in batches, each task checked again where it lies.

First all ids are gathered, then moved 500 a call, oldest first. Every call carries the operation's
id, so one that is sent twice answers the same and does nothing more. A failure on the way leaves
what was moved moved; asking again goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.gather import Pile, gather
from rediq_core.admin.lookup import find_tasks
from rediq_core.admin.search import places_of, tally
from rediq_core.admin.workers import push_cancels
from rediq_core.errors import InvalidOption, WrongState
from rediq_core.model.ids import new_id
from rediq_core.model.state import TaskState
from rediq_core.model.views import MoveReport
from rediq_core.model.where import Where
from rediq_core.verbs.moves import MAX_MOVES, TRASH_MS, Act, Moved, MoveVerb, move

# Told after each batch: tasks handled so far, tasks altogether.
OnProgress = Callable[[int, int], None]

_S = TaskState
_UNFINISHED = frozenset({_S.PENDING, _S.DELAYED, _S.RETRY, _S.WAITING})
# The states each verb takes tasks from, as lib/acts.lua decides for each task.
TAKES: dict[MoveVerb, frozenset[TaskState]] = {
    MoveVerb.RETRY: frozenset({_S.DEAD, _S.RETRY, _S.CANCELLED}),
    MoveVerb.RUN: frozenset({_S.DELAYED, _S.RETRY}),
    MoveVerb.CANCEL: _UNFINISHED | {_S.ACTIVE},
    MoveVerb.DELETE: _UNFINISHED | {_S.COMPLETED, _S.CANCELLED, _S.DEAD},
    MoveVerb.RESTORE: frozenset({_S.TRASH}),
    MoveVerb.RESCHEDULE: frozenset({_S.PENDING, _S.DELAYED, _S.RETRY}),
}


@dataclass(slots=True)
class _Ledger:
    """What happened so far, task by task."""

    operation: str
    total: int
    on_progress: OnProgress | None
    moved: list[str] = field(default_factory=list)
    intents: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def enter(self, ids: Sequence[str], words: Sequence[str]) -> list[str]:
        """Write down a batch; returns the running tasks among it that were told to stop."""
        intents = []
        for task_id, word in zip(ids, words, strict=True):
            if word == "moved":
                self.moved.append(task_id)
            elif word == "intent":
                intents.append(task_id)
            else:
                self.skipped[task_id] = word
        self.intents += intents
        if self.on_progress is not None:
            done = len(self.moved) + len(self.intents) + len(self.skipped)
            self.on_progress(done, self.total)
        return intents

    def report(self) -> MoveReport:
        return MoveReport(
            tuple(self.moved), dict(self.skipped), self.operation, tuple(self.intents)
        )


def new_operation() -> str:
    """Return an id for an act: sorts by time, is never taken for a task's."""
    made = new_id("operation")
    return f"op-{made[:10]}{made[14:]}"


def move_tasks(
    access: Access,
    act: Act,
    target: Where | Sequence[str],
    *,
    on_progress: OnProgress | None = None,
) -> MoveReport:
    """Act on all tasks that a WHERE or ids mean.

    A round trip for each 500 tasks, besides those that find them.

    Args:
        access: Where.
        act: What to do and who does it; `expect` counts for ids only, since a task that was found
            by its state is expected in it. An operation is made up if there is none.
        target: A WHERE, or ids and ends of ids.
        on_progress: Told after each batch.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        InvalidOption: A queue without a state, an id that is not unique, or no due time.
        WrongState: The selector's state is none that the verb takes.
        Refused: Read-only.
    """
    access.require_writable(f"{act.verb} tasks")
    if act.verb is MoveVerb.RESCHEDULE and act.due_ms <= 0:
        raise InvalidOption("reschedule needs a time.", next_step="Pass --delay or --at.")
    where = target if isinstance(target, Where) else Where(ids=tuple(target))
    unknown: dict[str, str] = {}
    if where.ids or not isinstance(target, Where):
        piles, unknown = _named(access, where, act.expect)
    else:
        piles = gather(
            access, where, places_of(access, where, states_taken(access, act.verb, where))
        )
    total = sum(len(pile.ids) for pile in piles) + len(unknown)
    ledger = _Ledger(act.operation or new_operation(), total, on_progress, skipped=unknown)
    for pile in piles:
        _move_pile(
            access, replace(act, operation=ledger.operation, expect=pile.expect), pile, ledger
        )
    return ledger.report()


def flush_tasks(
    access: Access,
    where: Where,
    *,
    by: str,
    reason: str = "",
    is_hard: bool = False,
    on_progress: OnProgress | None = None,
) -> MoveReport:
    """Delete all tasks of a selection that are in it now; a queue alone means its pending tasks.

    Args:
        access: Where.
        where: What to delete.
        by: Who does it.
        reason: Why, or "".
        is_hard: Remove everything of them at once; else they can be restored for a day.
        on_progress: Told after each batch.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        WrongState: The selector names active tasks or trash.
        Refused: Read-only.
    """
    act = Act(MoveVerb.DELETE, by, reason, purge_ms=0 if is_hard else TRASH_MS)
    return move_tasks(access, act, where.for_flush(), on_progress=on_progress)


def states_taken(access: Access, verb: MoveVerb, where: Where) -> tuple[TaskState, ...]:
    """Return the states in which a verb looks for tasks of a selector.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        InvalidOption: It is a queue without a state.
        WrongState: It names a state that the verb does not take.
    """
    if where.is_bare_queue:
        counts = tally(access, replace(where, terms=())).by_state
        said = ", ".join(f"{number:,} {state}" for state, number in counts.items()) or "no tasks"
        default = next(state for state in (_S.DEAD, _S.RETRY, *_S) if state in TAKES[verb])
        raise InvalidOption(
            f"{verb} needs a state, and {where.queue} is a whole queue.",
            cause=f"It has {said}.",
            next_step=f"Name one, such as {default}:{where.queue}",
        )
    if where.state is None:
        return tuple(state for state in TaskState if state in TAKES[verb])
    if where.state not in TAKES[verb]:
        takes = ", ".join(state for state in TaskState if state in TAKES[verb])
        raise WrongState(
            f"{where} is {where.state}, and {verb} does not take such tasks.",
            state=where.state.value,
            cause=f"{verb} takes {takes}.",
        )
    return (where.state,)


def _named(access: Access, where: Where, expect: str) -> tuple[list[Pile], dict[str, str]]:
    """Return the tasks that ids mean, queue by queue, and the ids that mean none."""
    found = find_tasks(access, where.ids)
    at_ms = access.now_ms() if where.terms else 0
    by_queue: dict[str, dict[str, None]] = {}
    for task in found.values():
        if task is not None and all(term.matches(task, at_ms) for term in where.terms):
            by_queue.setdefault(task.queue, {})[task.id] = None
    piles = [Pile(queue, expect, list(ids)) for queue, ids in by_queue.items()]
    return piles, {word: "unknown" for word, task in found.items() if task is None}


def _move_pile(access: Access, act: Act, pile: Pile, ledger: _Ledger) -> None:
    minute = keys.minute_of(access.now_ms())
    for at in range(0, len(pile.ids), MAX_MOVES):
        ids = pile.ids[at : at + MAX_MOVES]
        done: Moved = access.run(move(access.space, pile.queue, act, ids, minute=minute))
        minute = keys.minute_of(done.now_ms)
        if done.deliver:
            access.deliver(pile.queue, done.deliver)
        intents = ledger.enter(ids, done.words)
        if intents:
            push_cancels(access, pile.queue, intents, at_ms=done.now_ms, is_forced=act.is_forced)
