"""`rediq op`: what was done to many tasks, and going on with it."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("op")

# Operations that a list shows unless --limit says otherwise: a screen.
DEFAULT_LIMIT = 20

Operation = Annotated[str, typer.Argument(metavar="OP", help="an operation, or its end")]


@GROUP.leaf("list", examples=[("op list", "the latest first")])
def list_operations(
    session: Session,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="at most (20)")
    ] = DEFAULT_LIMIT,
) -> None:
    """List what operators did to tasks: retries, cancellations, deletions, flushes."""
    from rediq_cli.operations import operation_listing

    operations = session.admin.operations.latest(limit)
    now_ms = session.admin.access.now_ms()
    session.out.items(operations, operation_listing(now_ms, session.out.terminal))


@GROUP.leaf(
    "inspect",
    examples=[("op inspect 7Q5ZC4M9X8", "what it was meant for, and how far it came")],
)
def inspect_operation(session: Session, operation: Operation) -> None:
    """Show one operation."""
    from rediq_cli.operations import show_operation

    show_operation(session, session.admin.operations.find(operation))


@GROUP.leaf(
    "resume",
    examples=[("op resume 7Q5ZC4M9X8", "what it did is not done again")],
)
def resume(session: Session, operation: Operation) -> None:
    """Go on with an operation that was stopped half way."""
    from rediq_cli.operations import resume_operation

    resume_operation(session, operation)
