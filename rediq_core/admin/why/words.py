"""Small words that reasons are made of: ordinals, ages, who did something."""

from __future__ import annotations

import json

from rediq_core.model.durations import format_ms
from rediq_core.model.views import TimelineEntry

# Characters of an error that a reason quotes.
QUOTED = 200


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd, 4th, 11th, 1,022nd."""
    teens = 10 <= number % 100 <= 20
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def count(number: int, noun: str = "task") -> str:
    """Write "1 task" or "1,204 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(ms: int) -> str:
    """Write a duration; what has just passed is "now"."""
    return format_ms(ms) if ms > 0 else "now"


def due_in(at_ms: int, now_ms: int) -> str:
    """Write how long until an instant: "in 4m 10s", or "now"."""
    return f"in {format_ms(at_ms - now_ms)}" if at_ms > now_ms else "now"


def ago(at_ms: int, now_ms: int) -> str:
    """Write how long ago an instant was, or "" if it is not known."""
    return f" {format_ms(max(now_ms - at_ms, 0))} ago" if at_ms else ""


def quoted(text: str) -> str:
    """Return the first line of a text, cut."""
    first = text.strip().split("\n", 1)[0]
    return first if len(first) <= QUOTED else first[: QUOTED - 1] + "…"


def who_of_note(note: str) -> tuple[str, str]:
    """Return who and why from the JSON that an operator's act leaves; "" for what is not there."""
    try:
        raw = json.loads(note)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(raw, dict):
        return "", ""
    return str(raw.get("by", "")), str(raw.get("why", ""))


def who_of_entry(entry: TimelineEntry) -> tuple[str, str]:
    """Return who and why from a line of the timeline that an operator's act left."""
    before, _, why = entry.note.partition(" why=")
    return before.removeprefix("by=").split(" ", 1)[0], why


def by_whom(by: str, why: str) -> str:
    """Write " by ada@host (bank is down)", or ""."""
    return (f" by {by}" if by else "") + (f" ({quoted(why)})" if why else "")
