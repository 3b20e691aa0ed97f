"""`rediq worker`: run task processes, see who runs, and tell them what to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

if TYPE_CHECKING:
    from rediq_core.admin import Do
    from rediq_core.config.loader import LoadedSettings

GROUP = Group("worker")
# Lost workers whose tasks are told of below the table, the latest first; -o wide has all.
TOLD_LOSSES = 5

WorkerId = Annotated[str, typer.Argument(metavar="ID", help="an id, or a part only one has")]
Timeout = Annotated[
    str | None, typer.Option("--timeout", metavar="TIME", help="wait so long at most")
]


@GROUP.leaf(
    "start",
    examples=[
        ("worker start -c config.toml", "serve the queues of a configuration"),
        ("worker start shop.handlers", "serve queue default with the handlers of a module"),
        ("worker start -c config.toml --burst", "do what is there, then end"),
    ],
)
def start(
    session: Session,
    modules: Annotated[
        list[str] | None, typer.Argument(metavar="[MODULE...]", help="modules of handlers")
    ] = None,
    queues: Annotated[
        str | None, typer.Option("--queues", metavar="A,B", help="serve only these")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", min=1, help="slots of a process")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", min=1, help="task processes")
    ] = None,
    burst: Annotated[
        bool, typer.Option("--burst", help="end when nothing is left that may be claimed")
    ] = False,
    burst_wait: Annotated[
        str | None,
        typer.Option("--burst-wait", metavar="TIME", help="wait for retries due within (60s)"),
    ] = None,
) -> None:
    """Run a worker until it is told to stop.

    SIGTERM or Ctrl-C stops claiming and lets running tasks finish; a second one hands them back
    at once.
    """
    from rediq_core.config.loader import server_url
    from rediq_core.embedded import running_url
    from rediq_core.model.durations import duration_ms
    from rediq_core.worker import Supervisor, in_burst, plan_worker, set_up_logging

    session.refuse_if_read_only()
    loaded = _load(session, queues, concurrency, processes)
    server = server_url(loaded, running_url(), session.options.profile or "")
    session.refuse_if_read_only_server(server)
    for warning in (*loaded.warnings, *server.warnings):
        session.say.warn(warning)
    if server.is_fallback:
        session.say.note(f"Nothing is configured; using {server.safe_url} ({server.origin}).")
    root = loaded.path.parent if loaded.path is not None else Path.cwd()
    plan = plan_worker(loaded, server, modules or [], root)
    if burst:
        plan = in_burst(plan, None if burst_wait is None else duration_ms(burst_wait, "burst-wait"))
    for name, value in loaded.env_file.items():
        os.environ.setdefault(name, value)
    set_up_logging(loaded.settings.log.level, loaded.settings.log.format)
    sys.exit(Supervisor(plan).run())


def _load(
    session: Session, queues: str | None, concurrency: int | None, processes: int | None
) -> LoadedSettings:
    from rediq_core.config.loader import load_settings

    flags: dict[str, object] = {
        "redis.url": session.options.url,
        "worker.concurrency": concurrency,
        "worker.processes": processes,
        "worker.queues": None if queues is None else queues.split(","),
    }
    overrides = {name: value for name, value in flags.items() if value is not None}
    return load_settings(session.config_path, os.environ, overrides, Path.cwd())


@GROUP.leaf(
    "list",
    examples=[("worker list", "who runs, who was lost"), ("worker list --json", "for scripts")],
)
def list_workers(session: Session) -> None:
    """List workers of the last day, lost ones too."""
    from rediq_cli.output.neutralise import safe
    from rediq_cli.output.workers import worker_listing

    workers = session.admin.workers()
    session.out.items(workers, worker_listing(session.out.terminal))
    if not workers:
        session.say.note("No worker runs. Start one: rediq worker start -c FILE")
    if session.out.is_for_people:
        for worker in [worker for worker in workers if worker.note][:TOLD_LOSSES]:
            session.say.note(f"{safe(worker.id)} was lost; {safe(worker.note)}")


@GROUP.leaf(
    "inspect",
    examples=[
        ("worker inspect web1-4711-3fa9", "what it runs, for how long, how much memory it has"),
        ("worker inspect 4711", "a part of the id is enough"),
    ],
)
def inspect_worker(session: Session, worker_id: WorkerId) -> None:
    """Show one worker: its slots and what they run, its loop and its memory.

    It tells this about itself every few seconds.
    """
    from rediq_cli.output.records import worker_record
    from rediq_cli.output.worker_page import worker_page

    worker = session.admin.worker(worker_id)
    session.out.one(
        lines=lambda: worker_page(worker, session.out.terminal),
        record=lambda: worker_record(worker),
        ids=[worker.id],
    )


@GROUP.leaf(
    "pause",
    examples=[("worker pause 4711", "claim nothing more, finish what runs, stay")],
)
def pause(session: Session, worker_id: WorkerId, timeout: Timeout = None) -> None:
    """Have a worker claim nothing until it is resumed; returns when it does so.

    What it runs goes on. Waits 30 s at most; exit 6 if it has not said so by then.
    """
    from rediq_core.admin import Do

    _tell(session, worker_id, Do.PAUSE, timeout)


@GROUP.leaf("resume", examples=[("worker resume 4711", "")])
def resume(session: Session, worker_id: WorkerId, timeout: Timeout = None) -> None:
    """Have a paused worker claim again; returns when it does so.

    Waits 30 s at most; exit 6 if it has not said so by then.
    """
    from rediq_core.admin import Do

    _tell(session, worker_id, Do.RESUME, timeout)


@GROUP.leaf(
    "stop",
    examples=[
        ("worker stop 4711", "finish what runs, then exit"),
        ("worker stop 4711 --timeout 5m", "for long tasks"),
    ],
)
def stop(session: Session, worker_id: WorkerId, timeout: Timeout = None) -> None:
    """Have a worker finish what it runs and exit; returns when it is gone.

    What does not end within its shutdown grace is handed back to its queue. Waits 30 s at most;
    exit 6 if it is still there. Nothing takes its place; the last one of a `worker start` ends it.
    """
    from rediq_core.admin import Do

    _tell(session, worker_id, Do.STOP, timeout)


_DONE = {"pause": "paused", "resume": "resumed", "stop": "stopped"}


def _tell(session: Session, worker_id: str, do: Do, timeout: str | None) -> None:
    from rediq_cli.awaiting import OBEY_MS, await_worker
    from rediq_cli.output.neutralise import safe
    from rediq_cli.session import actor
    from rediq_core.model.durations import duration_ms

    session.refuse_if_read_only_server()
    timeout_ms = OBEY_MS if timeout is None else duration_ms(timeout, "timeout")
    worker = session.admin.tell_worker(worker_id, do, by=actor())
    await_worker(session, worker, do, timeout_ms)
    session.out.one(
        lines=lambda: [f"{_DONE[do.value]} {safe(worker.id)}"],
        record=lambda: {"verb": do.value, "worker": worker.id},
        ids=[worker.id],
    )
