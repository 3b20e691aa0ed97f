"""`rediq check`: one line and an exit code for monitoring systems."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("check", is_single=True)


@GROUP.leaf(
    "check",
    examples=[
        ("check", "every queue against the usual thresholds"),
        ("check payment --pending 500:5000 --oldest 1m", "warn above 500, critical above 5,000"),
        ("check --json", "the same for scripts"),
    ],
)
def check(
    session: Session,
    queues: Annotated[
        list[str] | None, typer.Argument(metavar="[QUEUE...]", help="only these queues")
    ] = None,
    pending: Annotated[
        str, typer.Option("--pending", metavar="N[:M]", help="tasks that wait to run (1000)")
    ] = "1000",
    retry: Annotated[
        str, typer.Option("--retry", metavar="N[:M]", help="tasks that failed, and try again (100)")
    ] = "100",
    dead: Annotated[
        str, typer.Option("--dead", metavar="N[:M]", help="tasks that failed for good (10)")
    ] = "10",
    oldest: Annotated[
        str, typer.Option("--oldest", metavar="T[:U]", help="age of the oldest pending task (10m)")
    ] = "10m",
) -> None:
    """Hold queues against thresholds, as a plugin of a monitoring system.

    One line with performance data. Exit 0 OK, 1 WARNING (above N), 2 CRITICAL (above M, pending
    tasks without a live worker, or no Redis), 3 UNKNOWN (it could not be decided).
    """
    from rediq_cli.monitoring import judge, parse_limit

    limits = [
        parse_limit("pending", pending),
        parse_limit("retry", retry),
        parse_limit("dead", dead),
        parse_limit("oldest", oldest, is_time=True),
    ]
    admin = session.admin
    found = [admin.queue(name) for name in dict.fromkeys(queues)] if queues else admin.queues()
    verdict = judge(found, limits)
    session.out.one(
        lines=lambda: [verdict.line()],
        record=verdict.record,
        ids=list(dict.fromkeys(problem.queue for problem in verdict.problems)),
    )
    if verdict.status:
        raise typer.Exit(int(verdict.status))
