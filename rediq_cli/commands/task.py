"""`rediq task`: find, add and repair tasks."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from rediq_cli.leaf import Group
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session

GROUP = Group("task")

# Tasks that a list shows unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50
# Tasks that a list with terms looks at unless --scan says otherwise: about a second.
DEFAULT_SCAN = 10_000
DEFAULT_PRIORITY = 50

Words = Annotated[
    list[str], typer.Argument(metavar="WHERE...", help="ids, or a selector and terms; - for stdin")
]
Yes = Annotated[bool, typer.Option("--yes", help="answer a y/N question with yes")]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="NAME", help="answer a typed question")
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="only count, and show a few")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; kept in the audit")]


@GROUP.leaf(
    "list",
    examples=[
        ("task list", "the first tasks of every queue"),
        ("task list dead:payment", "dead tasks of a queue, latest first"),
        ("task list retry error:Timeout* older:1h", "of all queues, with terms"),
        ("task list payment payload.order_id:7", "the tasks of order 7"),
    ],
)
def list_tasks(
    session: Session,
    where: Annotated[
        list[str] | None, typer.Argument(metavar="WHERE...", help="ids, or a selector and terms")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="tasks at most (50)")
    ] = DEFAULT_LIMIT,
    scan: Annotated[
        int, typer.Option("--scan", metavar="N", min=1, help="tasks looked at at most (10000)")
    ] = DEFAULT_SCAN,
) -> None:
    """List tasks, and say how many were looked at.

    What can be picked is told by: rediq help where
    """
    from rediq_cli.bulk import read_where
    from rediq_cli.listing import list_selection

    list_selection(session, read_where(where or ["all"]), limit=limit, budget=scan)


@GROUP.leaf(
    "inspect",
    examples=[
        ("task inspect 01KG7Q5ZC4M9X8W2T6R3PBVN1A", ""),
        ("task inspect 3PBVN1A", "the end of an id is enough"),
        ("task inspect 3PBVN1A --json", "for scripts"),
    ],
)
def inspect_task(
    session: Session,
    task_id: Annotated[str, typer.Argument(metavar="ID", help="an id, or its end")],
) -> None:
    """Show one task: where it stands, what happened to it, what it carries."""
    from rediq_cli.output.records import task_record
    from rediq_cli.output.task_page import Around, task_page
    from rediq_cli.output.tasks import Scene

    task = session.admin.task(task_id)
    around = Around(session.admin.place(task), session.admin.kin(task))
    scene = Scene(session.admin.access.now_ms(), session.out.terminal, session.server.redact)
    session.out.one(
        lines=lambda: task_page(task, scene, around),
        record=lambda: {**task_record(task, session.server.redact), **around.record()},
        ids=[task.id],
    )


@GROUP.leaf(
    "enqueue",
    examples=[
        ("""task enqueue mail:send --payload '{"to": 7}' --queue mail""", ""),
        ("task enqueue report:daily --payload @report.json --delay 1h", ""),
        ("task enqueue mail:send -o ids", "print the id alone"),
    ],
)
def enqueue(
    session: Session,
    task_type: Annotated[str, typer.Argument(metavar="TYPE", help="the task's type")],
    queue: Annotated[
        str | None,
        typer.Option("--queue", metavar="QUEUE", help="else the one live workers take it from"),
    ] = None,
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="JSON", help="JSON, @file, or - for stdin")
    ] = None,
    delay: Annotated[
        str | None, typer.Option("--delay", metavar="TIME", help="start this much later")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="WHEN", help="start then: 2026-02-07T10:00")
    ] = None,
    priority: Annotated[
        int, typer.Option("--priority", metavar="N", help="0 most urgent, 100 least (50)")
    ] = DEFAULT_PRIORITY,
    unique_key: Annotated[
        str | None,
        typer.Option("--unique-key", metavar="KEY", help="at most one unfinished task has it"),
    ] = None,
    on_duplicate: Annotated[
        Literal["raise", "return", "replace"],
        typer.Option(
            "--on-duplicate", metavar="DO", help="if the key is taken: raise, return or replace"
        ),
    ] = "raise",
    max_retry: Annotated[
        int | None, typer.Option("--max-retry", metavar="N", help="retries after the first run")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="longest run")
    ] = None,
) -> None:
    """Add one task to a queue, and print its id."""
    from rediq_cli.producing import announced_queue, read_instant, read_payload
    from rediq_core.model.task import Task

    session.refuse_if_read_only_server()
    content = None if payload is None else read_payload(payload)
    if queue is None:
        queue, why = announced_queue(task_type, session.admin.workers())
        session.say.note(f"Queue {queue}: {why}.")
    task: Task[object] = Task(
        task_type,
        content,
        queue=queue,
        priority=priority,
        delay=delay,
        at=None if at is None else read_instant(at),
        unique_key=unique_key,
        on_duplicate=on_duplicate,
        max_retry=max_retry,
        timeout=timeout,
    )
    task_id = session.client.enqueue(task)
    what = "enqueued" if task_id == task.id else "already there:"
    session.out.one(
        lines=lambda: [f"{what} {safe(task_id)} in {safe(task.queue)}"],
        record=lambda: {
            "id": task_id,
            "queue": task.queue,
            "type": task_type,
            "is_new": task_id == task.id,
        },
        ids=[task_id],
    )


@GROUP.leaf(
    "retry",
    examples=[
        ("task retry 3PBVN1A", "one task, with fresh attempts"),
        ("task retry dead:payment error:Timeout*", "of all dead ones, those that timed out"),
        ("task retry dead:payment --yes", "in a script"),
    ],
)
def retry(
    session: Session,
    where: Words,
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    reason: Reason = "",
) -> None:
    """Run dead, retrying or cancelled tasks again, with fresh attempts."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(is_yes=is_yes, confirmed=confirm, is_dry=is_dry, reason=reason)
    act(session, ACTIONS["retry"], read_where(where), choices)


