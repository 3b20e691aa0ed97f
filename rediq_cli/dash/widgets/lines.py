"""Lines of styled text: what every part of the screen is made of before it becomes colours.

A `Span` is text and a role ("bad", "dim", "cursor+bold"); which colour a role has is the palette's
answer. Text must be neutralised before it comes here. Nothing in this file knows Textual, so how a
widget looks can be tested as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rediq_cli.output.neutralise import ELLIPSIS, safe
from rediq_cli.output.width import cells, fit


class Span(NamedTuple):
    """A piece of a line.

    Attributes:
        text: Neutralised text.
        role: Names of styles, joined by "+"; "" for plain text.
    """

    text: str
    role: str = ""


Line = tuple[Span, ...]

EMPTY: Line = ()


def say(text: str, role: str = "") -> Line:
    """Return untrusted text as a line, neutralised."""
    return (Span(safe(text), role),)


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cells(span.text) for span in line)


def text_of(line: Line) -> str:
    """Return a line without its styles."""
    return "".join(span.text for span in line)


def fill(line: Line, width: int, role: str = "") -> Line:
    """Cut a line to a width, marking the cut, or fill it up with spaces."""
    taken = width_of(line)
    if taken > width:
        line = cut(line, width)
        taken = width_of(line)
    return (*line, Span(" " * (width - taken), role)) if taken < width else line


def cut(line: Line, width: int) -> Line:
    """Cut a line to a width; the last cell that is left says that something is missing."""
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    room = width
    for span in line:
        size = cells(span.text)
        if size < room:
            kept.append(span)
            room -= size
            continue
        text = fit(span.text, room) if size > room else _marked(span.text, room)
        kept.append(Span(text, span.role))
        break
    return tuple(kept)


def _marked(text: str, width: int) -> str:
    """End a text that fits exactly with the mark: what follows it is lost."""
    return fit(text + ELLIPSIS, width)


def ends(left: Line, right: Line, width: int, role: str = "") -> Line:
    """Put two lines at the ends of one; the left one gives way."""
    room = width - width_of(right)
    if room <= 0:
        return fill(right, width, role)
    return (*fill(left, room, role), *right)


def overlay(line: Line, role: str) -> Line:
    """Return a line with a role under each of its spans."""
    if not role:
        return line
    return tuple(Span(span.text, f"{role}+{span.role}" if span.role else role) for span in line)


def joined(parts: Iterable[Line], gap: str = " ", role: str = "") -> Line:
    """Put lines behind one another with a gap; empty ones leave no gap."""
    spans: list[Span] = []
    for part in parts:
        if not part:
            continue
        if spans:
            spans.append(Span(gap, role))
        spans.extend(part)
    return tuple(spans)


def framed(
    body: list[Line], width: int, height: int, *, title: Line, note: Line, role: str
) -> list[Line]:
    """Put a rounded frame around lines.

    Args:
        body: The lines inside; missing ones are blank, surplus ones are left out.
        width: Cells, frame included.
        height: Lines, frame included.
        title: Stands in the upper edge, or is empty.
        note: Stands in the lower edge at the right, or is empty.
        role: Style of the frame.
    """
    if height < 2 or width < 4:
        return [fill(line, width) for line in body[:height]]
    inner = width - 2
    side = Span("│", role)
    lines = [_top(title, inner, role)]
    for at in range(height - 2):
        line = body[at] if at < len(body) else EMPTY
        lines.append((side, *fill(line, inner), side))
    lines.append(_bottom(note, inner, role))
    return lines


def _top(title: Line, inner: int, role: str) -> Line:
    if not title:
        return (Span("╭" + "─" * inner + "╮", role),)
    shown = cut(title, max(inner - 4, 0))
    rest = inner - 3 - width_of(shown)
    return (Span("╭─ ", role), *shown, Span(" " + "─" * max(rest, 0) + "╮", role))


def _bottom(note: Line, inner: int, role: str) -> Line:
    if not note:
        return (Span("╰" + "─" * inner + "╯", role),)
    shown = cut(note, max(inner - 4, 0))
    rest = inner - 3 - width_of(shown)
    return (Span("╰" + "─" * max(rest, 0) + " ", role), *shown, Span(" ─╯", role))
