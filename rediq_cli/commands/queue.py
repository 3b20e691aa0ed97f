"""`rediq queue`: what is queued, whether it moves, and stopping or emptying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.bulk_options import NO_BULK, Bulk, Confirm, Hard
from rediq_cli.leaf import Group
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session, actor

if TYPE_CHECKING:
    from collections.abc import Callable

    from rediq_cli.output.json import Json
    from rediq_core.model.views import QueueView

GROUP = Group("queue")

# Tasks that `queue inspect STATE:QUEUE` lists unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50

Queues = Annotated[list[str], typer.Argument(metavar="QUEUE...", help="one or more queues")]


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
        ("queue inspect payment", "numbers, durations, failures, limits"),
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
    from rediq_cli.listing import list_selection
    from rediq_core.errors import InvalidOption
    from rediq_core.model.where import parse_where

    wheres = [parse_where([selector]) for selector in selectors]
    names = [where.queue or "" for where in wheres if where.is_bare_queue]
    if len(names) == len(wheres):
        _show_queues(session, names)
        return
    if names and not session.out.is_for_people:
        raise InvalidOption(
            "queues and tasks are different objects; ask for them apart.",
            cause="What a script reads is of one kind.",
            next_step="For example: rediq queue inspect payment --json; then dead:payment --json",
        )
    for number, where in enumerate(wheres):
        if number:
            session.out.lines([""])
        if where.is_bare_queue:
            _show_queues(session, [where.queue or ""])
        else:
            list_selection(session, where, limit=limit, budget=limit)


def _show_queues(session: Session, names: list[str]) -> None:
    from rediq_cli.output.queue_page import queue_page, queue_page_record
    from rediq_cli.queue_reading import read_queue_page

    pages = [read_queue_page(session.admin, name) for name in names]

    def record() -> Json:
        records: list[Json] = [queue_page_record(page) for page in pages]
        return records[0] if len(records) == 1 else records

    session.out.one(
        lines=lambda: (line for page in pages for line in queue_page(page, session.out.terminal)),
        record=record,
        ids=names,
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
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="why; shown wherever the queue is")
    ] = "",
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="resume by itself after this")
    ] = None,
) -> None:
    """Stop handing out tasks of queues."""
    from rediq_cli.output.humanise import duration as length_text
    from rediq_cli.output.queues import kept_text
    from rediq_core.model.durations import duration_ms

    session.refuse_if_read_only_server()
    length_ms = 0 if duration is None else duration_ms(duration, "--for")

    def pause_one(queue: QueueView) -> str:
        until_ms = queue.at_ms + length_ms if length_ms else 0
        session.admin.pause(queue.name, actor(), reason, until_ms)
        ends = f" for {length_text(length_ms)}" if until_ms else ""
        return (
            f"paused {safe(queue.name)}{ends} ({kept_text(queue)})"
            f"; resume: rediq queue resume {safe(queue.name)}"
        )

    _change_queues(session, queues, pause_one, is_paused=True)


@GROUP.leaf("resume", examples=[("queue resume payment", "hand out its tasks again")])
def resume(session: Session, queues: Queues) -> None:
    """Hand out tasks of queues again."""
    session.refuse_if_read_only_server()

    def resume_one(queue: QueueView) -> str:
        was_paused = session.admin.resume(queue.name, actor())
        return f"resumed {safe(queue.name)}" if was_paused else f"{safe(queue.name)} was not paused"

    _change_queues(session, queues, resume_one, is_paused=False)


def _change_queues(
    session: Session, names: list[str], change: Callable[[QueueView], str], *, is_paused: bool
) -> None:
    """Change each queue and say so; all must exist before any is changed."""
    queues = [session.admin.queue(name) for name in dict.fromkeys(names)]
    lines = [change(queue) for queue in queues]
    session.out.one(
        lines=lambda: lines,
        record=lambda: [{"name": queue.name, "paused": is_paused} for queue in queues],
        ids=[queue.name for queue in queues],
    )


@GROUP.leaf(
    "limit",
    examples=[
        ("queue limit payment", "its limits: in force, declared, overridden"),
        ("queue limit payment --concurrency 3 --rate 100/m", "over all workers, at once"),
        ("queue limit payment --aging 60s", "a minute of waiting is worth one step of priority"),
        ("queue limit payment --rate none", "no rate, whatever the configuration says"),
        ("queue limit payment --reset", "follow the configuration again"),
    ],
)
def limit(
    session: Session,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="a queue")],
    concurrency: Annotated[
        str | None, typer.Option("--concurrency", metavar="N", help="tasks that run at once")
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/TIME", help="tasks that start in a time")
    ] = None,
    aging: Annotated[
        str | None,
        typer.Option("--aging", metavar="TIME", help="wait that is worth one step of priority"),
    ] = None,
    max_len: Annotated[
        str | None,
        typer.Option("--max-len", metavar="N", help="unfinished tasks; above, enqueue is refused"),
    ] = None,
    is_reset: Annotated[
        bool, typer.Option("--reset", help="be as the configuration declares")
    ] = False,
) -> None:
    """Show or override a queue's limits over all workers; "none" turns one off."""
    from rediq_cli.output.queue_page import limit_lines
    from rediq_cli.output.records import limits_record_of
    from rediq_core.errors import InvalidOption

    named = [value for value in (concurrency, rate, aging, max_len) if value is not None]
    if is_reset and named:
        raise InvalidOption(
            "--reset stands beside a limit to set.", next_step="Reset first, then set it."
        )
    if is_reset or named:
        session.refuse_if_read_only_server()
    if is_reset:
        limits = session.admin.reset_limits(queue, by=actor())
    elif named:
        limits = session.admin.limit(
            queue, by=actor(), concurrency=concurrency, rate=rate, aging=aging, max_len=max_len
        )
    else:
        limits = session.admin.limits(queue)
    session.out.one(
        lines=lambda: limit_lines(queue, limits, session.out.terminal),
        record=lambda: {"name": queue, **limits_record_of(limits)},
        ids=[queue],
    )


