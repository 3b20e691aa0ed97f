"""Act on tasks from the command line: count, show, ask, act with progress, report.

The engine finds the tasks, checks each again where it lies and says what happened to it. This
file is what stands around that for a person and for a script; what is said is in `bulk_report`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from rediq_cli.actions import Action, Asking, needs_state
from rediq_cli.awaiting import await_ends
from rediq_cli.bulk_options import Bulk, Told
from rediq_cli.bulk_report import Plan, judge, sample_lines, show_plan, show_report
from rediq_cli.confirm import ask_name, ask_yes
from rediq_cli.interrupting import stop_on_interrupt
from rediq_cli.output.progress import Progress
from rediq_cli.saving import SaveFile
from rediq_cli.session import Session, actor
from rediq_core.admin import Conduct
from rediq_core.errors import InvalidOption, RediqError, TaskNotFound
from rediq_core.model.operations import BulkOrder, Operation
from rediq_core.model.rates import parse_rate
from rediq_core.model.where import Where, parse_where

if TYPE_CHECKING:
    from rediq_core.model.views import MoveReport

# Tasks shown before a question and by a dry run.
SAMPLE_TASKS = 3


@dataclass(frozen=True)
class Choices(Bulk):
    """What a bulk verb was told: what all take, and what only some do.

    Attributes:
        is_hard: For good, not to trash.
        is_forced: Kill what does not stop by itself.
        due_ms: When rescheduled tasks are due, in epoch ms.
        wait_ms: Wait so long for running tasks that were told to stop; 0 does not wait.
    """

    is_hard: bool = False
    is_forced: bool = False
    due_ms: int = 0
    wait_ms: int = 0

    @classmethod
    def of(cls, bulk: Bulk, **more: Unpack[Told]) -> Choices:
        """Add to what all verbs take what this one was told."""
        return cls(**vars(bulk), **more)


def read_where(words: Sequence[str]) -> Where:
    """Read the words of a WHERE; a single "-" means ids on stdin.

    Raises:
        InvalidOption: They cannot be read, or stdin has no ids.
    """
    if list(words) != ["-"]:
        return parse_where(words)
    if sys.stdin.isatty():
        raise InvalidOption(
            "- means ids on stdin, and stdin is a terminal.",
            next_step="Pipe them in: rediq task list dead:QUEUE -o ids | rediq task retry -",
        )
    ids = sys.stdin.read().split()
    if not ids:
        raise InvalidOption(
            "there are no ids on stdin.",
            cause="What was piped in is empty.",
            next_step="See what the left side of the pipe prints by itself.",
        )
    return Where(ids=tuple(dict.fromkeys(ids)))


def act(session: Session, action: Action, where: Where, choices: Choices) -> None:
    """Do an action to all tasks of a WHERE, asking first where that is due.

    Raises:
        InvalidOption: A queue's name alone for a verb that needs a state, no rate, or no file.
        WrongState: The state, or the one task that was named, is not one that the verb takes.
        TaskNotFound: The one task that was named does not exist.
        QueueNotFound: The selector's queue does not exist.
        Refused: Read-only, or not confirmed.
    """
    session.refuse_if_read_only_server()
    rate = "" if choices.rate is None else str(parse_rate(choices.rate, "--rate"))
    where = _resolved(session, where)
    plan = _plan(session, action, where, choices)
    if choices.is_dry:
        show_plan(session, action, plan)
        return
    _ask(session, action, plan, choices)
    order = BulkOrder(
        action.verb,
        action.move.value,
        where,
        actor(),
        choices.reason,
        bool(where.ids),
        is_hard=choices.is_hard,
        is_forced=choices.is_forced,
        due_ms=choices.due_ms,
        rate=rate,
    )
    operations = session.admin.operations
    report = carry_out(
        session,
        action.past,
        plan.number,
        lambda conduct: operations.carry_out(order, conduct),
        save=choices.save,
    )
    show_report(session, action, plan, report, is_hard=choices.is_hard)
    if choices.wait_ms:
        await_ends(session, report.intents, choices.wait_ms)
    judge(session, action, where, report)


def carry_out(
    session: Session,
    past: str,
    number: int,
    run: Callable[[Conduct], MoveReport],
    *,
    save: str | None = None,
) -> MoveReport:
    """Run an operation with progress and an orderly end at Ctrl-C.

    Args:
        session: The session.
        past: What is being done, such as "retried", for the progress line.
        number: How many tasks that will be, as far as it is known.
        run: Runs it.
        save: File for copies of the tasks, or None.

    Raises:
        RediqError: What `run` raises; how to go on is said first.
        InvalidOption: The file cannot be written.
    """
    begun: list[Operation] = []
    stop = threading.Event()
    with ExitStack() as stack:
        file = stack.enter_context(SaveFile(save)) if save else None
        progress = stack.enter_context(Progress(past, number, sys.stderr, session.say.terminal))

        def keep_copy(queue: str, ids: Sequence[str]) -> None:
            if file is not None:
                file.write(session.admin.transfers.export_ids(queue, ids))

        conduct = Conduct(
            on_begin=begun.append,
            on_progress=lambda done, _: progress.advance(done - progress.done),
            before_batch=keep_copy if file is not None else None,
            stop=stop,
        )
        stack.enter_context(stop_on_interrupt(stop))
        try:
            report = run(conduct)
        except RediqError:
            if begun:
                session.say.note(f"It stopped on the way. Go on: rediq op resume {begun[0].id}")
            raise
    if file is not None:
        session.say.note(f"{file.count:,} saved in {file.path}: rediq task import {file.path}")
    return report


def _resolved(session: Session, where: Where) -> Where:
    """Read a word that names no queue as a task's own id, if there is one."""
    word = where.queue or ""
    if not where.is_bare_queue or word in session.admin.queue_names():
        return where
    with suppress(TaskNotFound, InvalidOption):
        # Only a whole id: a mistyped queue must not become the end of somebody's id.
        if session.admin.task(word).id == word:
            return Where(ids=(word,), terms=where.terms)
    return where


def _plan(session: Session, action: Action, where: Where, choices: Choices) -> Plan:
    if where.ids:
        return Plan(where, len(where.ids), {}, ())
    if where.is_bare_queue:
        counts = session.admin.counts(Where(queue=where.queue))
        raise needs_state(action, where.queue or "", counts)
    states = action.states_of(where, is_hard=choices.is_hard)
    counts = session.admin.counts(where)
    by_state = {state: counts[state] for state in states if counts.get(state)}
    number = sum(by_state.values())
    sample = session.admin.select(where, limit=SAMPLE_TASKS).tasks if number else ()
    return Plan(where, number, by_state, [task for task in sample if task.state in states])


def _ask(session: Session, action: Action, plan: Plan, choices: Choices) -> None:
    asking = action.asks(
        plan.number,
        is_named=bool(plan.where.ids),
        is_hard=choices.is_hard,
        is_protected=session.server.is_protected,
    )
    if asking is Asking.NOTHING or not plan.number:
        return
    question = action.question(plan.number, plan.target, is_hard=choices.is_hard)
    for text in sample_lines(plan):
        session.say.note(text)
    if asking is Asking.YES:
        ask_yes(question, is_yes=choices.is_yes, command=session.command)
    else:
        name = plan.where.queue or "all"
        ask_name(question, name, given=choices.confirmed, command=session.command)
