"""Act on tasks from the command line: count, show, ask, act with progress, report.

The engine finds the tasks, checks each again where it lies and says what happened to it. This
file is what stands around that for a person and for a script.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from rediq_cli.actions import Action, Asking, counts_text, needs_state, wrong_state
from rediq_cli.confirm import ask_name, ask_yes
from rediq_cli.exit_codes import ExitCode
from rediq_cli.output.humanise import count
from rediq_cli.output.json import Json
from rediq_cli.output.neutralise import safe
from rediq_cli.output.progress import Progress
from rediq_cli.session import Session, actor
from rediq_core.errors import InvalidOption, RediqError, TaskNotFound, WrongState
from rediq_core.model.state import TaskState
from rediq_core.model.where import Where, parse_where

if TYPE_CHECKING:
    from rediq_core.model.views import MoveReport, TaskView

# Tasks shown before a question and by a dry run.
SAMPLE_TASKS = 3


@dataclass(frozen=True, slots=True)
class Choices:
    """The options that bulk verbs share.

    Attributes:
        is_yes: Answers a y/N question.
        confirmed: Answers a typed one.
        is_dry: Only count and show.
        is_hard: For good, not to trash.
        is_forced: Kill what does not stop by itself.
        reason: Why, for the audit.
    """

    is_yes: bool = False
    confirmed: str | None = None
    is_dry: bool = False
    is_hard: bool = False
    is_forced: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is about to be acted on: a number, by state, and a few of the tasks."""

    where: Where
    number: int
    by_state: Mapping[TaskState, int]
    sample: Sequence[TaskView]

    @property
    def target(self) -> str:
        return safe(" ".join(self.where.words()), limit=200)


def read_where(words: Sequence[str]) -> Where:
    """Read the words of a WHERE; a single "-" means ids on stdin.

    Raises:
        InvalidOption: They cannot be read, or stdin has no ids.
    """
    if list(words) != ["-"]:
        return parse_where(words)
    if sys.stdin.isatty():
        raise InvalidOption("- means ids on stdin, and stdin is a terminal.")
    ids = sys.stdin.read().split()
    if not ids:
        raise InvalidOption("there are no ids on stdin.")
    return Where(ids=tuple(dict.fromkeys(ids)))


def act(session: Session, action: Action, where: Where, choices: Choices) -> None:
    """Do an action to all tasks of a WHERE, asking first where that is due.

    Raises:
        InvalidOption: A queue's name alone, for a verb that needs a state.
        WrongState: The state, or the one task that was named, is not one that the verb takes.
        TaskNotFound: The one task that was named does not exist.
        QueueNotFound: The selector's queue does not exist.
        Refused: Read-only, or not confirmed.
    """
    session.refuse_if_read_only_server()
    where = _resolved(session, where)
    plan = _plan(session, action, where)
    if choices.is_dry:
        _show_plan(session, action, plan)
        return
    _ask(session, action, plan, choices)
    with Progress(action.past, plan.number, sys.stderr, session.say.terminal) as progress:
        report = session.admin.move(
            action.move,
            where.ids if where.ids and not where.terms else where,
            by=actor(),
            reason=choices.reason,
            hard=choices.is_hard,
            force=choices.is_forced,
            on_progress=lambda done, _: progress.advance(done - progress.done),
        )
    _show_report(session, action, plan, report, is_hard=choices.is_hard)
    _judge(action, where, report)


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


def _plan(session: Session, action: Action, where: Where) -> _Plan:
    if where.ids:
        return _Plan(where, len(where.ids), {}, ())
    if where.is_bare_queue:
        counts = session.admin.counts(Where(queue=where.queue))
        raise needs_state(action, where.queue or "", counts)
    states = action.states_of(where)
    counts = session.admin.counts(where)
    by_state = {state: counts[state] for state in states if counts.get(state)}
    number = sum(by_state.values())
    sample = session.admin.select(where, limit=SAMPLE_TASKS).tasks if number else ()
    return _Plan(where, number, by_state, [task for task in sample if task.state in states])