@GROUP.leaf(
    "flush",
    examples=[
        ("queue flush dead:payment", "exactly its dead tasks; for 24 h they can be restored"),
        ("queue flush payment", "its pending tasks"),
        ("queue flush dead:payment --dry-run", "how many that would be"),
        ("queue flush dead:payment --hard --confirm payment", "for good"),
    ],
)
def flush(
    session: Session,
    selector: Annotated[
        str, typer.Argument(metavar="SEL", help="STATE:QUEUE, or a queue for its pending tasks")
    ],
    is_hard: Hard = False,
    bulk: Bulk = NO_BULK,
) -> None:
    """Delete all tasks of a queue in one state."""
    from rediq_cli.actions import FLUSH
    from rediq_cli.bulk import Choices, act
    from rediq_core.model.where import parse_where

    choices = Choices.of(bulk, is_hard=is_hard)
    act(session, FLUSH, parse_where([selector]).for_flush(), choices)


@GROUP.leaf(
    "wait-empty",
    examples=[
        ("queue wait-empty payment", "until nothing is pending, active, in retry or waiting"),
        ("queue wait-empty payment --timeout 5m", "exits 6 if it took longer"),
    ],
)
def wait_empty(
    session: Session,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="one queue")],
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="wait at most so long")
    ] = None,
) -> None:
    """Return when a queue has nothing left to do; delayed tasks do not count."""
    from rediq_cli import closing

    closing.wait_empty(session, queue, timeout)


@GROUP.leaf(
    "delete",
    examples=[("queue delete payment", "asks for its name; only if it has no tasks")],
)
def delete(
    session: Session,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="one queue")],
    confirm: Confirm = None,
) -> None:
    """Forget an empty queue: its limits, its pause, its counters and history."""
    from rediq_cli import closing

    closing.delete_queue(session, queue, confirmed=confirm)
