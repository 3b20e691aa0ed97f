"""`rediq doctor`: is everything that a queue relies on as it should be."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rediq_cli.exit_codes import ExitCode
from rediq_cli.leaf import Group
from rediq_cli.session import Session, actor

GROUP = Group("doctor", is_single=True)


@GROUP.leaf(
    "doctor",
    examples=[
        ("doctor", "look at the server, the keys, every queue and the workers"),
        ("doctor --fix", "and repair what can be repaired without losing anything"),
        ("doctor --json", "for scripts; exit 6 if a fault is left"),
    ],
)
def doctor(
    session: Session,
    is_fixing: Annotated[
        bool, typer.Option("--fix", help="repair; every repair is checked again and audited")
    ] = False,
    is_yes: Annotated[
        bool, typer.Option("--yes", help="repair without asking where the profile is protected")
    ] = False,
) -> None:
    """Look for what loses, hides or holds up tasks.

    Faults (✗) are left or repaired; advice (!) is for you to judge. Settings of the server are
    never changed.
    """
    from rediq_cli.confirm import ask_yes
    from rediq_cli.output.doctor import doctor_page, doctor_record
    from rediq_cli.output.progress import Progress
    from rediq_cli.output.terminal import terminal_of

    if is_fixing:
        session.refuse_if_read_only_server()
        if session.server.is_protected:
            ask_yes("Repair this server's queues?", is_yes=is_yes, command=session.command)
    terminal = terminal_of(sys.stderr, no_color=not session.options.has_color)
    with Progress("looked at", None, sys.stderr, terminal) as progress:

        def tell(done: int, total: int) -> None:
            progress.advance(note=f"keys, {done / total:.0%}")

        checkup = session.admin.doctor(by=actor() if is_fixing else "", on_progress=tell)
    session.out.one(
        lines=lambda: doctor_page(checkup, session.out.terminal),
        record=lambda: doctor_record(checkup),
        ids=[finding.check for finding in checkup.left],
    )
    if checkup.left:
        raise typer.Exit(ExitCode.TIMED_OUT)
