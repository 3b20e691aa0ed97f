"""`rediq queue`: what is queued, whether it moves, and stopping or emptying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.output.humanise import count
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session, actor

if TYPE_CHECKING:
    from rediq_core.model.views import QueueView

GROUP = Group("queue")

# Tasks that `queue inspect STATE:QUEUE` lists unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50
# Tasks that go to trash without a question; they can be restored.
UNCONFIRMED = 1_000

Queues = Annotated[list[str], typer.Argument(metavar="QUEUE...", help="one or more queues")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="why; kept in the audit and shown")
]


@GROUP.leaf(
    "list",
    examples=[
        ("queue list", "all queues, whether they move, and when they will be empty"),
        ("queue list -o wide", "with rates, workers and who paused"),
        ("queue list --json", "for scripts"),
    ],
)
def list_queues(session: Session) -> None:
    """List queues with their state, counts and rates."""
    from rediq_cli.output.queues import queue_listing

    queues = session.admin.queues()
    session.out.items(queues, queue_listing(session.out.terminal))
    if not queues:
        session.say.note("There are no queues yet. The first task makes one: rediq task enqueue")


@GROUP.leaf(
    "inspect",
    examples=[
        ("queue inspect payment", "one queue: counts, rates, limits, who paused it"),
        ("queue inspect retry:payment", "its tasks in one state"),
        ("queue inspect dead:payment --limit 500", ""),
    ],
)
def inspect_queues(
    session: Session,
    selectors: Annotated[
        list[str],
        typer.Argument(metavar="SEL...", help="a queue, or STATE:QUEUE for its tasks"),
    ],
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="tasks of one state (50)")
    ] = DEFAULT_LIMIT,
) -> None:
    """Show a queue's numbers, or its tasks in one state."""
    from rediq_cli.commands.task import show_selection
    from rediq_core.model.where import parse_where

    for selector in selectors:
        where = parse_where([selector])
        if where.is_bare_queue:
            _show_queue(session, session.admin.queue(where.queue or ""))
        else:
            show_selection(session, where, limit)


def _show_queue(session: Session, queue: QueueView) -> None:
    from rediq_cli.output.queues import queue_page
    from rediq_cli.output.records import queue_record

    session.out.one(
        lines=lambda: queue_page(queue, session.out.terminal),
        record=lambda: queue_record(queue),
        ids=[queue.name],
    )


@GROUP.leaf(
    "pause",
    examples=[
        ("queue pause payment", "hand out none of its tasks; running ones finish"),
        ('queue pause payment --reason "bank is down" --for 30m', ""),
    ],
)
def pause(
    session: Session,
    queues: Queues,
    reason: Reason = "",
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="resume by itself after this")
    ] = None,
) -> None:
    """Stop handing out tasks of queues."""
    from rediq_cli.output.queues import kept_text
    from rediq_core.model.durations import duration_ms

    session.refuse_if_read_only_server()
    length_ms = 0 if duration is None else duration_ms(duration, "--for")
    for name in queues:
        queue = session.admin.queue(name)
        until_ms = queue.at_ms + length_ms if length_ms else 0
        session.admin.pause(name, actor(), reason, until_ms)
        session.out.one(
            lines=lambda queue=queue: [  # type: ignore[misc]  # bound now, not later
                f"paused {safe(queue.name)} ({kept_text(queue)})"
                f" - resume: rediq queue resume {safe(queue.name)}"
            ],
            record=lambda name=name: {"queue": name, "paused": True},  # type: ignore[misc]  # as above
            ids=[name],
        )


@GROUP.leaf("resume", examples=[("queue resume payment", "hand out its tasks again")])
def resume(session: Session, queues: Queues) -> None:
    """Hand out tasks of queues again."""
    session.refuse_if_read_only_server()
    for name in queues:
        was_paused = session.admin.resume(name, actor())
        text = f"resumed {safe(name)}" if was_paused else f"{safe(name)} was not paused"
        session.out.one(
            lines=lambda text=text: [text],  # type: ignore[misc]  # bound now, not later
            record=lambda name=name: {"queue": name, "paused": False},  # type: ignore[misc]  # as above
            ids=[name],
        )


@GROUP.leaf(
    "flush",
    examples=[
        ("queue flush dead:payment", "exactly its dead tasks; they can be restored for a day"),
        ("queue flush payment", "its pending tasks"),
        ("queue flush dead:payment --hard --confirm payment", "for good"),
    ],
)
def flush(
    session: Session,
    selector: Annotated[str, typer.Argument(metavar="SEL", help="STATE:QUEUE, or QUEUE")],
    hard: Annotated[bool, typer.Option("--hard", help="for good, not to trash")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="the queue's name")
    ] = None,
) -> None:
    """Delete all tasks of a selection; a queue alone means its pending tasks."""
    from rediq_cli.confirm import ask_name
    from rediq_core.model.where import parse_where

    session.refuse_if_read_only_server()
    where = parse_where([selector]).for_flush()
    counted = sum(session.admin.counts(where, verb="delete").values())
    what = f"{count(counted, 'task')} of {safe(selector)}"
    if dry_run:
        session.out.one(
            lines=lambda: [f"would delete {what}"],
            record=lambda: {"selector": selector, "would_delete": counted},
            ids=[str(counted)],
        )
        return
    if hard or counted > UNCONFIRMED or session.server.is_protected:
        ask_name(
            f"Delete {what}{' for good' if hard else ''}?",
            where.queue or "all",
            given=confirm,
            command=session.command,
        )
    report = session.admin.flush(where, by=actor(), hard=hard)
    deleted = len(report.moved)
    back = "" if hard or not deleted else f" - they lie in trash for 24 h: {report.operation}"
    session.out.one(
        lines=lambda: [f"deleted {count(deleted, 'task')} of {safe(selector)}{back}"],
        record=lambda: {
            "selector": selector,
            "deleted": deleted,
            "skipped": len(report.skipped),
            "operation": report.operation,
        },
        ids=report.moved,
    )
