"""Export tasks to a file or a pipe, and import them from one.

Exported lines hide nothing, because they are to come back as they were: files are readable by their
owner alone, and on a terminal secret fields are masked.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import typer

from rediq_cli.actions import counts_text
from rediq_cli.confirm import ask_yes
from rediq_cli.exit_codes import ExitCode
from rediq_cli.output.humanise import count
from rediq_cli.output.json import Json
from rediq_cli.output.neutralise import safe
from rediq_cli.output.progress import Progress
from rediq_cli.saving import SaveFile
from rediq_cli.session import Session, actor
from rediq_core.admin import ImportReport
from rediq_core.config.redact import redact_fields
from rediq_core.errors import EnqueueManyFailed, InvalidOption, RediqError
from rediq_core.model.exported import ImportRow, parse_line
from rediq_core.model.where import Where

# Lines that cannot be read are told one by one up to here.
TOLD_LINES = 20
# Lines written at once to a file.
CHUNK = 500


def export_tasks(session: Session, where: Where, save: str | None) -> None:
    """Write what a WHERE picks as lines, to a new file or to stdout.

    Raises:
        QueueNotFound: The selector's queue does not exist.
        InvalidOption: The file is there already or cannot be written.
    """
    lines = session.admin.transfers.export(where)
    if save is None:
        is_seen = session.out.terminal.is_tty
        texts = (_masked(session, line) if is_seen else line.decode("ascii") for line in lines)
        sys.stdout.writelines(_formed(session.out.format, texts))
        return
    with (
        SaveFile(save) as file,
        Progress("exported", None, sys.stderr, session.say.terminal) as progress,
    ):
        chunk: list[bytes] = []
        for line in lines:
            chunk.append(line)
            progress.advance()
            if len(chunk) == CHUNK:
                file.write(chunk)
                chunk = []
        file.write(chunk)
    session.out.one(
        lines=lambda: [f"exported {count(file.count, 'task')} to {safe(str(file.path))}"],
        record=lambda: {"exported": file.count, "file": str(file.path)},
        ids=[],
    )


def _formed(output_format: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield tasks as they come: a line each, as one array, or their ids alone."""
    if output_format == "json":
        before = "[\n"
        for line in lines:
            yield f"{before}  {line.rstrip()}"
            before = ",\n"
        yield "[]\n" if before == "[\n" else "\n]\n"
    elif output_format == "ids":
        yield from (f"{safe(json.loads(line)['id'], limit=0)}\n" for line in lines)
    else:
        yield from lines


def _masked(session: Session, line: bytes) -> str:
    record = json.loads(line)
    record.pop("payload_text", None)
    return json.dumps(redact_fields(record, session.server.redact)) + "\n"


@dataclass(slots=True)
class _Read:
    """What a file holds."""

    rows: list[ImportRow] = field(default_factory=list)
    wrong: dict[int, RediqError] = field(default_factory=dict)


def import_file(session: Session, name: str, *, is_yes: bool, is_dry: bool) -> None:
    """Put the tasks of a file back, asking first.

    Raises:
        InvalidOption: The file cannot be read, or no line of it can.
        Refused: Read-only, or not confirmed.
        Exit: Some tasks could not be put back.
    """
    session.refuse_if_read_only_server()
    read = _read(name)
    for number, error in list(read.wrong.items())[:TOLD_LINES]:
        session.say.warn(f"line {number}: {error.message} {error.cause}".rstrip())
    if read.wrong and not read.rows:
        raise InvalidOption(
            f"none of {count(len(read.wrong), 'line')} is a task.",
            cause="Each line is an object, as rediq task export writes it.",
            next_step="Make such a file: rediq task export WHERE > tasks.jsonl",
        )
    by_state = dict(Counter(row.state for row in read.rows))
    scope = f"{count(len(read.rows), 'task')} ({counts_text(by_state)})"
    if is_dry:
        session.out.one(
            lines=lambda: [f"would import {scope}"],
            record=lambda: {
                "verb": "import",
                "dry_run": True,
                "tasks": len(read.rows),
                "by_state": {state.value: number for state, number in by_state.items()},
                "unreadable": list(read.wrong),
            },
            ids=[row.task.id for row in read.rows],
        )
        return
    if read.rows:
        ask_yes(f"Import {scope}?", is_yes=is_yes, command=session.command)
    with Progress("imported", None, sys.stderr, session.say.terminal) as progress:

        def tell(done: int, total: int) -> None:
            progress.total = total
            progress.advance(done - progress.done)

        report = session.admin.transfers.import_rows(
            [row for row in read.rows if not row.waits], by=actor(), on_progress=tell
        )
    _enqueue_waiting(session, [row for row in read.rows if row.waits], report)
    _show(session, report, read)
    if read.wrong or report.refused:
        raise typer.Exit(ExitCode.FAILED)


def _read(name: str) -> _Read:
    read = _Read()
    for number, line in enumerate(_lines(name), 1):
        if not line.strip():
            continue
        try:
            read.rows.append(parse_line(line))
        except RediqError as error:
            read.wrong[number] = error
    return read


def _lines(name: str) -> Iterator[str]:
    if name == "-":
        if sys.stdin.isatty():
            raise InvalidOption(
                "- means lines on stdin, and stdin is a terminal.",
                next_step="Pipe them in, or name the file: rediq task import tasks.jsonl",
            )
        yield from sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8") as file:
            yield from file
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidOption(
            f"cannot read {name}.",
            cause=f"{reason}.",
            next_step="Look at it: ls -l. Or pipe the lines in: rediq task import -",
        ) from error


def _enqueue_waiting(session: Session, rows: list[ImportRow], report: ImportReport) -> None:
    """Enqueue tasks whose parents or group decide where they go."""
    if not rows:
        return
    try:
        results: list[str | RediqError] = [*session.client.enqueue_many([row.task for row in rows])]
    except EnqueueManyFailed as error:
        results = list(error.results)
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, RediqError):
            session.say.warn(f"{safe(row.task.id)}: {result.message}")
            report.refused.append(row.task.id)
        else:
            report.imported.append(row.task.id)
            session.admin.note(
                row.task.queue,
                "import",
                by=actor(),
                details={"count": 1, "first": row.task.id, "operation": report.operation},
            )


def _show(session: Session, report: ImportReport, read: _Read) -> None:
    def record() -> Json:
        return {
            "verb": "import",
            "imported": report.imported,
            "existing": report.existing,
            "refused": report.refused,
            "unreadable": list(read.wrong),
            "operation": report.operation,
        }

    left = [
        f"{len(ids):,} {what}"
        for ids, what in (
            (report.existing, "known already"),
            (report.refused, "refused: their unique key is taken"),
            (list(read.wrong), "unreadable"),
        )
        if ids
    ]
    text = f"imported {count(len(report.imported), 'task')}"
    session.out.one(lines=lambda: ["; ".join([text, *left])], record=record, ids=report.imported)
