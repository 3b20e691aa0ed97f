"""`rediq group`: tasks that are collected to run together, and running them now."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session, actor

GROUP = Group("group")

# Groups that `group list` shows unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="QUEUE/TYPE/GROUP, as group list prints it")
]


@GROUP.leaf(
    "list",
    examples=[
        ("group list", "all groups, the next to run first in each queue"),
        ("group list notifications -o wide", "of one queue, with their rules"),
    ],
)
def list_groups(
    session: Session,
    queues: Annotated[
        list[str] | None, typer.Argument(metavar="QUEUE...", help="only of these queues")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="at most so many (50)")
    ] = DEFAULT_LIMIT,
) -> None:
    """List groups that collect tasks."""
    from rediq_cli.output.groups import group_listing

    groups = session.admin.groups(queues or (), limit=limit + 1)
    session.out.items(groups[:limit], group_listing())
    if len(groups) > limit:
        session.say.note(f"There are more than {limit}: --limit N shows more.")
    elif not groups:
        session.say.note("No group has members in line.")


@GROUP.leaf("inspect", examples=[("group inspect notifications/sms/customer-7", "")])
def inspect_group(session: Session, name: Name) -> None:
    """Show one group: its members in line, and when it runs."""
    from rediq_cli.output.groups import group_page, group_record

    group = session.admin.group(name)
    session.out.one(
        lines=lambda: group_page(group, session.out.terminal),
        record=lambda: group_record(group),
        ids=[group.name],
    )


@GROUP.leaf(
    "run",
    examples=[("group run notifications/sms/customer-7", "do not wait for more members")],
)
def run_group(session: Session, name: Name) -> None:
    """Run a group with the members it has."""
    from rediq_cli.output.humanise import count
    from rediq_cli.output.neutralise import safe

    session.refuse_if_read_only_server()
    size = session.admin.run_group(name, actor())
    session.out.one(
        lines=lambda: [f"{safe(name)} is ripe with {count(size, 'member')}"],
        record=lambda: {"name": name, "members": size},
        ids=[name],
    )
