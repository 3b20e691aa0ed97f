"""`rediq undo`: take back what was deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.bulk_options import Reason
from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("undo", is_single=True)


@GROUP.leaf(
    "undo",
    examples=[
        ("undo", "the last of your own deletions or flushes"),
        ("undo 7Q5ZC4M9X8", "another one; see: rediq op list"),
    ],
)
def undo(
    session: Session,
    operation: Annotated[
        str | None, typer.Argument(metavar="OP", help="an operation, or its end")
    ] = None,
    reason: Reason = "",
) -> None:
    """Restore the tasks of a deletion or a flush, each where it was.

    For 24 h; not what was deleted with --hard.
    """
    from rediq_cli.operations import undo_operation

    undo_operation(session, operation or "", reason=reason)
