"""Bulk: what operators do to tasks, in batches, each task checked again where it lies.

First all ids are gathered, then moved 500 a call, oldest first. Every call carries the operation's
id, and an operation acts on each task once: a call that is sent twice, or an operation that another
process goes on with, does nothing twice. How far it came stands in the operation's record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.gather import Pile, gather, trashed_by
from rediq_core.admin.lookup import find_tasks
from rediq_core.admin.pacing import Pacer
from rediq_core.admin.search import tally
from rediq_core.admin.walk import places_of
from rediq_core.admin.workers import push_cancels
from rediq_core.errors import InvalidOption, RediqError, WrongState
from rediq_core.model.ids import new_id
from rediq_core.model.operations import BulkOrder, Operation, OperationState
from rediq_core.model.rates import parse_rate
from rediq_core.model.state import TaskState
from rediq_core.model.views import MoveReport
from rediq_core.model.where import Where
from rediq_core.verbs.moves import MAX_MOVES, TRASH_MS, Act, Audited, Moved, MoveVerb, move
from rediq_core.verbs.operations import write_progress, write_record

# Told after each batch: tasks handled so far, tasks altogether.
OnProgress = Callable[[int, int], None]
# Told of a batch before it is acted on: its queue, its ids.
BeforeBatch = Callable[[str, Sequence[str]], None]

# Tasks of one script call: about 3 ms of the server's time, between which it serves others. A
# batch, after which progress is written down, is several of them.
CALL = 125

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


@dataclass(frozen=True, slots=True)
class Conduct:
    """How whoever runs an operation takes part in it.

    Attributes:
        on_begin: Told the operation's record when it has begun.
        on_progress: Told after each batch.
        before_batch: Told of each batch before it is acted on, to keep a copy.
        stop: Set by anybody to end the operation after its present batch; it can be resumed.
        cutoff_ms: What came into its states later is not touched, in epoch ms; 0 for what comes
            after the operation began. For who was shown a count before.
    """

    on_begin: Callable[[Operation], None] | None = None
    on_progress: OnProgress | None = None
    before_batch: BeforeBatch | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    cutoff_ms: int = 0


class _Ledger:
    """What happened so far, task by task, and its record in Redis.

    Attributes:
        at_ms: Server time of the last call.
    """

    def __init__(self, access: Access, operation: Operation, unknown: dict[str, str]) -> None:
        self.operation = operation
        self.moved: list[str] = []
        self.intents: list[str] = []
        self.already: list[str] = []
        self.skipped = unknown
        self.at_ms = 0
        self._access = access
        self._before = operation

    @property
    def handled(self) -> int:
        """Tasks that were come to, in this process."""
        return len(self.moved) + len(self.intents) + len(self.already) + len(self.skipped)

    def begin(self) -> None:
        """Write the record; nothing was acted on yet."""
        self._access.run(write_record(self._access.space, self.operation))

    def enter(self, ids: Sequence[str], done: Moved) -> list[str]:
        """Note a batch; returns the running tasks among it that were told to stop."""
        intents = []
        for task_id, word in zip(ids, done.words, strict=True):
            if word == "moved":
                self.moved.append(task_id)
            elif word == "intent":
                intents.append(task_id)
            elif word == "already":
                self.already.append(task_id)
            else:
                self.skipped[task_id] = word
        self.intents += intents
        return intents

    def write(self, state: OperationState) -> None:
        """Write how far the operation came."""
        before = self._before
        self.operation = replace(
            self.operation,
            state=state,
            updated_ms=max(self.at_ms, self.operation.updated_ms),
            moved=before.moved + len(self.moved),
            intents=before.intents + len(self.intents),
            skipped=before.skipped + len(self.skipped),
        )
        self._access.run(write_progress(self._access.space, self.operation))

    def report(self, total: int) -> MoveReport:
        return MoveReport(
            tuple(self.moved),
            dict(self.skipped),
            self.operation.id,
            tuple(self.intents),
            tuple(self.already),
            total - self.handled,
        )


def new_operation() -> str:
    """Return an id for an act: sorts by time, is never taken for a task's."""
    made = new_id("operation")
    return f"op-{made[:10]}{made[14:]}"


