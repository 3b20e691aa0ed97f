"""`rediq audit`: what operators did."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("audit", is_single=True)

# Entries that a look shows unless --limit says otherwise: a few screens.
DEFAULT_LIMIT = 100


@GROUP.leaf(
    "audit",
    examples=[
        ("audit", "the latest first"),
        ("audit --since 02:00 --until 02:20", "what happened last night, by local time"),
        ("audit --since 2026-02-07T02:00 --until 2026-02-07T02:30", ""),
        ("audit --since 1d --by ada", ""),
    ],
)
def audit(
    session: Session,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="2h ago, 02:10, or an instant")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="likewise")] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="only by users with this in their name")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="at most (100)")
    ] = DEFAULT_LIMIT,
) -> None:
    """List what operators did to queues, tasks, workers and schedules."""
    from rediq_cli.output.books import audit_listing
    from rediq_cli.producing import read_moment

    now_ms = session.admin.access.now_ms() if since or until else 0
    since_ms = read_moment(since, "--since", now_ms) if since else 0
    found = session.admin.audit(
        since_ms=since_ms,
        until_ms=read_moment(until, "--until", now_ms, after_ms=since_ms) if until else 0,
        by=by,
        limit=limit,
    )
    session.out.items(found.entries, audit_listing(session.out.terminal))
    if not found.is_complete:
        session.say.note("There is more: narrow it by --since and --until, or raise --limit.")
    elif not found.entries:
        session.say.note("Nobody did anything in that time.")
