"""`rediq task`: find, add and repair tasks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.output.humanise import count
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session, actor

if TYPE_CHECKING:
    from rediq_core.model.views import MoveReport
    from rediq_core.model.where import Where

GROUP = Group("task")

# Tasks that a list shows unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50
# Tasks that go to trash without a question; they can be restored.
UNCONFIRMED = 1_000

Words = Annotated[
    list[str] | None, typer.Argument(metavar="[WHERE...]", help="ids, or a selector and terms")
]
Needed = Annotated[list[str], typer.Argument(metavar="WHERE...", help="ids, or a selector")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only count")]


@GROUP.leaf(
    "list",
    examples=[
        ("task list dead:payment", "dead tasks of a queue"),
        ("task list retry error:Timeout* older:1h", "of all queues, with terms"),
    ],
)
def list_tasks(
    session: Session,
    where: Words = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="tasks at most (50)")
    ] = DEFAULT_LIMIT,
) -> None:
    """List tasks, bounded; says how many were looked at."""
    from rediq_core.model.where import parse_where

    show_selection(session, parse_where(where or ["all"]), limit)


def show_selection(session: Session, where: Where, limit: int) -> None:
    """Write the first tasks of a selection, and say what was left out."""
    from rediq_cli.output.tasks import Scene, task_listing

    found = session.admin.select(where, limit=limit)
    scene = Scene(found.at_ms, session.out.terminal, session.server.redact)
    session.out.items(found.tasks, task_listing(scene, where.state, where.queue))
    if not found.tasks:
        session.say.note(f"No task is {safe(str(where))}; looked at {found.scanned:,}.")
    elif not found.is_complete:
        session.say.note(
            f"{len(found.tasks):,} shown, {found.scanned:,} of {found.total:,} looked at;"
            " more: --limit N"
        )


@GROUP.leaf(
    "inspect",
    examples=[("task inspect 01K8Z3M7Q2ABCD0123456789XY", ""), ("task inspect 6789XY", "its end")],
)
def inspect_task(
    session: Session,
    task_id: Annotated[str, typer.Argument(metavar="ID", help="an id or its end")],
) -> None:
    """Show one task with its timeline, errors and payload."""
    from rediq_cli.output.records import task_record
    from rediq_cli.output.task_page import task_page
    from rediq_cli.output.tasks import Scene

    task = session.admin.task(task_id)
    now_ms = session.admin.queue(task.queue).at_ms
    scene = Scene(now_ms, session.out.terminal, session.server.redact)
    session.out.one(
        lines=lambda: task_page(task, scene),
        record=lambda: task_record(task, session.server.redact),
        ids=[task.id],
    )


@GROUP.leaf(
    "enqueue",
    examples=[
        ("""task enqueue mail:send --payload '{"to": 7}' --queue mail""", ""),
        ("task enqueue report:daily --payload @report.json --delay 1h", ""),
    ],
)
def enqueue(
    session: Session,
    task_type: Annotated[str, typer.Argument(metavar="TYPE", help="the task's type")],
    queue: Annotated[str | None, typer.Option("--queue", metavar="QUEUE", help="its queue")] = None,
    payload: Annotated[
        str, typer.Option("--payload", metavar="JSON", help="JSON, @file, or - for stdin")
    ] = "null",
    delay: Annotated[
        str | None, typer.Option("--delay", metavar="TIME", help="start after")
    ] = None,
    priority: Annotated[
        int, typer.Option("--priority", metavar="N", help="0 first, 100 last (50)")
    ] = 50,
    unique_key: Annotated[
        str | None, typer.Option("--unique-key", metavar="KEY", help="one unfinished at a time")
    ] = None,
    on_duplicate: Annotated[
        str, typer.Option("--on-duplicate", metavar="DO", help="raise, return or replace")
    ] = "raise",
    max_retry: Annotated[
        int | None, typer.Option("--max-retry", metavar="N", help="retries after the first run")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="longest run")
    ] = None,
) -> None:
    """Put one task into a queue and print its id."""
    from rediq_core import SyncClient, Task

    session.refuse_if_read_only_server()
    place = queue or _announced_queue(session, task_type)
    task: Task[object] = Task(
        task_type,
        _payload(payload),
        queue=place,
        priority=priority,
        delay=delay,
        unique_key=unique_key,
        on_duplicate=on_duplicate,  # type: ignore[arg-type]  # Task checks the word
        max_retry=max_retry,
        timeout=timeout,
    )
    with SyncClient(session.server.url, namespace=session.server.namespace) as client:
        task_id = client.enqueue(task)
    session.out.one(
        lines=lambda: [f"enqueued {safe(task_id)} in {safe(place)}"],
        record=lambda: {"id": task_id, "queue": place, "type": task_type},
        ids=[task_id],
    )


def _announced_queue(session: Session, task_type: str) -> str:
    """Return the queue that live workers take a type from; `default` if none says so."""
    for worker in session.admin.workers():
        if worker.state == "running" and task_type in worker.types and len(worker.queues) == 1:
            session.say.note(f"queue {worker.queues[0]}: live workers take {safe(task_type)} there")
            return worker.queues[0]
    session.say.note("queue default: no --queue was given, and no live worker names one")
    return "default"


def _payload(text: str) -> object:
    from rediq_core.errors import InvalidOption

    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidOption(f"cannot read {text[1:]}.", cause=str(error.strerror)) from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidOption(
            "--payload is not JSON.",
            cause=str(error),
            next_step="""Quote it for the shell: --payload '{"to": 7}'""",
        ) from error


@GROUP.leaf(
    "retry",
    examples=[("task retry dead:payment", "all dead tasks of a queue, attempts fresh")],
)
def retry(session: Session, where: Needed, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Run dead, retrying or cancelled tasks again, with fresh attempts."""
    _act(session, "retry", where, is_yes=yes, is_dry=dry_run)


