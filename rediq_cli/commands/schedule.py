"""`rediq schedule` (alias `cron`): what runs again and again, when next, and whether it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rediq_cli.leaf import Group
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session, actor
from rediq_cli.task_options import PLAIN_TASK, TaskWords

if TYPE_CHECKING:
    from rediq_core.model.schedule import ScheduleView

GROUP = Group("schedule")

# Entries that `schedule history` shows unless --limit says otherwise: a screen or two.
DEFAULT_LIMIT = 50

Name = Annotated[str, typer.Argument(metavar="NAME", help="the schedule")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="one or more schedules")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; kept in the audit")]


@GROUP.leaf(
    "list",
    examples=[
        ("schedule list", "all schedules: when next, and what last became of each"),
        ("schedule list -o wide", "with queue, type and who paused"),
        ("schedule list --json", "for scripts"),
    ],
)
def list_schedules(session: Session) -> None:
    """List schedules with their next due time and their last result."""
    from rediq_cli.output.schedules import schedule_listing

    schedules = session.admin.schedules()
    session.out.items(schedules, schedule_listing(session.out.terminal))
    if not schedules:
        session.say.note("There are no schedules. Add one: rediq schedule add NAME CRON TYPE")


@GROUP.leaf(
    "inspect",
    examples=[
        ("schedule inspect nightly", "what it does, its next due times, its last result"),
    ],
)
def inspect_schedule(session: Session, name: Name) -> None:
    """Show one schedule, its payload and its next due times."""
    from rediq_cli.output.schedules import schedule_page, whole_record

    schedule = session.admin.schedule(name)
    upcoming = session.admin.upcoming(name)
    secret_fields = session.server.redact
    session.out.one(
        lines=lambda: schedule_page(schedule, upcoming, secret_fields, session.out.terminal),
        record=lambda: whole_record(schedule, upcoming, secret_fields),
        ids=[name],
    )


@GROUP.leaf(
    "add",
    examples=[
        ("schedule add nightly '30 2 * * *' report:daily --timezone Europe/Vienna", ""),
        ("schedule add poll '*/10 * * * * *' feed:poll --overlap skip", "every 10 seconds"),
        ("""schedule add tidy @hourly disk:tidy --queue slow --payload '{"keep": 7}'""", ""),
    ],
)
def add_schedule(
    session: Session,
    name: Name,
    cron: Annotated[
        str, typer.Argument(metavar="CRON", help="5 fields, 6 with seconds first, or @hourly")
    ],
    task_type: Annotated[str, typer.Argument(metavar="TYPE", help="type of its tasks")],
    words: TaskWords = PLAIN_TASK,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="zone of the expression (UTC)")
    ] = "UTC",
    misfire: Annotated[
        Literal["run_once", "skip", "catch_up"],
        typer.Option(
            "--misfire", metavar="DO", help="for times nobody was there: run_once, skip, catch_up"
        ),
    ] = "run_once",
    overlap: Annotated[
        Literal["skip", "allow"],
        typer.Option(
            "--overlap", metavar="DO", help="while the one before has not finished: skip, allow"
        ),
    ] = "skip",
    jitter: Annotated[
        str, typer.Option("--jitter", metavar="TIME", help="run later by a fixed part of this")
    ] = "0",
) -> None:
    """Enqueue a task again and again; a name that is there is changed."""
    from rediq_cli.producing import make_task
    from rediq_core.model.schedule import Schedule

    session.refuse_if_read_only_server()
    task = make_task(session, task_type, words)
    schedule = Schedule.of(
        name, cron, task, timezone=timezone, misfire=misfire, overlap=overlap, jitter=jitter
    )
    is_new = session.admin.add_schedule(schedule, actor())
    _show_change(session, [session.admin.schedule(name)], "added" if is_new else "changed")


def _show_change(session: Session, schedules: list[ScheduleView], past: str) -> None:
    """Say of each schedule what was done, and when it is due next."""
    from rediq_cli.output.schedules import next_text, schedule_record

    def line(schedule: ScheduleView) -> str:
        due = next_text(schedule)
        when = f"; next {due}" if due else f"; resume: rediq schedule resume {safe(schedule.name)}"
        return f"{past} {safe(schedule.name)}{when}"

    session.out.one(
        lines=lambda: map(line, schedules),
        record=lambda: [schedule_record(schedule) for schedule in schedules],
        ids=[schedule.name for schedule in schedules],
    )


@GROUP.leaf(
    "run",
    examples=[
        ("schedule run nightly", "enqueue one occurrence now; its due times stay"),
        ("schedule run nightly -o ids", "print the id alone"),
    ],
)
def run_schedule(session: Session, name: Name) -> None:
    """Enqueue an occurrence of a schedule now, and print its id."""
    session.refuse_if_read_only_server()
    task_id = session.admin.run_schedule(name, actor())
    session.out.one(
        lines=lambda: [f"enqueued {safe(task_id)}"],
        record=lambda: {"name": name, "id": task_id},
        ids=[task_id],
    )


@GROUP.leaf(
    "pause",
    examples=[
        ("schedule pause nightly", "what falls due meanwhile passes by"),
        ('schedule pause nightly --reason "bank is closed"', ""),
    ],
)
def pause_schedules(session: Session, names: Names, reason: Reason = "") -> None:
    """Stop schedules from firing; a deploy does not start them again."""
    session.refuse_if_read_only_server()
    for schedule in _all(session, names):
        session.admin.pause_schedule(schedule.name, actor(), reason)
    _show_change(session, _all(session, names), "paused")


@GROUP.leaf("resume", examples=[("schedule resume nightly", "from its next due time on")])
def resume_schedules(session: Session, names: Names) -> None:
    """Let schedules fire again."""
    session.refuse_if_read_only_server()
    for schedule in _all(session, names):
        session.admin.resume_schedule(schedule.name, actor())
    _show_change(session, _all(session, names), "resumed")


def _all(session: Session, names: list[str]) -> list[ScheduleView]:
    """Return the schedules of these names; all must exist before any is changed."""
    return [session.admin.schedule(name) for name in dict.fromkeys(names)]


@GROUP.leaf(
    "delete",
    examples=[
        ("schedule delete nightly --yes", "with its history; its tasks stay"),
    ],
)
def delete_schedule(
    session: Session,
    name: Name,
    is_yes: Annotated[bool, typer.Option("--yes", "-y", help="answer the question")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="answer a typed question")
    ] = None,
    reason: Reason = "",
) -> None:
    """Remove a schedule and its history."""
    from rediq_cli.confirm import ask_name, ask_yes

    session.refuse_if_read_only_server()
    schedule = session.admin.schedule(name)
    question = f"Delete schedule {safe(name)} ({safe(schedule.cron)}) and its history?"
    if session.server.is_protected:
        ask_name(question, name, given=confirm, command=session.command)
    elif confirm != name:
        ask_yes(question, is_yes=is_yes, command=session.command)
    session.admin.delete_schedule(name, actor(), reason)
    session.out.one(
        lines=lambda: [f"deleted {safe(name)}"], record=lambda: {"name": name}, ids=[name]
    )
    if schedule.source == "config":
        session.say.note("A configuration declares it: the next worker with it adds it again.")


@GROUP.leaf(
    "history",
    examples=[
        ("schedule history nightly", "what became of its due times, the last first"),
        ("schedule history nightly --limit 5 --json", ""),
    ],
)
def show_history(
    session: Session,
    name: Name,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="entries at most (50)")
    ] = DEFAULT_LIMIT,
) -> None:
    """Show what became of a schedule's due times."""
    from rediq_cli.output.schedules import history_listing

    schedule = session.admin.schedule(name)
    entries = session.admin.schedule_history(name, limit)
    session.out.items(entries, history_listing(schedule, session.out.terminal))
    if not entries:
        session.say.note(f"{safe(name)} has not been due yet.")
