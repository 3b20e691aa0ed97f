"""`rediq task`: find tasks and add them; what is done to them: `task_acts`, `task_files`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from rediq_cli.commands import task_acts, task_files, task_graph
from rediq_cli.commands.task_group import GROUP
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session, actor
from rediq_cli.task_options import PLAIN_TASK, TaskWords

# Imported for what they register.
__all__ = ["GROUP", "task_acts", "task_files", "task_graph"]

# Tasks that a list shows unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50
# Tasks that a list with terms looks at unless --scan says otherwise: about a second.
DEFAULT_SCAN = 10_000


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
    words: TaskWords = PLAIN_TASK,
    delay: Annotated[
        str | None, typer.Option("--delay", metavar="TIME", help="start this much later")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="WHEN", help="start then: 2026-02-07T10:00")
    ] = None,
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
    depends_on: Annotated[
        list[str] | None,
        typer.Option("--depends-on", metavar="ID", help="a task that must end first; repeatable"),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="run together with others of it")
    ] = None,
) -> None:
    """Add one task to a queue, and print its id."""
    from rediq_cli.producing import make_task, read_instant

    session.refuse_if_read_only_server()
    task = make_task(
        session,
        task_type,
        words,
        delay=delay,
        at=None if at is None else read_instant(at),
        unique_key=unique_key,
        on_duplicate=on_duplicate,
        depends_on=[session.admin.task(word).id for word in depends_on or ()],
        group=group,
    )
    task_id = session.client.enqueue(task)
    if task_id == task.id:
        session.admin.note(
            task.queue, "enqueue", by=actor(), details={"count": 1, "first": task_id}
        )
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
    "result",
    examples=[
        ("task result 3PBVN1A", "what its handler returned"),
        ("task result 3PBVN1A --timeout 30s", "wait for it"),
    ],
)
def result(
    session: Session,
    task_id: Annotated[str, typer.Argument(metavar="ID", help="an id, or its end")],
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="wait at most so long (0)")
    ] = None,
) -> None:
    """Print the result of a completed task as JSON.

    Exits 1 if the task failed or was cancelled, 6 if it has not finished in time.
    """
    from rediq_cli.output.json import readable
    from rediq_cli.output.neutralise import safe_lines
    from rediq_cli.output.records import as_json
    from rediq_core.config.redact import redact_fields

    task = session.admin.task(task_id)
    value = session.client.result(task.id, timeout or 0)
    shown = as_json(redact_fields(value, session.server.redact))
    session.out.one(
        lines=lambda: safe_lines(readable(shown, indent=2)),
        record=lambda: shown,
        ids=[task.id],
    )
