"""`rediq stats`: what queues did over the last minutes, hours or days."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("stats", is_single=True)


@GROUP.leaf(
    "stats",
    examples=[
        ("stats", "the last hour of every queue"),
        ("stats payment --range 7d", "a week of one queue"),
        ("stats --watch", "again every 2 seconds"),
        ("stats payment --json", "with the series of every minute"),
    ],
)
def stats(
    session: Session,
    queues: Annotated[
        list[str] | None, typer.Argument(metavar="[QUEUE...]", help="only these")
    ] = None,
    range_: Annotated[
        str, typer.Option("--range", metavar="TIME", help="how far back, 1m to 90d (1h)")
    ] = "1h",
    watch: Annotated[bool, typer.Option("--watch", help="show it again and again")] = False,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="with --watch: how often (2s)")
    ] = "2s",
) -> None:
    """Show what queues did: counts, rates, percentiles, and when a backlog will be gone.

    The numbers are kept in Redis, in minutes for a day, in hours for 8, in days for 90. Percentiles
    are estimates. DRAINED IN goes by the rates of the last minutes; "never" means that as much
    comes as is done.
    """
    from rediq_cli.output.stats import stats_listing
    from rediq_cli.stats import gather_stats, watch_stats
    from rediq_core.model.durations import duration_ms

    range_ms, every_ms = duration_ms(range_, "range"), duration_ms(every, "every")
    if watch:
        watch_stats(
            session,
            lambda: gather_stats(session, queues or [], range_ms),
            max(every_ms, 100) / 1000,
        )
        return
    rows = gather_stats(session, queues or [], range_ms)
    session.out.items(rows, stats_listing(session.out.terminal))
    if not rows:
        session.say.note("There is no queue yet; it begins with its first task.")
