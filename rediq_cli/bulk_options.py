"""The options that bulk verbs share, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

import typer

Words = Annotated[
    list[str], typer.Argument(metavar="WHERE...", help="ids, or a selector and terms; - for stdin")
]
Yes = Annotated[bool, typer.Option("--yes", help="answer a y/N question with yes")]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="NAME", help="answer a typed question")
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="only count, and show a few")]
Hard = Annotated[bool, typer.Option("--hard", help="for good, not to trash")]
Pace = Annotated[
    str | None, typer.Option("--rate", metavar="RATE", help="at most so many: 5/s, 100/m")
]
Save = Annotated[
    str | None, typer.Option("--save", metavar="FILE", help="first keep a copy; see task import")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; kept in the audit")]


@dataclass(frozen=True)
class Bulk:
    """What every bulk verb takes.

    Attributes:
        is_yes: Answers a y/N question.
        confirmed: Answers a typed one.
        is_dry: Only count and show.
        rate: Most tasks, such as "5/s"; None for as fast as it goes.
        save: File for copies of the tasks, or None.
        reason: Why, for the audit.
    """

    is_yes: Yes = False
    confirmed: Confirm = None
    is_dry: DryRun = False
    rate: Pace = None
    save: Save = None
    reason: Reason = ""


NO_BULK = Bulk()


class Told(TypedDict, total=False):
    """What only some bulk verbs take; see `bulk.Choices`."""

    is_hard: bool
    is_forced: bool
    due_ms: int
    wait_ms: int
