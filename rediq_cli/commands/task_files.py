"""`rediq task`: another payload for a task, tasks as files and back."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.bulk_options import DryRun, Reason, Words, Yes
from rediq_cli.commands.task_group import GROUP
from rediq_cli.session import Session


@GROUP.leaf(
    "edit",
    examples=[
        ("task edit 3PBVN1A", "its payload in $EDITOR; shows the difference, then asks"),
        ("""task edit 3PBVN1A --payload '{"to": 8}' --retry""", "and run it again"),
    ],
)
def edit(
    session: Session,
    task_id: Annotated[str, typer.Argument(metavar="ID", help="an id, or its end")],
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="JSON", help="JSON, @file, or - for stdin")
    ] = None,
    is_retried: Annotated[
        bool, typer.Option("--retry", help="then run it again, with fresh attempts")
    ] = False,
    is_yes: Yes = False,
    is_dry: DryRun = False,
    reason: Reason = "",
) -> None:
    """Change the payload of a task that is not running."""
    from rediq_cli.editing import edit_task

    edit_task(
        session,
        task_id,
        payload,
        is_retried=is_retried,
        is_yes=is_yes,
        is_dry=is_dry,
        reason=reason,
    )


@GROUP.leaf(
    "export",
    examples=[
        ("task export dead:payment --save dead.jsonl", "a line of JSON each; see: task import"),
        ("task export dead:payment cause:4f2a | jq .payload", ""),
    ],
)
def export(
    session: Session,
    where: Words,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="write to a new file, not stdout")
    ] = None,
) -> None:
    """Write tasks as lines of JSON: payload, options, state and timeline.

    Secret fields are hidden on a terminal only: what is exported is to come back as it was.
    """
    from rediq_cli.bulk import read_where
    from rediq_cli.transferring import export_tasks

    export_tasks(session, read_where(where), save)


@GROUP.leaf(
    "import",
    examples=[
        ("task import dead.jsonl", "ids that are known are left as they are"),
        ("task import - --yes", "lines on stdin"),
        ("task import dead.jsonl --dry-run", "only read it"),
    ],
)
def import_tasks(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="FILE", help="what export wrote; - for stdin")],
    is_yes: Yes = False,
    is_dry: DryRun = False,
) -> None:
    """Put exported tasks back into their queues, in the states they had.

    Running ones come back as pending. A line needs only a type; then it is a new task.
    """
    from rediq_cli.transferring import import_file

    import_file(session, name, is_yes=is_yes, is_dry=is_dry)
