"""`rediq task`: what is done to tasks, one or all that a WHERE picks."""

from __future__ import annotations

from typing import Annotated, Unpack

import typer

from rediq_cli.bulk_options import NO_BULK, Bulk, Hard, Told, Words
from rediq_cli.commands.task_group import GROUP
from rediq_cli.session import Session


@GROUP.leaf(
    "retry",
    examples=[
        ("task retry 3PBVN1A", "one task, with fresh attempts"),
        ("task retry dead:payment error:Timeout*", "of all dead ones, those that timed out"),
        ("task retry dead:payment cause:4f2a --rate 5/s", "one cause, slowly; see: failures"),
        ("task retry dead:payment --yes", "in a script"),
    ],
)
def retry(
    session: Session,
    where: Words,
    bulk: Bulk = NO_BULK,
) -> None:
    """Run dead, retrying or cancelled tasks again, with fresh attempts."""
    _act(session, "retry", where, bulk)


@GROUP.leaf(
    "run",
    examples=[("task run delayed:reports", "now, and not when they are due")],
)
def run(
    session: Session,
    where: Words,
    bulk: Bulk = NO_BULK,
) -> None:
    """Make delayed or retrying tasks due now, with the attempts they have left."""
    _act(session, "run", where, bulk)


@GROUP.leaf(
    "cancel",
    examples=[
        ("task cancel 3PBVN1A", "at once, or by asking its worker to stop it"),
        ("task cancel pending:mail type:mail:promo", ""),
        ("task cancel active:mail --wait", "and return when all of them have ended"),
    ],
)
def cancel(
    session: Session,
    where: Words,
    is_forced: Annotated[
        bool, typer.Option("--force", help="kill what does not stop by itself")
    ] = False,
    is_waiting: Annotated[
        bool, typer.Option("--wait", help="return when running ones have ended; exit 6 if late")
    ] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="of --wait (60s)")
    ] = None,
    bulk: Bulk = NO_BULK,
) -> None:
    """Cancel tasks; running ones are asked to stop.

    An async handler is cancelled within a second, a plain one sees ctx.cancelled. --force kills a
    handler's process, and leaves a thread behind.
    """
    from rediq_cli.awaiting import END_MS
    from rediq_core.model.durations import duration_ms

    wait_ms = END_MS if timeout is None else duration_ms(timeout, "timeout")
    wait_ms = wait_ms if is_waiting or timeout is not None else 0
    _act(session, "cancel", where, bulk, is_forced=is_forced, wait_ms=wait_ms)


@GROUP.leaf(
    "delete",
    examples=[
        ("task delete 3PBVN1A", "to trash, where it stays for 24 h"),
        ("task delete dead:payment older:30d", ""),
        ("task delete dead:payment --save dead.jsonl", "keep a copy; see: task import"),
        ("task delete dead:payment --hard --confirm payment", "for good"),
    ],
)
def delete(
    session: Session,
    where: Words,
    is_hard: Hard = False,
    bulk: Bulk = NO_BULK,
) -> None:
    """Delete tasks; for 24 h they can be restored, unless --hard."""
    _act(session, "delete", where, bulk, is_hard=is_hard)


@GROUP.leaf(
    "restore",
    examples=[("task restore trash:payment", "all that was deleted from it in the last 24 h")],
)
def restore(
    session: Session,
    where: Words,
    bulk: Bulk = NO_BULK,
) -> None:
    """Take tasks out of the trash, to where they were."""
    _act(session, "restore", where, bulk)


@GROUP.leaf(
    "reschedule",
    examples=[
        ("task reschedule delayed:reports --delay 2h", "from now"),
        ("task reschedule retry:mail error:421* --at 2026-02-07T10:00", ""),
    ],
)
def reschedule(
    session: Session,
    where: Words,
    delay: Annotated[
        str | None, typer.Option("--delay", metavar="TIME", help="due this long from now")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="WHEN", help="due then: 2026-02-07T10:00")
    ] = None,
    bulk: Bulk = NO_BULK,
) -> None:
    """Give pending, delayed or retrying tasks another time."""
    from rediq_cli.producing import read_instant
    from rediq_core.errors import InvalidOption
    from rediq_core.model.durations import duration_ms

    if (delay is None) == (at is None):
        raise InvalidOption(
            "give either --delay or --at.",
            cause="A task is due once.",
            next_step="For example: rediq task reschedule ID --delay 10m",
        )
    if at is not None:
        due_ms = round(read_instant(at).timestamp() * 1000)
    else:
        due_ms = session.admin.access.now_ms() + duration_ms(delay or "", "--delay")
    _act(session, "reschedule", where, bulk, due_ms=due_ms)


def _act(session: Session, verb: str, where: list[str], bulk: Bulk, **more: Unpack[Told]) -> None:
    """Do one verb to what a WHERE picks; `more` is what only this verb was told."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    act(session, ACTIONS[verb], read_where(where), Choices.of(bulk, **more))
