"""Wait from the command line for what was asked: with progress for a person, exit 6 when late.

Whoever is late has not failed: what was asked for still holds and happens later. So the text says
what is left and where to look, and the exit code tells scripts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from rediq_cli.exit_codes import ExitCode
from rediq_cli.output.humanise import count, duration
from rediq_cli.output.neutralise import safe
from rediq_cli.output.progress import Progress
from rediq_cli.session import Session

if TYPE_CHECKING:
    from rediq_core.admin import Do
    from rediq_core.model.views import WorkerView

# How long a worker has to say that it pauses or goes on, in milliseconds.
OBEY_MS = 30_000
# How long cancelled tasks have to end, in milliseconds.
END_MS = 60_000


def await_worker(session: Session, worker: WorkerView, do: Do, timeout_ms: int) -> None:
    """Return when a worker has done what it was told, or is gone.

    Raises:
        typer.Exit: With 6, in time it was not.
    """
    from rediq_core.admin import wait_for_worker  # noqa: PLC0415 - start-up

    with _progress(session, f"waiting for {safe(worker.id)} to {do.value}", None) as progress:
        has_obeyed = wait_for_worker(
            session.admin.access,
            worker.id,
            do,
            timeout_s=timeout_ms / 1000,
            on_look=lambda busy: progress.advance(0, f"{count(busy, 'task')} running"),
        )
    if not has_obeyed:
        session.say.warn(
            f"Worker {worker.id} was told to {do.value}, and has not after {duration(timeout_ms)}."
            f" It does so as soon as it can. See: rediq worker inspect {worker.id}"
        )
        raise typer.Exit(ExitCode.TIMED_OUT)


def await_ends(session: Session, ids: Sequence[str], timeout_ms: int) -> None:
    """Return when all these tasks have ended, and say how.

    Raises:
        typer.Exit: With 6, some have not.
    """
    from rediq_core.admin import has_ended, wait_until_ended  # noqa: PLC0415 - start-up

    if not ids:
        return
    with _progress(session, "ended", len(ids)) as progress:
        states = wait_until_ended(
            session.admin.access,
            ids,
            timeout_s=timeout_ms / 1000,
            on_look=lambda done: progress.advance(done - progress.done),
        )
    left = [task_id for task_id, state in states.items() if not has_ended(state)]
    ends = [str(state or "gone") for state in states.values() if has_ended(state)]
    said = ", ".join(f"{ends.count(word):,} {word}" for word in dict.fromkeys(ends))
    if said:
        session.say.note(f"ended: {said}")
    if left:
        session.say.warn(
            f"{count(len(left), 'task')} had not ended after {duration(timeout_ms)},"
            f" and will be stopped all the same. See: rediq task inspect {left[0]}"
        )
        raise typer.Exit(ExitCode.TIMED_OUT)


def _progress(session: Session, verb: str, total: int | None) -> Progress:
    return Progress(verb, total, sys.stderr, session.say.terminal)
