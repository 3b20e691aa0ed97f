"""`rediq bench`: measure the server in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

if TYPE_CHECKING:
    from rediq_cli.bench import Figures

GROUP = Group("bench")


def _tasks(count: int) -> object:
    return typer.Option("--tasks", metavar="N", min=1, help=f"how many ({count:,})")


@GROUP.leaf("enqueue", examples=[("bench enqueue", "alone, by 50 callers, in bulk")])
def enqueue(session: Session, tasks: Annotated[int, _tasks(20_000)] = 20_000) -> None:
    """Measure how fast tasks are taken."""
    from rediq_cli.bench import bench_enqueue

    session.refuse_if_read_only_server()
    _show(session, bench_enqueue(session, tasks))


@GROUP.leaf(
    "drain", examples=[("bench drain", ""), ("bench drain --concurrency 10 --processes 2", "")]
)
def drain(
    session: Session,
    tasks: Annotated[int, _tasks(50_000)] = 50_000,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, help="slots of a process (100)")
    ] = 100,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, help="task processes (1)")
    ] = 1,
) -> None:
    """Measure how fast a worker runs tasks that do nothing."""
    from rediq_cli.bench import bench_drain

    session.refuse_if_read_only_server()
    _show(session, bench_drain(session, tasks, concurrency, processes))


@GROUP.leaf("latency", examples=[("bench latency", "from enqueue to the start of the handler")])
def latency(session: Session, tasks: Annotated[int, _tasks(500)] = 500) -> None:
    """Measure from enqueue to handler, with an idle worker."""
    from rediq_cli.bench import bench_latency

    session.refuse_if_read_only_server()
    _show(session, bench_latency(session, tasks))


def _show(session: Session, figures: Figures) -> None:
    session.out.one(lines=figures.lines, record=figures.record, ids=[figures.case])
