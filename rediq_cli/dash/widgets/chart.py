"""Charts of a few lines: braille, blocks, or ASCII, with an axis that says what is largest.

The axis begins at zero and ends at a round number above the largest value. Where nothing is known
nothing is drawn. The drawing is plain functions; the widget only holds what to draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rediq_cli.dash.figures import ASCII_BLOCKS, BLOCKS, short, squeeze
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, fill
from rediq_cli.dash.widgets.pane import Pane

Values = Sequence[float | None]

# Bits of a braille cell, from the top down, left and right column.
_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE_START = 0x2800
_NICE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def nice_top(most: float) -> float:
    """Return a round number that is not below a value; at least 1."""
    if most <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in _NICE if step * power >= most * 0.999999)


def area(values: Values, width: int, height: int, top: float) -> list[str]:
    """Draw a filled area in braille: two points a cell, four levels a line."""
    return _braille(values, width, height, top, is_filled=True)


def curve(values: Values, width: int, height: int, top: float) -> list[str]:
    """Draw a line in braille; steep steps are joined."""
    return _braille(values, width, height, top, is_filled=False)


def _braille(values: Values, width: int, height: int, top: float, *, is_filled: bool) -> list[str]:
    points = squeeze(values, width * 2)
    cells = [[0] * width for _ in range(height)]
    before: int | None = None
    for x, value in enumerate(points):
        if value is None:
            before = None
            continue
        level = _level(value, height * 4, top)
        if is_filled:
            dots = range(level)
        else:
            spot = max(level - 1, 0)
            first = spot if before is None else min(before + (spot > before), spot)
            last = spot if before is None else max(before - (spot < before), spot)
            dots, before = range(first, last + 1), spot
        for dot in dots:
            line = height - 1 - dot // 4
            cells[line][x // 2] |= _BRAILLE[x % 2][3 - dot % 4]
    return ["".join(chr(_BRAILLE_START + bits) if bits else " " for bits in row) for row in cells]


def bars(values: Values, width: int, height: int, top: float, signs: str = BLOCKS) -> list[str]:
    """Draw bars of block characters, one a cell."""
    steps = len(signs)
    lines = [[" "] * width for _ in range(height)]
    for x, value in enumerate(squeeze(values, width)):
        if value is None:
            continue
        level = max(_level(value, height * steps, top), 1)
        for line in range(height):
            part = level - line * steps
            if part > 0:
                lines[height - 1 - line][x] = signs[min(part, steps) - 1]
    return ["".join(line) for line in lines]


def _level(value: float, levels: int, top: float) -> int:
    if value <= 0 or top <= 0:
        return 0
    return min(max(round(value / top * levels), 1), levels)


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure of a chart.

    Attributes:
        values: Oldest first.
        role: Its style.
        form: "area", "line" or "bars".
        label: What stands behind its latest value, or "".
    """

    values: Values
    role: str
    form: str = "area"
    label: str = ""


def draw_chart(
    curves: Sequence[Curve], width: int, height: int, *, axis: Line, symbols: str = "braille"
) -> list[Line]:
    """Draw curves over one another, later ones in front, with the axis below.

    Args:
        curves: What is drawn, on one scale.
        width: Cells, the label of the largest value included.
        height: Lines, the axis below included.
        axis: The line below.
        symbols: "braille", "block" or "ascii".
    """
    known = [value for curve in curves for value in curve.values if value is not None]
    top = nice_top(max(known, default=0.0))
    edge = "|" if symbols == "ascii" else "▕"
    label_width = 4
    rows = max(height - 1, 1)
    plot_width = max(width - label_width - 2, 1)
    layers = [(_drawn(curve, plot_width, rows, top, symbols), curve.role) for curve in curves]
    lines: list[Line] = []
    for row in range(rows):
        name = _axis_label(top) if row == 0 else "0" if row == rows - 1 else ""
        head = f"{edge}{name:<{label_width}}"
        lines.append((Span(head, "dim"), *_merged([(part[row], role) for part, role in layers])))
    return [*lines, fill(axis, width)] if height > 1 else lines


def _axis_label(value: float) -> str:
    """Write the largest value in at most four characters."""
    if value < 1_000:
        return f"{value:.0f}"
    text = f"{value / 1_000:.1f}k" if value < 10_000 else short(value)
    return text if len(text) <= 4 else f"{text[:-1].split('.')[0]}{text[-1]}"


def _drawn(curve: Curve, width: int, height: int, top: float, symbols: str) -> list[str]:
    if symbols == "ascii":
        return bars(curve.values, width, height, top, ASCII_BLOCKS)
    if symbols == "block" or curve.form == "bars":
        return bars(curve.values, width, height, top)
    draw = area if curve.form == "area" else _curve
    return draw(curve.values, width, height, top)


_curve = curve


def _merged(layers: list[tuple[str, str]]) -> Line:
    """Put drawn lines over one another: the last one that has something in a cell wins."""
    spans: list[Span] = []
    for column in range(len(layers[0][0]) if layers else 0):
        sign, role = " ", ""
        for text, style in layers:
            if text[column] != " ":
                sign, role = text[column], style
        if spans and spans[-1].role == role:
            spans[-1] = Span(spans[-1].text + sign, role)
        else:
            spans.append(Span(sign, role))
    return tuple(spans)


def time_axis(range_name: str, half_name: str, width: int) -> Line:
    """Return the line below a chart: its beginning, its middle, now."""
    text = [" "] * width

    def put(word: str, at: int) -> None:
        text[max(at, 0) : max(at, 0) + len(word)] = word

    put(f"-{range_name}", 2)
    if width >= 24:
        put(f"-{half_name}", width // 2 - len(half_name) // 2)
    put("now", width - 5)
    return (Span("".join(text)[:width], "dim"),)


class Chart(Pane, can_focus=False):
    """One figure or several over time.

    Attributes:
        curves: What is drawn.
        range_names: The range and its half, such as ("5m", "2m30").
        symbols: "braille", "block" or "ascii".
    """

    DEFAULT_CSS = "Chart { height: 6; }"

    def __init__(self, *, id: str | None = None, symbols: str = "braille") -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.curves: Sequence[Curve] = ()
        self.range_names = ("5m", "2m30")
        self.symbols = symbols

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the chart."""
        axis = time_axis(*self.range_names, width)
        if not any(curve.values for curve in self.curves):
            return [EMPTY]
        return draw_chart(self.curves, width, height, axis=axis, symbols=self.symbols)
