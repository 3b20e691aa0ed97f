"""`rediq demo`: a server, a worker and live orders, from nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("demo", is_single=True)


@GROUP.leaf(
    "demo",
    examples=[
        ("demo", "an order system at work, in the dashboard"),
        ("demo --no-dash", "200 of them, and a summary"),
        ("demo --orders 1000 --rate 100", "a thousand, a hundred a second"),
        ("demo --full", "all of the example, then an audit"),
    ],
)
def demo(
    session: Session,
    orders: Annotated[
        int | None, typer.Option("--orders", metavar="N", min=1, help="orders to place (200)")
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="R", min=0.1, help="orders a second (100)")
    ] = None,
    no_dash: Annotated[
        bool, typer.Option("--no-dash", help="a summary, and not the dashboard")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="all of the example, through its HTTP API")
    ] = False,
    seed: Annotated[
        str, typer.Option("--seed", metavar="TEXT", help="the same failures in every run")
    ] = "",
) -> None:
    """See it work: start the embedded server and a worker, and place orders.

    On a terminal the dashboard opens, and orders keep coming until it is left. Else, or with
    --no-dash, it ends when every order is settled, with a summary of what happened. Needs a
    checkout: the order system lies in examples/. With --full, also with exit code 1 if anything
    came out wrong.
    """
    from rediq_cli.demo import run_demo
    from rediq_cli.exit_codes import ExitCode

    session.refuse_if_read_only()
    if full:
        from rediq_cli.demo_full import run_full_demo

        whole = run_full_demo(session, seed=seed)
        session.out.one(lines=lambda: whole.lines(session), record=whole.record, ids=[])
        if not whole.is_clean:
            raise typer.Exit(ExitCode.FAILED)
        return
    from rediq_cli.demo_dash import has_screen, run_demo_dash

    if not no_dash and has_screen(session):
        run_demo_dash(session, orders=orders, rate=rate, seed=seed)
        return
    report = run_demo(session, orders=orders or 200, rate=rate or 100.0, seed=seed)
    session.out.one(lines=report.lines, record=report.record, ids=[str(len(report.orders))])
