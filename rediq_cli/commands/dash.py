"""`rediq dash`: the full-screen dashboard, or one frame of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rediq_cli.importing import importing
from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("dash", is_single=True)


@GROUP.leaf(
    "dash",
    examples=[
        ("dash", "everything at a glance; ? shows the keys"),
        ("dash dead:payment", "begin with these tasks"),
        ("dash --interval 2000", "read every two seconds"),
        ("dash --record night.rec", "watch, and keep what is seen"),
        ("dash --replay night.rec", "play it: space, . and , step, } to what went wrong"),
        ("dash --once", "one frame as plain text, for a pipe or a screen reader"),
    ],
)
def dash(
    session: Session,
    where: Annotated[
        list[str] | None, typer.Argument(metavar="WHERE", help="begin with these tasks")
    ] = None,
    interval: Annotated[
        int, typer.Option("--interval", metavar="MS", min=200, help="between readings (1000)")
    ] = 1_000,
    once: Annotated[bool, typer.Option("--once", help="print one frame and leave")] = False,
    theme: Annotated[str, typer.Option("--theme", metavar="NAME", help="colours")] = "",
    view: Annotated[str, typer.Option("--view", metavar="NAME", help="the first view")] = "",
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE", help="keep what is read, for --replay"),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="FILE", help="play a recording, no server")
    ] = None,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="leave the mouse alone")] = False,
) -> None:
    """Watch and repair queues, full screen, with the keyboard.

    Views: overview, tasks, workers, schedules, failures, redis, events. Reads only what is shown,
    and changes nothing without a key that says so. --read-only takes those keys away.
    """
    with importing():
        from rediq_cli.dash.opening import Wanted, run_dash

    wanted = Wanted(
        where=tuple(where or ()),
        interval_ms=interval,
        is_once=once,
        theme=theme,
        view=view,
        has_mouse=not no_mouse,
        record=record,
        replay=replay,
    )
    run_dash(session, wanted)
