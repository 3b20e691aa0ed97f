"""The options that say what a task is, for every command that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rediq_core.model.task import DEFAULT_PRIORITY


@dataclass(frozen=True)
class TaskWords:
    """What a task is, as it was typed; `producing.make_task` reads it.

    Attributes:
        queue: Its queue, or None for the one that live workers take its type from.
        payload: JSON, "@file", "-" for stdin, or None.
        priority: 0 to 100.
        max_retry: Retries, or None for the worker's own rule.
        timeout: Longest run, or None likewise.
    """

    queue: Annotated[
        str | None,
        typer.Option("--queue", metavar="QUEUE", help="else the one live workers take it from"),
    ] = None
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="JSON", help="JSON, @file, or - for stdin")
    ] = None
    priority: Annotated[
        int, typer.Option("--priority", metavar="N", help="0 most urgent, 100 least (50)")
    ] = DEFAULT_PRIORITY
    max_retry: Annotated[
        int | None, typer.Option("--max-retry", metavar="N", help="retries after the first run")
    ] = None
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="longest run")
    ] = None


PLAIN_TASK = TaskWords()
