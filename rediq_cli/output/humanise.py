"""Ages, durations, sizes, rates and counts as people read them.

Only for tables and sentences: JSON carries numbers with their unit in the name. The inputs are
the engine's units (milliseconds, bytes, events a second).
"""

from __future__ import annotations

import time

from rediq_cli.output.json import iso
from rediq_cli.output.terminal import Terminal
from rediq_core.model.durations import format_ms

NOTHING = "-"


def duration(ms: float | None) -> str:
    """Write a duration in at most two units, or a dash for None."""
    return NOTHING if ms is None else format_ms(round(ms))


def ago(at_ms: int | None, now_ms: int) -> str:
    """Write how long ago an instant was, or how long until it comes."""
    if at_ms is None:
        return NOTHING
    if at_ms > now_ms:
        return f"in {format_ms(at_ms - now_ms)}"
    return f"{format_ms(now_ms - at_ms)} ago"


def stamp(at_ms: int, terminal: Terminal) -> str:
    """Write an instant in UTC: short for a screen, with the year and milliseconds for a pipe."""
    if not terminal.is_tty:
        return iso(at_ms) or NOTHING
    return time.strftime("%m-%d %H:%M:%S", time.gmtime(at_ms // 1000))


def stamp_title(terminal: Terminal) -> str:
    """Return the heading over a column of `stamp`."""
    return "UTC" if terminal.is_tty else "TIME"


def size(size_bytes: int | None) -> str:
    """Write a size in binary units with at most one decimal."""
    if size_bytes is None:
        return NOTHING
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def rate(per_s: float | None) -> str:
    """Write events a second, with the decimals that still say something."""
    if per_s is None:
        return NOTHING
    if per_s == 0:
        return "0"
    if per_s < 0.1:
        return f"{per_s:.2f}" if per_s >= 0.005 else "<0.01"
    return f"{per_s:.1f}" if per_s < 100 else f"{per_s:,.0f}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Write "1 task" or "38,204 tasks"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
