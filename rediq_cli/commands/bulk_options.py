"""The options that bulk verbs share, declared once."""

from __future__ import annotations

from typing import Annotated

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
