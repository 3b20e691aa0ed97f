"""Deeds on tasks: retry, run now, restore, cancel, delete, flush, reschedule, edit, undo.

Marked tasks are named by their ids, each group of them with the state it was seen in: what has left
that state by the time the deed is done is skipped and said. "All matching" is a WHERE, counted
before the question. Nothing here does I/O until `act` is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rediq_cli.actions import ACTIONS, FLUSH, Action, wrong_state
from rediq_cli.bulk_report import report_text
from rediq_cli.dash.deeds import Deed, Entry, Form, Outcome, Tier
from rediq_cli.dash.hands import Counted, Given, Hands
from rediq_cli.output.humanise import count
from rediq_cli.producing import read_instant
from rediq_core.admin import Conduct
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import duration_ms
from rediq_core.model.operations import BulkOrder, Operation
from rediq_core.model.state import TaskState
from rediq_core.model.views import MoveReport, TaskView
from rediq_core.model.where import Where

# Tasks named in a question, and ids of a command line that are written out.
SAMPLES = 3
WRITTEN_IDS = 3
# Characters of the end of an id that stand for it.
ID_END = 7

_DOING = {
    "retry": "retrying",
    "run": "making due",
    "cancel": "cancelling",
    "delete": "deleting",
    "restore": "restoring",
    "reschedule": "rescheduling",
    "flush": "flushing",
}
_AGAIN = {
    TaskState.DEAD: "retry",
    TaskState.CANCELLED: "retry",
    TaskState.RETRY: "run",
    TaskState.DELAYED: "run",
    TaskState.TRASH: "restore",
}
TRASH_NOTE = "They go to trash for 24 h; u takes them back."


@dataclass(frozen=True, slots=True)
class _Moves:
    """What a deed asks the engine for.

    Attributes:
        action: What to do.
        orders: For each state that tasks were seen in, or one with a WHERE.
        where: What it is of, in words; "" for a single task.
        delay_ms: For reschedule: so long from the moment of the deed; 0 for what the orders say.
    """

    action: Action
    orders: Sequence[BulkOrder]
    where: str
    delay_ms: int = 0


def again(tasks: Sequence[TaskView], where: str) -> Deed:
    """Return what runs tasks again: dead and cancelled ones afresh, others now, or out of trash.

    Args:
        tasks: As they were seen; those of the first one's state decide, others are left out.
        where: Where they were seen, in words.

    Raises:
        InvalidOption: They are in no state from which they could run again.
    """
    verb = _AGAIN.get(tasks[0].state)
    if verb is None:
        raise wrong_state(ACTIONS["retry"], tasks[0].state, f"…{tasks[0].id[-ID_END:]}")
    alike = [task for task in tasks if _AGAIN.get(task.state) == verb]
    return on_tasks(ACTIONS[verb], alike, where)


def again_verb(state: TaskState) -> str:
    """Return what "again" means for a state: retry, run or restore; "" for nothing."""
    return _AGAIN.get(state, "")


def on_tasks(
    action: Action,
    tasks: Sequence[TaskView],
    where: str,
    *,
    due: tuple[int, int] = (0, 0),
    more: Sequence[str] = (),
) -> Deed:
    """Return a deed on tasks that were pointed at.

    Args:
        action: What to do.
        tasks: As they were seen.
        where: Where they were seen, in words.
        due: For reschedule: when, in epoch ms, or else how long from the deed on, in ms.
        more: Further words of the command line.

    Raises:
        WrongState: None of them is in a state that the action takes.
    """
    taken = [task for task in tasks if task.state in action.takes]
    if not taken:
        raise wrong_state(action, tasks[0].state, f"…{tasks[0].id[-ID_END:]}")
    by_state: dict[str, list[str]] = {}
    for task in taken:
        by_state.setdefault(task.state.value, []).append(task.id)
    orders = [
        BulkOrder(
            action.verb,
            action.move.value,
            Where(ids=tuple(ids)),
            "",
            is_named=True,
            expect=state,
            due_ms=due[0],
        )
        for state, ids in by_state.items()
    ]
    target = f"task …{taken[0].id[-ID_END:]}" if len(taken) == 1 else count(len(taken), "task")
    left = len(tasks) - len(taken)
    return Deed(
        f"{_title(action)} {target}" + (f" of {where}" if where and len(taken) > 1 else ""),
        _DOING[action.verb],
        ("task", action.verb, *_ids(taken), *more),
        partial(_move, _Moves(action, orders, where if len(taken) > 1 else "", due[1])),
        Tier.YES if action.verb in ("cancel", "delete") else Tier.AT_ONCE,
        number=len(taken),
        is_removal=action.is_removal,
        name=_name(taken),
        facts=(*_facts(action), *((f"{left:,} in other states are left out.",) if left else ())),
        samples=tuple(map(_sample, taken[:SAMPLES])) + _more(len(taken) - SAMPLES),
        has_rate=action.verb in ("retry", "run") and len(taken) > 1,
        save=_stem(action, where) if action.is_removal else "",
    )


def on_all(action: Action, where: Where) -> Deed:
    """Return a deed on everything that a WHERE picks, wherever it stands in the list.

    Raises:
        InvalidOption: A queue's name alone.
        WrongState: Its state is none that the action takes.
    """
    where = where.for_flush() if action is FLUSH else where
    if where.is_bare_queue:
        raise InvalidOption(
            f"{action.verb} needs a state, and {where.queue} is a whole queue.",
            next_step=f"Name one, such as dead:{where.queue}",
        )
    action.states_of(where)
    order = BulkOrder(action.verb, action.move.value, where, "")
    noun = ("queue", "flush") if action is FLUSH else ("task", action.verb)
    return Deed(
        f"{_title(action)} {where}",
        _DOING[action.verb],
        (*noun, *where.words()),
        partial(_move, _Moves(action, [order], str(where))),
        Tier.YES if action.verb in ("cancel", "delete", "flush") else Tier.AT_ONCE,
        is_removal=action.is_removal,
        # A flush is judged by how much it takes; what a filter picks is more easily mistaken.
        is_selected=action is not FLUSH,
        count=lambda hands: hands.count(where, action.move),
        name=where.queue or "all",
        facts=_facts(action),
        has_rate=action.verb in ("retry", "run"),
        save=_stem(action, str(where)) if action.is_removal else "",
    )


def counted(deed: Deed, found: Counted) -> Deed:
    """Return a deed with the number that was counted."""
    more = "" if found.is_complete else " or more"
    return replace(
        deed, number=found.number, title=f"{deed.title}: {count(found.number, 'task')}{more}"
    )


def reschedule(tasks: Sequence[TaskView], where: str) -> Form:
    """Return the form that gives tasks another time.

    Raises:
        WrongState: None of them is in a state that takes one.
    """
    action = ACTIONS["reschedule"]
    if not any(task.state in action.takes for task in tasks):
        raise wrong_state(action, tasks[0].state, f"…{tasks[0].id[-ID_END:]}")

    def make(given: Mapping[str, str]) -> Deed:
        text = given["when"].strip()
        if not text:
            raise InvalidOption("when?", next_step="2h from now, or 2026-02-07T10:00")
        try:
            delay_ms = duration_ms(text, "when")
        except InvalidOption:
            at_ms = round(read_instant(text).timestamp() * 1_000)
            return on_tasks(action, tasks, where, due=(at_ms, 0), more=("--at", text))
        return on_tasks(action, tasks, where, due=(0, delay_ms), more=("--delay", text))

    return Form(
        f"Reschedule {count(len(tasks), 'task')}",
        (Entry("when", "Due", "2h from now, or 2026-02-07T10:00"),),
        make,
        go="Reschedule",
    )


def edit(task: TaskView, content: object, difference: Sequence[str], *, is_retried: bool) -> Deed:
    """Return what gives a task another payload, and runs it again if it had ended.

    Args:
        task: As it was seen; if its payload is another by then, nothing is changed.
        content: The new payload.
        difference: Lines that differ, neutralised, secrets hidden.
        is_retried: Then retry it.
    """

    def act(hands: Hands, conduct: Conduct, given: Given) -> Outcome:
        hands.admin.edit(task, content, by=hands.by)
        text = f"edited task …{task.id[-ID_END:]}"
        if not is_retried:
            return Outcome(text)
        retried = on_tasks(ACTIONS["retry"], [task], "").act(hands, conduct, given)
        return replace(retried, text=f"{text} and {retried.text}")

    shown = tuple(difference[:12])
    return Deed(
        f"Edit task …{task.id[-ID_END:]}" + (" and retry it" if is_retried else ""),
        "editing",
        ("task", "edit", task.id[-ID_END:], *(("--retry",) if is_retried else ())),
        act,
        Tier.YES,
        number=1,
        name=task.queue,
        samples=shown + _more(len(difference) - len(shown), "lines"),
    )


def undo_of(operations: Sequence[str], what: str) -> Deed:
    """Return what takes back deletions that were just made."""

    def act(hands: Hands, conduct: Conduct, given: Given) -> Outcome:
        del given
        admin, restored, skipped = hands.admin, 0, 0
        for name in operations:
            operation = admin.operations.undoable(hands.by, name)
            report = admin.operations.undo(operation, by=hands.by, conduct=conduct)
            restored += len(report.moved)
            skipped += len(report.skipped)
        left = f"; {skipped:,} could not come back" if skipped else ""
        return Outcome(f"restored {count(restored, 'task')}{left}", is_partial=bool(skipped))

    return Deed(f"Take back: {what}", "restoring", ("undo", *operations[:1]), act)


def undo_found(operation: Operation, ago: str) -> Deed:
    """Return what takes back the last deletion of this person, wherever it was made."""
    what = f"{operation.order.label}, {count(operation.moved, 'task')}, {ago}"
    return replace(undo_of([operation.id], what), tier=Tier.YES, name="undo")


def _move(moves: _Moves, hands: Hands, conduct: Conduct, given: Given) -> Outcome:
    action, where, orders = moves.action, moves.where, moves.orders
    if moves.delay_ms:
        due_ms = hands.admin.access.now_ms() + moves.delay_ms
        orders = [replace(order, due_ms=due_ms) for order in orders]
    reports = hands.carry_out(orders, conduct, given)
    whole = _together(reports)
    text = report_text(action.past, where, whole) if where else _alone(action, whole)
    operations = [report.operation for report in reports if report.moved]
    note, undo = "", None
    if action.is_removal and operations:
        note = "in trash for 24 h"
        undo = undo_of(operations, text)
    if whole.left > 0:
        note = f"stopped with {whole.left:,} left; go on: rediq op resume {reports[-1].operation}"
    return Outcome(text, note, undo, is_partial=bool(whole.skipped) or whole.left > 0)


def _together(reports: Sequence[MoveReport]) -> MoveReport:
    if len(reports) == 1:
        return reports[0]
    return MoveReport(
        tuple(id_ for report in reports for id_ in report.moved),
        {id_: word for report in reports for id_, word in report.skipped.items()},
        intents=tuple(id_ for report in reports for id_ in report.intents),
        left=sum(report.left for report in reports),
    )


def _alone(action: Action, report: MoveReport) -> str:
    ids = report.moved or report.intents
    if not ids:
        return report_text(action.past, "what was pointed at", report)
    if report.intents and not report.moved:
        return f"asked the worker of task …{ids[0][-ID_END:]} to stop it"
    return f"{action.past} task …{ids[0][-ID_END:]}"


def _title(action: Action) -> str:
    return {"run": "Run now:", "restore": "Restore"}.get(action.verb, action.verb.capitalize())


def _facts(action: Action) -> tuple[str, ...]:
    if action is FLUSH:
        return (TRASH_NOTE, "Only this state: what runs and what is in other states stays.")
    if action.is_removal:
        return (TRASH_NOTE,)
    if action.verb == "cancel":
        return ("What runs is asked to stop; it runs until it looks.",)
    if action.verb == "retry":
        return ("They run again with fresh attempts.",)
    return ()


def _ids(tasks: Sequence[TaskView]) -> tuple[str, ...]:
    ids = tuple(task.id[-ID_END:] for task in tasks[:WRITTEN_IDS])
    return ids if len(tasks) <= WRITTEN_IDS else (*ids, f"+{len(tasks) - WRITTEN_IDS}")


def _name(tasks: Sequence[TaskView]) -> str:
    queues = {task.queue for task in tasks}
    return queues.pop() if len(queues) == 1 else "all"


def _sample(task: TaskView) -> str:
    return f"…{task.id[-ID_END:]}  {task.type}  {task.error}".rstrip()


def _more(left: int, noun: str = "more") -> tuple[str, ...]:
    return (
        (f"and {left:,} {noun}" if noun == "more" else f"and {left:,} more {noun}",)
        if left > 0
        else ()
    )


def _stem(action: Action, where: str) -> str:
    plain = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in where)[:40]
    return f"{action.verb}-{plain.strip('-') or 'tasks'}"
