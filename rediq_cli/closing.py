"""Wait until a queue is empty, and forget one that is."""

from __future__ import annotations

import sys

import typer

from rediq_cli.actions import counts_text
from rediq_cli.confirm import ask_name
from rediq_cli.exit_codes import ExitCode
from rediq_cli.output.humanise import count, duration
from rediq_cli.output.neutralise import safe
from rediq_cli.output.progress import Progress
from rediq_cli.session import Session, actor
from rediq_core.admin import left_in, wait_until_empty
from rediq_core.model.durations import duration_ms


def wait_empty(session: Session, queue: str, timeout: str | None) -> None:
    """Return when a queue has nothing left to do.

    Raises:
        QueueNotFound: It does not exist.
        Exit: With 6, something is left when the time is over.
    """
    timeout_ms = None if timeout is None else duration_ms(timeout, "--timeout")
    first = sum(left_in(session.admin.queue(queue)).values())
    with Progress("done", first, sys.stderr, session.say.terminal) as progress:
        left = wait_until_empty(
            session.admin.access,
            queue,
            timeout_s=None if timeout_ms is None else timeout_ms / 1000,
            on_look=lambda number: progress.advance(first - number - progress.done),
        )
    text = f"{counts_text(left)} left" if left else "empty"
    session.out.one(
        lines=lambda: [f"{safe(queue)}: {text}"],
        record=lambda: {
            "name": queue,
            "empty": not left,
            "left": {state.value: number for state, number in left.items()},
        },
        ids=[queue],
    )
    if left:
        session.say.note(
            f"Not empty after {duration(timeout_ms)}. See why: rediq why {safe(queue)}"
        )
        raise typer.Exit(ExitCode.TIMED_OUT)


def delete_queue(session: Session, queue: str, *, confirmed: str | None) -> None:
    """Forget an empty queue, asking for its name first.

    Raises:
        QueueNotFound: It does not exist.
        WrongState: It is not empty.
        Refused: Read-only, or not confirmed.
    """
    session.refuse_if_read_only_server()
    view = session.admin.queue(queue)
    if not any(view.counts.values()):
        if view.workers:
            who = count(view.workers, "live worker")
            takes = "takes" if view.workers == 1 else "take"
            session.say.warn(f"{who} {takes} {queue}; its next task makes it anew.")
        ask_name(
            f"Delete queue {queue}, with its limits, counters and history?",
            queue,
            given=confirmed,
            command=session.command,
        )
    session.admin.delete_queue(queue, by=actor())
    session.out.one(
        lines=lambda: [f"deleted queue {safe(queue)}"],
        record=lambda: {"name": queue, "deleted": True},
        ids=[queue],
    )