@GROUP.leaf("cancel", examples=[("task cancel 6789XY", "at once, or by asking its worker")])
def cancel(
    session: Session,
    where: Needed,
    force: Annotated[bool, typer.Option("--force", help="kill process handlers")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Cancel tasks; running ones are asked to stop."""
    _act(session, "cancel", where, is_yes=yes, is_dry=dry_run, is_forced=force)


@GROUP.leaf("delete", examples=[("task delete dead:payment error:Timeout*", "to trash, for 24 h")])
def delete(
    session: Session,
    where: Needed,
    hard: Annotated[bool, typer.Option("--hard", help="for good, not to trash")] = False,
    yes: Yes = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="the queue's name")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Delete tasks; they can be restored for a day unless --hard."""
    _act(session, "delete", where, is_yes=yes, is_dry=dry_run, is_hard=hard, confirmed=confirm)


def _act(
    session: Session,
    verb: str,
    words: list[str],
    *,
    is_yes: bool,
    is_dry: bool,
    is_forced: bool = False,
    is_hard: bool = False,
    confirmed: str | None = None,
) -> None:
    from rediq_cli.confirm import ask_name, ask_yes
    from rediq_core.model.where import parse_where

    session.refuse_if_read_only_server()
    if words == ["-"]:
        words = sys.stdin.read().split()
    where = parse_where(words)
    counted = len(where.ids) or sum(session.admin.counts(where, verb=verb).values())
    what = f"{verb} {count(counted, 'task')}"
    if is_dry:
        session.out.one(
            lines=lambda: [f"would {what}"],
            record=lambda: {"verb": verb, "tasks": counted},
            ids=[str(counted)],
        )
        return
    if is_hard or session.server.is_protected or (verb == "delete" and counted > UNCONFIRMED):
        name = where.queue or "all"
        ask_name(f"{what.capitalize()}?", name, given=confirmed, command=session.command)
    elif not where.ids and verb != "delete":
        ask_yes(f"{what.capitalize()}?", is_yes=is_yes, command=session.command)
    report = session.admin.move(verb, where, by=actor(), hard=is_hard, force=is_forced)
    _show_report(session, verb, report)


def _show_report(session: Session, verb: str, report: MoveReport) -> None:
    from rediq_core.errors import TaskNotFound, WrongState

    intents = getattr(report, "intents", ())
    session.out.one(
        lines=lambda: [
            f"{verb}: {count(len(report.moved), 'task')}"
            + (f", {len(intents)} asked to stop" if intents else "")
            + (f", {len(report.skipped)} left as they were" if report.skipped else "")
        ],
        record=lambda: {
            "verb": verb,
            "moved": list(report.moved),
            "asked": list(intents),
            "skipped": dict(report.skipped),
            "operation": report.operation,
        },
        ids=report.moved,
    )
    if report.moved or intents or not report.skipped:
        return
    task_id, state = next(iter(report.skipped.items()))
    if state == "unknown":
        raise TaskNotFound(f"No task has the id {task_id}.", next_step="See: rediq task list all")
    raise WrongState(
        f"task {task_id} is {state}, so {verb} left it as it is.",
        task_id=task_id,
        state=state,
        next_step=f"See it: rediq task inspect {task_id}",
    )
