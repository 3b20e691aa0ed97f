"""How groups look: the table of all, and the page of one."""

from __future__ import annotations

from collections.abc import Iterator

from rediq_cli.output.humanise import ago
from rediq_cli.output.json import Json, iso
from rediq_cli.output.neutralise import safe
from rediq_cli.output.table import Cell, Column, pairs
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing
from rediq_core.model.durations import format_ms
from rediq_core.model.groups import GroupView

_COLUMNS = (
    Column("GROUP", is_flexible=True),
    Column("MEMBERS", is_right=True),
    Column("RUNS"),
    Column("MAX", is_right=True, is_wide=True),
    Column("GRACE", is_right=True, is_wide=True),
    Column("MAX DELAY", is_right=True, is_wide=True),
    Column("FIRST", is_wide=True),
)


def group_record(group: GroupView) -> dict[str, Json]:
    """Return a group as an object."""
    return {
        "name": group.name,
        "queue": group.queue,
        "type": group.type,
        "group": group.group,
        "members": group.size,
        "first_id": group.first_id,
        "ripe": group.is_ripe,
        "due_at": None if group.is_ripe else iso(group.due_ms),
        "max_size": group.rule.max_size,
        "grace_ms": group.rule.grace_ms,
        "max_delay_ms": group.rule.max_delay_ms,
        "declared": group.is_declared,
        "at": iso(group.at_ms),
    }


def group_listing() -> Listing[GroupView]:
    """Return how `group list` shows groups."""

    def row(group: GroupView) -> list[Cell]:
        return [
            group.name,
            group.size,
            _runs(group),
            group.rule.max_size,
            format_ms(group.rule.grace_ms),
            format_ms(group.rule.max_delay_ms),
            group.first_id,
        ]

    return Listing(_COLUMNS, row, group_record, lambda group: group.name)


def _runs(group: GroupView) -> str:
    return "when a worker is free" if group.is_ripe else ago(group.due_ms, group.at_ms)


def group_page(group: GroupView, terminal: Terminal) -> Iterator[str]:
    """Yield the page of one group: how many collect, when they run, and by which rule."""
    rule = group.rule
    yield terminal.paint(safe(group.name), "bold")
    rows: list[tuple[str, Cell]] = [
        ("members", group.size),
        ("runs", _runs(group)),
        ("first", group.first_id),
        ("max size", rule.max_size),
        ("grace", format_ms(rule.grace_ms)),
        ("max delay", format_ms(rule.max_delay_ms)),
    ]
    if not group.is_declared:
        rows.append(("handler", "no worker has declared a group handler for this type yet"))
    yield from pairs(rows, terminal, indent="  ")
