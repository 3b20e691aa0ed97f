"""`rediq events`: what happened last, and what happens now."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

if TYPE_CHECKING:
    from rediq_core.admin import Event

GROUP = Group("events", is_single=True)

# Events that are shown unless --limit says otherwise: a screen.
DEFAULT_LIMIT = 20
# How often a follower looks, in seconds.
LOOK_S = 0.5


@GROUP.leaf(
    "events",
    examples=[
        ("events", "the last failures, deaths and operators' acts of every queue"),
        ("events payment --follow", "every transition of its tasks, as it happens"),
        ("events 3PBVN1A -f", "one task"),
        ("events payment type:order:* -f -o jsonl", "for a script, one object a line"),
    ],
)
def events(
    session: Session,
    where: Annotated[
        list[str] | None, typer.Argument(metavar="[WHERE...]", help="ids, or a selector and terms")
    ] = None,
    is_following: Annotated[
        bool, typer.Option("--follow", "-f", help="go on until Ctrl-C, with every transition")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="earlier events at most (20)")
    ] = DEFAULT_LIMIT,
) -> None:
    """Show what happened in queues, oldest first.

    Queues note failures, deaths and operators' acts; while somebody follows them, every transition.
    Terms are held against the task as it is now.
    """
    from rediq_cli.bulk import read_where

    reader = session.admin.events(read_where(where or ["all"]))
    if is_following and not reader.keep_tracing():
        session.say.note("Read-only, so only failures, deaths and operators' acts are noted.")
    found = reader.latest(limit)
    if not is_following:
        _show(session, found)
        if not found:
            session.say.note("Nothing is noted. To see every transition: rediq events --follow")
        return
    waiting = threading.Event()
    while True:
        _stream(session, found)
        waiting.wait(LOOK_S)
        reader.keep_tracing()
        found = reader.more()


def _show(session: Session, found: list[Event]) -> None:
    from rediq_cli.output.events import event_listing, event_record

    session.out.one(
        lines=lambda: session.out.rows(found, event_listing(session.out.terminal)),
        record=lambda: [event_record(event) for event in found],
        ids=[event.task_id for event in found if event.task_id],
    )


def _stream(session: Session, found: list[Event]) -> None:
    """Write events as they come: a line each, never through a pager."""
    from rediq_cli.output.events import event_line, event_record
    from rediq_cli.output.json import line
    from rediq_cli.output.neutralise import safe

    for event in found:
        if session.out.is_for_people:
            text = event_line(event, session.out.terminal)
        elif session.out.format == "ids":
            text = safe(event.task_id, limit=0)
        else:
            text = line(event_record(event))
        if text:
            sys.stdout.write(text + "\n")
    sys.stdout.flush()
