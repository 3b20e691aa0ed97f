"""Figures in a few cells: counts, durations, ages and trends that never lose a digit unsaid.

A number that does not fit is abbreviated with its unit (38,204 → 38.2k), never cut. Pure text.
"""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "-"
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.:-=+*#"
_UNITS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float, width: int = 9) -> str:
    """Write a count with separators if it fits, else with a unit."""
    text = f"{value:,.0f}"
    for form in (text, short(value)):
        if len(form) <= width:
            return form
    return _shortest(value, width)


def _shortest(value: float, width: int) -> str:
    """Write a number with as few digits as it takes, at least one: 148M, 1.2k, 2k."""
    for limit, unit in _UNITS:
        if abs(value) >= limit * 0.9995:
            exact = f"{value / limit:.1f}{unit}"
            return exact if len(exact) <= width else f"{value / limit:.0f}{unit}"
    return f"{value:.0f}"


def of_all(part: int, whole: int, width: int) -> str:
    """Write how many of how many, or only how many if both do not fit."""
    text = f"{number(part, 4)}/{number(whole, 4)}"
    return text if len(text) <= width else number(part, width)


def short(value: float) -> str:
    """Write a number in at most six characters: 812, 6,811, 38.2k, 1.20M."""
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    for limit, unit in _UNITS:
        # 999,950 would round to 1000.0k: it is a million already.
        if abs(value) >= limit * 0.99995:
            scaled = value / limit
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 999.95 else 0
            return f"{scaled:.{digits}f}{unit}"
    return f"{value:,.0f}"


def per_second(value: float | None, *, is_compact: bool = False) -> str:
    """Write events a second."""
    if value is None:
        return NOTHING
    if value >= 10_000 or (is_compact and value >= 100):
        return short(value)
    return f"{value:,.1f}"


def percent(share: float | None) -> str:
    """Write a share; a small one that is not zero does not read as zero."""
    if share is None:
        return NOTHING
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share * 100:.1f}%" if share < 0.9995 else "100%"


def span_text(ms: float | None) -> str:
    """Write a duration in at most six characters: 85ms, 2.1s, 9m12s, 2h11m, 3d04h."""
    if ms is None:
        return NOTHING
    ms = max(ms, 0)
    if ms < 999.5:
        return f"{ms:.0f}ms"
    seconds = ms / 1_000
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if round(seconds) < 60:
        return f"{seconds:.0f}s"
    return _long_span(round(seconds))


def _long_span(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 60:
        return f"{minutes}m{seconds % 60:02}s"
    if hours < 24:
        return f"{hours}h{minutes % 60:02}m"
    return f"{days}d{hours % 24:02}h" if days < 100 else f"{days:,}d"


def ago_text(at_ms: int, now_ms: int) -> str:
    """Write how long ago an instant was, or how long until it comes."""
    if not at_ms:
        return NOTHING
    if at_ms > now_ms:
        return f"in {span_text(at_ms - now_ms)}"
    return f"{span_text(now_ms - at_ms)} ago"


def bytes_text(size: float) -> str:
    """Write a size in at most six characters: 412M, 2.0G."""
    for limit, unit in (
        (1 << 60, "E"),
        (1 << 50, "P"),
        (1 << 40, "T"),
        (1 << 30, "G"),
        (1 << 20, "M"),
        (1 << 10, "K"),
    ):
        if size >= limit:
            scaled = size / limit
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{size:.0f}B"


def spark(values: Sequence[float | None], width: int, *, has_unicode: bool = True) -> str:
    """Draw a trend in one line, scaled to its own largest value; what is unknown stays blank."""
    blocks = BLOCKS if has_unicode else ASCII_BLOCKS
    shown = squeeze(values, width)
    most = max((value for value in shown if value is not None), default=0.0)
    return "".join(
        " " if value is None else blocks[_level(value, most, len(blocks))] for value in shown
    )


def _level(value: float, most: float, levels: int) -> int:
    if most <= 0 or value <= 0:
        return 0
    return min(int(value / most * (levels - 1) + 0.5), levels - 1)


def squeeze(values: Sequence[float | None], width: int) -> list[float | None]:
    """Bring a series to a number of points: averages of neighbours, or the same value again."""
    count = len(values)
    if not count or width <= 0:
        return [None] * max(width, 0)
    shown: list[float | None] = []
    for at in range(width):
        first = at * count // width
        last = max((at + 1) * count // width, first + 1)
        known = [value for value in values[first:last] if value is not None]
        shown.append(sum(known) / len(known) if known else None)
    return shown
