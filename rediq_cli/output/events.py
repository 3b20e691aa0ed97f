"""How an event looks: one line, columns in the same place for those that come later."""

from __future__ import annotations

from rediq_cli.output.humanise import count, stamp, stamp_title
from rediq_cli.output.json import Json, iso
from rediq_cli.output.neutralise import safe
from rediq_cli.output.table import Cell, Column, Styled
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.width import fit, pad
from rediq_cli.output.writer import Listing
from rediq_core.admin import Event

# Cells of the columns before the detail; a longer name pushes its own line, not the others.
_KIND, _QUEUE, _TYPE, _ID = 10, 13, 20, 26
# A narrower screen goes without the type.
_WIDE = 120
_COLOURS = {
    "completed": "green",
    "started": "blue",
    "dead": "red",
    "lost": "red",
    "retried": "yellow",
    "expired": "yellow",
}


def event_listing(terminal: Terminal) -> Listing[Event]:
    """Return how events that are all there are shown."""

    def row(event: Event) -> list[Cell]:
        return [
            stamp(event.at_ms, terminal),
            Styled(event.kind, _COLOURS.get(event.kind)),
            event.queue,
            event.task_type or None,
            event.task_id or None,
            _detail(event) or None,
        ]

    columns = (
        Column(stamp_title(terminal)),
        Column("KIND"),
        Column("QUEUE", is_flexible=True),
        Column("TYPE", is_flexible=True, spare=1),
        Column("ID"),
        Column("DETAIL", is_flexible=True),
    )
    return Listing(columns, row, event_record, lambda event: event.task_id)


def event_line(event: Event, terminal: Terminal) -> str:
    """Return an event as one neutralised line."""
    kind = terminal.paint(pad(safe(event.kind), _KIND), _COLOURS.get(event.kind))
    parts = [
        stamp(event.at_ms, terminal),
        kind,
        pad(safe(event.queue), _QUEUE),
        pad(safe(event.task_type or "-"), _TYPE) if terminal.width not in range(1, _WIDE) else "",
        pad(safe(event.task_id or "-"), _ID),
        safe(_detail(event)),
    ]
    line = "  ".join(part for part in parts if part).rstrip()
    return line if not terminal.width or terminal.has_colour else fit(line, terminal.width)


def _detail(event: Event) -> str:
    said = []
    if event.count > 1:
        said.append(count(event.count, "task"))
    if event.by:
        said.append(f"by {event.by}")
    if event.worker:
        said.append(f"on {event.worker}")
    if event.detail:
        said.append(event.detail)
    return ", ".join(said)


def event_record(event: Event) -> Json:
    """Return an event as an object."""
    return {
        "at": iso(event.at_ms),
        "queue": event.queue,
        "kind": event.kind,
        "id": event.task_id or None,
        "type": event.task_type or None,
        "worker": event.worker or None,
        "by": event.by or None,
        "count": event.count or None,
        "detail": event.detail or None,
    }
