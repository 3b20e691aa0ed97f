"""`rediq why`: plain words for what holds a task or a queue back."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("why", is_single=True)


@GROUP.leaf(
    "why",
    examples=[
        ("why payment", "why does this queue not move?"),
        ("why 3PBVN1A", "why does this task not run? the end of an id is enough"),
        ("why 3PBVN1A --json", "for scripts: code, text and next_step of each reason"),
    ],
)
def explain(
    session: Session,
    word: Annotated[str, typer.Argument(metavar="QUEUE|ID", help="a queue, an id, or its end")],
) -> None:
    """Say why a queue or a task does not run, and which command changes that.

    What needs somebody (✗) goes before what ends by itself (◷).
    """
    from rediq_cli.output.why import why_page, why_record

    answer = session.admin.why(word)
    session.out.one(
        lines=lambda: why_page(answer, session.out.terminal),
        record=lambda: why_record(answer),
        ids=[answer.name],
    )