@GROUP.leaf(
    "run",
    examples=[("task run delayed:reports", "now, and not when they are due")],
)
def run(
    session: Session,
    where: Words,
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    reason: Reason = "",
) -> None:
    """Make delayed or retrying tasks due now, with the attempts they have left."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(is_yes=is_yes, confirmed=confirm, is_dry=is_dry, reason=reason)
    act(session, ACTIONS["run"], read_where(where), choices)


@GROUP.leaf(
    "cancel",
    examples=[
        ("task cancel 3PBVN1A", "at once, or by asking its worker to stop it"),
        ("task cancel pending:mail type:mail:promo", ""),
    ],
)
def cancel(
    session: Session,
    where: Words,
    is_forced: Annotated[
        bool, typer.Option("--force", help="kill what does not stop by itself")
    ] = False,
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    reason: Reason = "",
) -> None:
    """Cancel tasks; running ones are asked to stop."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(
        is_yes=is_yes, confirmed=confirm, is_dry=is_dry, is_forced=is_forced, reason=reason
    )
    act(session, ACTIONS["cancel"], read_where(where), choices)


@GROUP.leaf(
    "delete",
    examples=[
        ("task delete 3PBVN1A", "to trash, where it stays for 24 h"),
        ("task delete dead:payment older:30d", ""),
        ("task delete dead:payment --hard --confirm payment", "for good"),
    ],
)
def delete(
    session: Session,
    where: Words,
    is_hard: Annotated[bool, typer.Option("--hard", help="for good, not to trash")] = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    reason: Reason = "",
) -> None:
    """Delete tasks; for 24 h they can be restored, unless --hard."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(confirmed=confirm, is_dry=is_dry, is_hard=is_hard, reason=reason)
    act(session, ACTIONS["delete"], read_where(where), choices)


@GROUP.leaf(
    "restore",
    examples=[("task restore trash:payment", "all that was deleted from it in the last 24 h")],
)
def restore(
    session: Session,
    where: Words,
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    reason: Reason = "",
) -> None:
    """Take tasks out of the trash, to where they were."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(is_yes=is_yes, confirmed=confirm, is_dry=is_dry, reason=reason)
    act(session, ACTIONS["restore"], read_where(where), choices)
