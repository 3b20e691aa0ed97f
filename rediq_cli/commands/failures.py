"""`rediq failures`: why tasks are in retry and dead."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("failures", is_single=True)


@GROUP.leaf(
    "failures",
    examples=[
        ("failures", "of all queues, the cause of most tasks first"),
        ("failures payment -o wide", "with samples"),
    ],
)
def failures(
    session: Session,
    queues: Annotated[
        list[str] | None, typer.Argument(metavar="QUEUE...", help="only of these queues")
    ] = None,
) -> None:
    """Show why tasks are in retry and dead, one row a cause.

    Act on one of them: rediq task retry dead:payment cause:4f2a --rate 5/s
    """
    from rediq_cli.output.books import failure_listing

    found = session.admin.failures(queues or ())
    now_ms = session.admin.access.now_ms()
    session.out.items(found, failure_listing(now_ms))
    if not found:
        session.say.note("No task is in retry or dead for an error.")