def _show_plan(session: Session, action: Action, plan: _Plan) -> None:
    def record() -> Json:
        return {
            "verb": action.verb,
            "selector": plan.where.words(),
            "dry_run": True,
            "tasks": plan.number,
            "by_state": {state.value: number for state, number in plan.by_state.items()},
            "sample": [task.id for task in plan.sample],
        }

    session.out.one(
        lines=lambda: [f"would {action.verb} {_scope(plan)}", *_sample_lines(plan)],
        record=record,
        ids=[task.id for task in plan.sample],
    )


def _scope(plan: _Plan) -> str:
    states = f" ({counts_text(plan.by_state)})" if len(plan.by_state) > 1 else ""
    return f"{count(plan.number, 'task')} of {plan.target}{states}"


def _sample_lines(plan: _Plan) -> list[str]:
    lines = [
        safe(f"  {task.id}  {task.type}  {task.error}".rstrip(), limit=120) for task in plan.sample
    ]
    left = plan.number - len(plan.sample)
    return [*lines, f"  and {left:,} more"] if lines and left > 0 else lines


def _ask(session: Session, action: Action, plan: _Plan, choices: Choices) -> None:
    asking = action.asks(
        plan.number,
        is_named=bool(plan.where.ids),
        is_hard=choices.is_hard,
        is_protected=session.server.is_protected,
    )
    if asking is Asking.NOTHING or not plan.number:
        return
    question = action.question(plan.number, plan.target, is_hard=choices.is_hard)
    for text in _sample_lines(plan):
        session.say.note(text)
    if asking is Asking.YES:
        ask_yes(question, is_yes=choices.is_yes, command=session.command)
    else:
        name = plan.where.queue or "all"
        ask_name(question, name, given=choices.confirmed, command=session.command)


def _show_report(
    session: Session, action: Action, plan: _Plan, report: MoveReport, *, is_hard: bool
) -> None:
    session.out.one(
        lines=lambda: [_report_line(action, plan, report, is_hard=is_hard)],
        record=lambda: {
            "verb": action.verb,
            "selector": plan.where.words(),
            "moved": list(report.moved),
            "asked": list(report.intents),
            "skipped": dict(report.skipped),
            "operation": report.operation,
        },
        ids=(*report.moved, *report.intents),
    )


def _report_line(action: Action, plan: _Plan, report: MoveReport, *, is_hard: bool) -> str:
    text = f"{action.past} {count(len(report.moved), 'task')} of {plan.target}"
    if report.intents:
        text += f", asked {len(report.intents):,} running to stop"
    reasons = Counter(report.skipped.values())
    if reasons:
        said = ", ".join(f"{number:,} {_reason(word)}" for word, number in reasons.items())
        text += f"; skipped {said}"
    if action.is_removal and not is_hard and report.moved:
        text += f"; in trash for 24 h ({report.operation})"
    return text


def _reason(word: str) -> str:
    words = {"unknown": "unknown", "unique": "whose unique key is taken"}
    return words.get(word, f"now {word}")


def _judge(action: Action, where: Where, report: MoveReport) -> None:
    """Fail if tasks that were named by their ids were not all acted on.

    Tasks that left a selection in the meantime are no failure: they were not named.
    """
    if not where.ids or not report.skipped:
        return
    if len(where.ids) > 1:
        raise typer.Exit(ExitCode.FAILED)
    task_id, word = next(iter(report.skipped.items()))
    raise _why_not(action, task_id, word)


def _why_not(action: Action, task_id: str, word: str) -> RediqError:
    if word == "unknown":
        return TaskNotFound(
            f"No task has the id {task_id}.",
            cause="It never existed, was deleted, or finished longer ago than tasks are kept.",
            next_step="Look for it: rediq task list all text:WORD",
        )
    if word == "unique":
        return WrongState(
            f"task {task_id} was not {action.past}: its unique key is taken.",
            task_id=task_id,
            next_step=f"See the key: rediq task inspect {task_id}",
        )
    return wrong_state(action, TaskState(word), task_id)
