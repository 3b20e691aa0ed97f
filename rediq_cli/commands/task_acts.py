"""`rediq task`: what is done to tasks, one or all that a WHERE picks."""

from __future__ import annotations

from typing import Annotated

import typer

from rediq_cli.commands.bulk_options import (
    Confirm,
    DryRun,
    Hard,
    Pace,
    Reason,
    Save,
    Words,
    Yes,
)
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
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    rate: Pace = None,
    save: Save = None,
    reason: Reason = "",
) -> None:
    """Run dead, retrying or cancelled tasks again, with fresh attempts."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(
        is_yes=is_yes,
        confirmed=confirm,
        is_dry=is_dry,
        rate=rate,
        save=save,
        reason=reason,
    )
    act(session, ACTIONS["retry"], read_where(where), choices)


@GROUP.leaf(
    "run",
    examples=[("task run delayed:reports", "now, and not when they are due")],
)
def run(
    session: Session,
    where: Words,
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    rate: Pace = None,
    save: Save = None,
    reason: Reason = "",
) -> None:
    """Make delayed or retrying tasks due now, with the attempts they have left."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(
        is_yes=is_yes,
        confirmed=confirm,
        is_dry=is_dry,
        rate=rate,
        save=save,
        reason=reason,
    )
    act(session, ACTIONS["run"], read_where(where), choices)


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
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    rate: Pace = None,
    save: Save = None,
    reason: Reason = "",
) -> None:
    """Cancel tasks; running ones are asked to stop.

    An async handler is cancelled within a second, a plain one sees ctx.cancelled. --force kills a
    handler's process, and leaves a thread behind.
    """
    from rediq_cli.actions import ACTIONS
    from rediq_cli.awaiting import END_MS
    from rediq_cli.bulk import Choices, act, read_where
    from rediq_core.model.durations import duration_ms

    wait_ms = END_MS if timeout is None else duration_ms(timeout, "timeout")
    choices = Choices(
        is_yes=is_yes,
        confirmed=confirm,
        is_dry=is_dry,
        is_forced=is_forced,
        rate=rate,
        save=save,
        reason=reason,
        wait_ms=wait_ms if is_waiting or timeout is not None else 0,
    )
    act(session, ACTIONS["cancel"], read_where(where), choices)


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
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    rate: Pace = None,
    save: Save = None,
    reason: Reason = "",
) -> None:
    """Delete tasks; for 24 h they can be restored, unless --hard."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(
        is_yes=is_yes,
        confirmed=confirm,
        is_dry=is_dry,
        is_hard=is_hard,
        rate=rate,
        save=save,
        reason=reason,
    )
    act(session, ACTIONS["delete"], read_where(where), choices)


@GROUP.leaf(
    "restore",
    examples=[("task restore trash:payment", "all that was deleted from it in the last 24 h")],
)
def restore(
    session: Session,
    where: Words,
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    rate: Pace = None,
    save: Save = None,
    reason: Reason = "",
) -> None:
    """Take tasks out of the trash, to where they were."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where

    choices = Choices(
        is_yes=is_yes,
        confirmed=confirm,
        is_dry=is_dry,
        rate=rate,
        save=save,
        reason=reason,
    )
    act(session, ACTIONS["restore"], read_where(where), choices)


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
    is_yes: Yes = False,
    confirm: Confirm = None,
    is_dry: DryRun = False,
    rate: Pace = None,
    save: Save = None,
    reason: Reason = "",
) -> None:
    """Give pending, delayed or retrying tasks another time."""
    from rediq_cli.actions import ACTIONS
    from rediq_cli.bulk import Choices, act, read_where
    from rediq_cli.producing import read_instant
    from rediq_core.errors import InvalidOption
    from rediq_core.model.durations import duration_ms

    if (delay is None) == (at is None):
        raise InvalidOption("give either --delay or --at.")
    wanted = read_where(where)
    if at is not None:
        due_ms = round(read_instant(at).timestamp() * 1000)
    else:
        due_ms = session.admin.access.now_ms() + duration_ms(delay or "", "--delay")
    choices = Choices(
        is_yes=is_yes,
        confirmed=confirm,
        is_dry=is_dry,
        due_ms=due_ms,
        rate=rate,
        save=save,
        reason=reason,
    )
    act(session, ACTIONS["reschedule"], wanted, choices)
