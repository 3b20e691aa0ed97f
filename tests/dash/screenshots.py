"""Pictures of every view, drawn from the fixed installation: `make screenshots`.

Each is an SVG with one line of markup for each line of the screen, so that a change of one line is
a change of one line in the repository as well.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from rediq_cli.dash.app import Dash
from rediq_cli.output.width import cells
from tests.dash.scenes import places
from tests.dash.stage import CHROME_BELOW, go, on_stage

FOLDER = Path(__file__).parents[2] / "screenshots"
SIZES = ((120, 35), (80, 24))
# Width and height of a cell, and the size of a letter in it, in pixels.
CELL, LINE, LETTER = 8.4, 18, 14
# Words with single spaces between them: longer gaps are left out, since viewers shrink them.
_WORDS = re.compile(r"\S+(?: \S+)*")
FONTS = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Noto Sans Mono CJK JP',monospace"


def svg_of(app: Dash) -> str:
    """Return what is on the screen as SVG."""
    theme = app.current_theme
    ground, ink = Color.parse(theme.background or "black"), Color.parse(theme.foreground or "white")
    strips = app.screen._compositor.render_strips()
    width, height = round(app.size.width * CELL), app.size.height * LINE
    lines = (_line(strip, at, ground, ink) for at, strip in enumerate(strips))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' font-family="{FONTS}" font-size="{LETTER}">',
            f'<rect width="100%" height="100%" fill="{ground.hex}"/>',
            *lines,
            "</svg>\n",
        )
    )


def _line(strip: Strip, at: int, ground: Color, ink: Color) -> str:
    parts, x = [], 0
    for style, text in _runs(strip):
        width = cells(text)
        front, back = _colours(style, ground, ink)
        if back != ground:
            parts.append(
                f'<rect x="{x * CELL:.1f}" y="{at * LINE}" width="{width * CELL:.1f}"'
                f' height="{LINE}" fill="{back.hex}"/>'
            )
        bold = ' font-weight="bold"' if style.bold else ""
        for words in _WORDS.finditer(text):
            left = x + cells(text[: words.start()])
            parts.append(
                f'<text x="{left * CELL:.1f}" y="{at * LINE + LETTER}"'
                f' textLength="{cells(words[0]) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
                f' fill="{front.hex}"{bold}>{escape(words[0])}</text>'
            )
        x += width
    return f"<g>{''.join(parts)}</g>"


def _runs(strip: Strip) -> Iterator[tuple[Style, str]]:
    shown: list[Segment] = [segment for segment in strip if segment.text]
    for style, same in groupby(shown, lambda segment: segment.style or Style.null()):
        yield style, "".join(segment.text for segment in same)


def _colours(style: Style, ground: Color, ink: Color) -> tuple[Color, Color]:
    front = Color.from_rich_color(style.color) if style.color else ink
    back = Color.from_rich_color(style.bgcolor) if style.bgcolor else ground
    if style.dim:
        front = back.blend(front, 0.6)
    return (back, front) if style.reverse else (front, back)


async def pictures() -> dict[str, str]:
    """Return all pictures, by file name."""
    found = {}
    for size in SIZES:
        async with on_stage("normal", size) as (app, pilot):
            for name, place in places("normal").items():
                await go(app, pilot, place)
                found[f"{name}-{size[0]}x{size[1]}.svg"] = svg_of(app)
    return found


def without_keys(picture: str) -> str:
    """Return a picture without what lies below the views, which has tests of its own."""
    *lines, end, _ = picture.split("\n")
    return "\n".join([*lines[:-CHROME_BELOW], end])


def main() -> None:
    """Write all pictures."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    for path in FOLDER.glob("*.svg"):
        path.unlink()
    for name, picture in asyncio.run(pictures()).items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
    print(f"{len(list(FOLDER.glob('*.svg')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
