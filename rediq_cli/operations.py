"""Operations on the command line: their list, one of them, going on with one, undoing one."""

from __future__ import annotations

import typer

from rediq_cli.bulk import carry_out
from rediq_cli.bulk_report import fail_if_stopped, report_fields, report_text
from rediq_cli.exit_codes import ExitCode
from rediq_cli.output.humanise import ago, count
from rediq_cli.output.json import Json, iso
from rediq_cli.output.neutralise import safe
from rediq_cli.output.table import Cell, Column, Styled, pairs
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_cli.session import Session, actor
from rediq_core.model.operations import Operation, OperationState

_STYLES = {
    OperationState.RUNNING: "green",
    OperationState.STOPPED: "yellow",
    OperationState.DONE: None,
}


def operation_listing(now_ms: int, terminal: Terminal) -> Listing[Operation]:
    """Return how a list of operations is shown."""
    del terminal

    def row(operation: Operation) -> list[Cell]:
        return [
            operation.id,
            operation.order.label,
            _state(operation, now_ms),
            operation.moved,
            operation.skipped,
            operation.left,
            ago(operation.at_ms, now_ms),
            operation.order.by,
            target(operation),
            operation.order.reason or None,
        ]

    return Listing(
        [
            Column("OP"),
            Column("VERB"),
            Column("STATE"),
            Column("DONE", is_right=True),
            Column("SKIPPED", is_right=True, spare=1),
            Column("LEFT", is_right=True),
            Column("BEGAN", is_right=True),
            Column("BY", is_flexible=True, spare=2),
            Column("WHERE", is_flexible=True),
            Column("REASON", is_wide=True),
        ],
        row,
        operation_record,
        lambda operation: operation.id,
    )


def operation_record(operation: Operation) -> Json:
    """Return an operation as an object."""
    order = operation.order
    return {
        "id": operation.id,
        "verb": order.label,
        "state": operation.state.value,
        "by": order.by,
        "reason": order.reason or None,
        "where": list(order.where.words()),
        "queues": list(operation.queues),
        "began_at": iso(operation.at_ms),
        "updated_at": iso(operation.updated_ms),
        "tasks": operation.total,
        "moved": operation.moved,
        "asked": operation.intents,
        "skipped": operation.skipped,
        "left": operation.left,
        "hard": order.is_hard,
        "rate": order.rate or None,
        "undoable": operation.is_undoable,
        "undoes": order.of or None,
        "undone_by": operation.undone_by or None,
    }


def target(operation: Operation) -> str:
    """Return what an operation was meant for."""
    if operation.order.of:
        return operation.order.of
    if operation.order.is_named:
        ids = operation.order.where.ids
        return " ".join(ids[:2]) + (f" and {len(ids) - 2:,} more" if len(ids) > 2 else "")
    return str(operation.order.where)


def _state(operation: Operation, now_ms: int) -> Cell:
    if operation.undone_by:
        return "undone"
    if operation.is_broken_off(now_ms):
        return Styled("broken off", "yellow")
    return Styled(operation.state.value, _STYLES[operation.state])


def show_operation(session: Session, operation: Operation) -> None:
    """Write the page of one operation."""
    now_ms = session.admin.access.now_ms()
    order = operation.order
    rows: list[tuple[str, Cell]] = [
        ("verb", Styled(order.label + (" for good" if order.is_hard else ""), "bold")),
        ("state", _state(operation, now_ms)),
        ("where", target(operation)),
        ("queues", ", ".join(operation.queues)),
        ("by", order.by),
        ("reason", order.reason or None),
        ("began", f"{iso(operation.at_ms)}  {ago(operation.at_ms, now_ms)}"),
        ("last seen", f"{iso(operation.updated_ms)}  {ago(operation.updated_ms, now_ms)}"),
        ("tasks", operation.total),
        ("done", operation.moved),
        ("asked to stop", operation.intents or None),
        ("skipped", operation.skipped or None),
        ("left", operation.left or None),
        ("rate", order.rate or None),
        ("undone by", operation.undone_by or None),
        ("next", _next_step(operation, now_ms)),
    ]
    session.out.one(
        lines=lambda: [safe(operation.id), *pairs(rows, session.out.terminal, "  ")],
        record=lambda: operation_record(operation),
        ids=[operation.id],
    )


def _next_step(operation: Operation, now_ms: int) -> str | None:
    if operation.undone_by:
        return None
    if operation.state is OperationState.STOPPED or operation.is_broken_off(now_ms):
        return f"go on: rediq op resume {operation.id}"
    if operation.state is OperationState.RUNNING:
        return "it runs; Ctrl-C ends it where it does"
    return f"take back: rediq undo {operation.id}" if operation.is_undoable else None


def resume_operation(session: Session, id_or_end: str) -> None:
    """Go on with an operation and say what was done now.

    Raises:
        OperationNotFound, WrongState, InvalidOption: See `Operations.resume`.
        Refused: Read-only.
        Exit: It was stopped again.
    """
    session.refuse_if_read_only_server()
    operations = session.admin.operations
    operation = operations.find(id_or_end)
    report = carry_out(
        session,
        operation.order.label,
        operation.left,
        lambda conduct: operations.resume(operation.id, conduct),
    )
    after = operations.find(operation.id)
    session.out.one(
        lines=lambda: [
            f"resumed {safe(operation.id)}: {safe(operation.order.label)} of "
            f"{count(len(report.moved), 'more task')}, {after.moved:,} in all"
        ],
        record=lambda: {
            "verb": operation.order.label,
            "resumed": True,
            **report_fields(report),
            "moved_in_all": after.moved,
        },
        ids=report.moved,
    )
    fail_if_stopped(session, report)


def undo_operation(session: Session, id_or_end: str, *, reason: str) -> None:
    """Take back a deletion and say what came back.

    Raises:
        OperationNotFound, WrongState, InvalidOption: See `Operations.undoable`.
        Refused: Read-only.
        Exit: It was stopped, or some tasks could not come back.
    """
    session.refuse_if_read_only_server()
    operations = session.admin.operations
    operation = operations.undoable(actor(), id_or_end)
    report = carry_out(
        session,
        "restored",
        operation.moved,
        lambda conduct: operations.undo(operation, by=actor(), reason=reason, conduct=conduct),
    )
    text = report_text("restored", f"{operation.order.label} {target(operation)}", report)
    session.out.one(
        lines=lambda: [f"undid {safe(operation.id)}: {safe(text)}"],
        record=lambda: {"verb": "undo", "undoes": operation.id, **report_fields(report)},
        ids=report.moved,
    )
    fail_if_stopped(session, report)
    if report.skipped:
        raise typer.Exit(ExitCode.FAILED)
