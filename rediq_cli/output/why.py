"""How an answer of `why` looks: what needs somebody first, and the command under each reason."""

from __future__ import annotations

from collections.abc import Iterator

from rediq_cli.output.humanise import duration
from rediq_cli.output.json import Json, iso
from rediq_cli.output.neutralise import safe
from rediq_cli.output.states import state_cell
from rediq_cli.output.terminal import Terminal
from rediq_core.admin import Answer, Place, Reason, Weight

# weight → symbol, symbol for a screen without Unicode, colour
_LOOKS: dict[Weight, tuple[str, str, str]] = {
    Weight.BLOCKED: ("✗", "x", "red"),
    Weight.WAITING: ("◷", "@", "yellow"),
    Weight.FINE: ("✓", "+", "green"),
}
# Characters of a reason: it may quote an error and two names.
REASON_CHARS = 800


def why_page(answer: Answer, terminal: Terminal) -> Iterator[str]:
    """Yield the page, neutralised, without newlines."""
    yield _heading(answer, terminal)
    for reason in answer.reasons:
        symbol, plain, style = _LOOKS[reason.weight]
        mark = terminal.paint(terminal.glyph(symbol, plain), style)
        yield f"  {mark} {safe(reason.text, REASON_CHARS)}"
        if reason.next_step:
            arrow = terminal.paint(terminal.glyph("→", "->"), "dim")
            yield f"    {arrow} {safe(reason.next_step, REASON_CHARS)}"


def _heading(answer: Answer, terminal: Terminal) -> str:
    name = terminal.paint(safe(answer.name, limit=0), "bold")
    if answer.subject == "queue":
        word = "PAUSED" if answer.state == "paused" else answer.state
        return f"queue {name}: {safe(word)}"
    state = state_cell(answer.state, terminal)
    where = f"{safe(answer.type)} in queue {safe(answer.queue)}"
    return f"task {name}: {terminal.paint(state.text, state.style)}, {where}"


def place_text(place: Place) -> str:
    """Return "43 of 1,204, about 12s at the present rate"."""
    text = f"{place.position:,} of {place.total:,}"
    if place.eta_ms is None:
        return text
    return f"{text}, about {duration(max(place.eta_ms, 1))} at the present rate"


def why_record(answer: Answer) -> Json:
    """Return an answer as an object."""
    return {
        "subject": answer.subject,
        "name": answer.name,
        "queue": answer.queue,
        "type": answer.type or None,
        "state": answer.state,
        "blocked": answer.is_blocked,
        "place": place_record(answer.place),
        "reasons": [_reason_record(reason) for reason in answer.reasons],
        "at": iso(answer.at_ms),
    }


def place_record(place: Place | None) -> Json:
    """Return a place in line as an object, or null."""
    if place is None:
        return None
    return {"position": place.position, "total": place.total, "eta_ms": place.eta_ms}


def _reason_record(reason: Reason) -> Json:
    return {
        "code": reason.code,
        "weight": reason.weight.value,
        "text": reason.text,
        "next_step": reason.next_step or None,
        "since": iso(reason.since_ms or None),
        "until": iso(reason.until_ms or None),
        "by": reason.by or None,
        "refers_to": reason.refers_to or None,
    }
