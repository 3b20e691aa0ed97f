"""What is said about tasks that are about to be acted on, and about what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from rediq_cli.actions import Action, counts_text, wrong_state
from rediq_cli.exit_codes import ExitCode
from rediq_cli.output.humanise import count
from rediq_cli.output.neutralise import safe
from rediq_core.errors import RediqError, TaskNotFound, WrongState
from rediq_core.model.state import TaskState
from rediq_core.model.where import Where

if TYPE_CHECKING:
    from rediq_cli.output.json import Json
    from rediq_cli.session import Session
    from rediq_core.model.views import MoveReport, TaskView


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be acted on: a number, by state, and a few of the tasks.

    Attributes:
        where: What was typed.
        number: Tasks altogether.
        by_state: Tasks in each state; empty if they were named by their ids.
        sample: A few of them.
    """

    where: Where
    number: int
    by_state: Mapping[TaskState, int]
    sample: Sequence[TaskView]

    @property
    def target(self) -> str:
        """The WHERE as it is shown."""
        return safe(" ".join(self.where.words()), limit=200)


def show_plan(session: Session, action: Action, plan: Plan) -> None:
    """Write what would be done."""

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
        lines=lambda: [f"would {action.verb} {_scope(plan)}", *sample_lines(plan)],
        record=record,
        ids=[task.id for task in plan.sample],
    )


def _scope(plan: Plan) -> str:
    states = f" ({counts_text(plan.by_state)})" if len(plan.by_state) > 1 else ""
    return f"{count(plan.number, 'task')} of {plan.target}{states}"


def sample_lines(plan: Plan) -> list[str]:
    """Return a line for each task of the sample, and how many are left."""
    lines = [
        safe(f"  {task.id}  {task.type}  {task.error}".rstrip(), limit=120) for task in plan.sample
    ]
    left = plan.number - len(plan.sample)
    return [*lines, f"  and {left:,} more"] if lines and left > 0 else lines


def show_report(
    session: Session, action: Action, plan: Plan, report: MoveReport, *, is_hard: bool
) -> None:
    """Write what was done."""
    # Of one named task that was not acted on, the error behind this says more.
    is_nothing = len(plan.where.ids) == 1 and bool(report.skipped)
    session.out.one(
        lines=lambda: [] if is_nothing else [_report_line(action, plan, report, is_hard=is_hard)],
        record=lambda: {
            "verb": action.verb,
            "selector": plan.where.words(),
            **report_fields(report),
        },
        ids=(*report.moved, *report.intents),
    )


def report_fields(report: MoveReport) -> dict[str, Json]:
    """Return the fields of a report that all verbs share."""
    return {
        "moved": list(report.moved),
        "asked": list(report.intents),
        "skipped": dict(report.skipped),
        "already": list(report.already),
        "left": report.left,
        "operation": report.operation,
    }


def report_text(past: str, target: str, report: MoveReport) -> str:
    """Return what happened, such as "retried 3 tasks of dead:mail; skipped 1 now active"."""
    text = f"{past} {count(len(report.moved), 'task')} of {target}"
    if report.intents:
        asked = f"asked {count(len(report.intents), 'running task')}"
        text = f"{text}, {asked} to stop" if report.moved else f"{asked} of {target} to stop"
    reasons = Counter(report.skipped.values())
    if reasons:
        said = ", ".join(f"{number:,} {_reason(word)}" for word, number in reasons.items())
        text += f"; skipped {said}"
    return text


def _report_line(action: Action, plan: Plan, report: MoveReport, *, is_hard: bool) -> str:
    text = report_text(action.past, plan.target, report)
    if action.is_removal and not is_hard and report.moved:
        text += f"; in trash for 24 h, take back: rediq undo {report.operation}"
    return text


def _reason(word: str) -> str:
    words = {"unknown": "unknown", "unique": "whose unique key is taken"}
    return words.get(word, f"now {word}")


def judge(session: Session, action: Action, where: Where, report: MoveReport) -> None:
    """Fail if the operation was stopped, or if named tasks were not all acted on.

    Tasks that left a selection in the meantime are no failure: they were not named.

    Raises:
        Exit: It was stopped (130), or some of the named tasks were not acted on (1).
        TaskNotFound: The one task that was named does not exist.
        WrongState: It is in a state that the verb does not take.
    """
    fail_if_stopped(session, report)
    if not where.ids or not report.skipped:
        return
    if len(where.ids) > 1:
        raise typer.Exit(ExitCode.FAILED)
    task_id, word = next(iter(report.skipped.items()))
    raise _why_not(action, task_id, word)


def fail_if_stopped(session: Session, report: MoveReport) -> None:
    """Say how to go on with an operation that did not come to its end, and exit 130.

    Raises:
        Exit: It was stopped.
    """
    if report.left > 0:
        session.say.note(
            f"Stopped with {report.left:,} left. Go on: rediq op resume {report.operation}"
        )
        raise typer.Exit(ExitCode.INTERRUPTED)


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
