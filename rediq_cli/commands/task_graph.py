"""`rediq task graph`: what a task waits for and what waits for it."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.commands.task_group import GROUP
from rediq_cli.session import Session


@GROUP.leaf(
    "graph",
    examples=[
        ("task graph 3PBVN1A", "its parents above it, its children below"),
        ("task graph 3PBVN1A --json", "for scripts"),
    ],
)
def graph(
    session: Session,
    task_id: Annotated[str, typer.Argument(metavar="ID", help="an id, or its end")],
) -> None:
    """Show what a task depends on and what depends on it, all levels, with their states."""
    from rediq_cli.output.graph import graph_lines, graph_record

    found = session.admin.graph(task_id)
    session.out.one(
        lines=lambda: graph_lines(found, session.out.terminal),
        record=lambda: graph_record(found),
        ids=found.nodes,
    )