def carry_out(
    access: Access,
    order: BulkOrder,
    conduct: Conduct,
    *,
    resumed: Operation | None = None,
    queues: Sequence[str] = (),
) -> MoveReport:
    """Act on all tasks that an order means.

    Two round trips for each 500 tasks, besides those that find them.

    Args:
        access: Where.
        order: What to do; a task that was found by its state is acted on only in that state.
        conduct: How to take part in it.
        resumed: The operation to go on with; None begins one.
        queues: Of an order that restores what an operation deleted: where that was.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        InvalidOption: A queue without a state, an id that is not unique, or no due time.
        WrongState: The selector's state is none that the verb takes.
        Refused: Read-only.
    """
    access.require_writable(f"{order.verb} tasks")
    verb = MoveVerb(order.verb)
    if verb is MoveVerb.RESCHEDULE and order.due_ms <= 0:
        raise InvalidOption("reschedule needs a time.", next_step="Pass --delay or --at.")
    began_ms = access.now_ms()
    cutoff_ms = resumed.at_ms if resumed else min(conduct.cutoff_ms or began_ms, began_ms)
    piles, unknown = _piles_of(access, order, verb, cutoff_ms, queues)
    total = sum(len(pile.ids) for pile in piles) + len(unknown)
    operation = resumed or Operation(
        new_operation(), order, OperationState.RUNNING, cutoff_ms, began_ms
    )
    operation = replace(
        operation,
        state=OperationState.RUNNING,
        updated_ms=began_ms,
        total=operation.moved + operation.intents + operation.skipped + total,
        queues=tuple(dict.fromkeys([*operation.queues, *(pile.queue for pile in piles)])),
    )
    ledger = _Ledger(access, operation, unknown)
    if not piles:
        return ledger.report(total)
    ledger.begin()
    if conduct.on_begin is not None:
        conduct.on_begin(operation)
    act = Act(
        verb,
        order.by,
        order.reason,
        operation.id,
        purge_ms=0 if order.is_hard else TRASH_MS,
        due_ms=order.due_ms,
        of=order.of,
        cutoff_ms=0 if order.of or order.is_named else cutoff_ms,
        is_forced=order.is_forced,
    )
    pacer = Pacer(parse_rate(order.rate) if order.rate else None, MAX_MOVES, conduct.stop)
    _act_on_all(access, act, piles, ledger, conduct, pacer, total)
    return ledger.report(total)


def _act_on_all(
    access: Access,
    act: Act,
    piles: Sequence[Pile],
    ledger: _Ledger,
    conduct: Conduct,
    pacer: Pacer,
    total: int,
) -> None:
    state = OperationState.STOPPED
    try:
        if all(
            _act_on_pile(
                access, replace(act, expect=pile.expect), pile, ledger, conduct, pacer, total
            )
            for pile in piles
        ):
            state = OperationState.DONE
    finally:
        # Also when the connection broke or somebody pressed Ctrl-C: then it says "stopped".
        with suppress(RediqError):
            ledger.write(state)


def _act_on_pile(
    access: Access,
    act: Act,
    pile: Pile,
    ledger: _Ledger,
    conduct: Conduct,
    pacer: Pacer,
    total: int,
) -> bool:
    """Act on a queue's tasks, batch by batch; returns False if the operation was stopped."""
    minute = keys.minute_of(ledger.operation.updated_ms)
    act = replace(act, audited=Audited(total=len(pile.ids)))
    for at in range(0, len(pile.ids), pacer.batch):
        ids = pile.ids[at : at + pacer.batch]
        if not pacer.wait(len(ids)):
            return False
        if conduct.before_batch is not None:
            conduct.before_batch(pile.queue, ids)
        for start in range(0, len(ids), CALL):
            part = ids[start : start + CALL]
            done: Moved = access.run(move(access.space, pile.queue, act, part, minute=minute))
            minute, act = keys.minute_of(done.now_ms), replace(act, audited=done.audited)
            if done.deliver:
                access.deliver(pile.queue, done.deliver)
            _stop_running(access, pile.queue, act, ledger.enter(part, done), done.now_ms)
            ledger.at_ms = done.now_ms
        ledger.write(OperationState.RUNNING)
        if conduct.on_progress is not None:
            conduct.on_progress(ledger.handled, total)
    return True


def _stop_running(access: Access, queue: str, act: Act, intents: Sequence[str], at_ms: int) -> None:
    if intents:
        push_cancels(access, queue, intents, at_ms=at_ms, is_forced=act.is_forced, by=act.by)


def _piles_of(
    access: Access, order: BulkOrder, verb: MoveVerb, cutoff_ms: int, queues: Sequence[str]
) -> tuple[list[Pile], dict[str, str]]:
    """Return the tasks that an order means, queue by queue, and the ids that mean none."""
    if order.of:
        return trashed_by(access, order.of, queues), {}
    where = order.where
    if where.ids or order.is_named:
        return _named(access, where, order.expect, cutoff_ms)
    places = places_of(access, where, states_taken(access, verb, where, is_hard=order.is_hard))
    return gather(access, where, places, cutoff_ms=cutoff_ms), {}


def states_taken(
    access: Access, verb: MoveVerb, where: Where, *, is_hard: bool = False
) -> tuple[TaskState, ...]:
    """Return the states in which a verb looks for tasks of a selector.

    Args:
        access: Where.
        verb: The verb.
        where: The selector.
        is_hard: For delete: for good, which also empties the trash where that is named.

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
    if is_hard and where.state is _S.TRASH:
        return (where.state,)
    if where.state not in TAKES[verb]:
        takes = ", ".join(state for state in TaskState if state in TAKES[verb])
        raise WrongState(
            f"{where} is {where.state}, and {verb} does not take such tasks.",
            state=where.state.value,
            cause=f"{verb} takes {takes}.",
        )
    return (where.state,)


def _named(
    access: Access, where: Where, expect: str, cutoff_ms: int
) -> tuple[list[Pile], dict[str, str]]:
    found = find_tasks(access, where.ids)
    by_queue: dict[str, dict[str, None]] = {}
    for task in found.values():
        if task is not None and all(term.matches(task, cutoff_ms) for term in where.terms):
            by_queue.setdefault(task.queue, {})[task.id] = None
    piles = [Pile(queue, expect, list(ids)) for queue, ids in by_queue.items()]
    return piles, {word: "unknown" for word, task in found.items() if task is None}
