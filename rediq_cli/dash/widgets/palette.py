"""From roles to colours: one palette for each theme, plain attributes where there is no colour.

A role says what a piece of text is ("bad", "dim", "cursor"), never its colour. Several roles at
once are joined by "+". No state is told by colour alone: its symbol and word stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

_PLAIN: dict[str, Style] = {
    "": Style.null(),
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    "good": Style.null(),
    "warn": Style(bold=True),
    "bad": Style(bold=True),
    "info": Style.null(),
    "accent": Style(bold=True),
    "title": Style(bold=True),
    "head": Style(bold=True),
    "border": Style(dim=True),
    "focus": Style(bold=True),
    "cursor": Style(reverse=True),
    "rest": Style(underline=True),
    "mark": Style(bold=True),
    "badge": Style(reverse=True),
    "alarm": Style(reverse=True, bold=True),
    "key": Style(bold=True),
    "tab": Style(reverse=True, bold=True),
    "bar": Style.null(),
    "chart1": Style.null(),
    "chart2": Style(bold=True),
    "chart3": Style(bold=True),
    "chart4": Style.null(),
    "hit": Style(underline=True),
}

_ANSI: dict[str, Style] = {
    **_PLAIN,
    "good": Style(color="green"),
    "warn": Style(color="yellow"),
    "bad": Style(color="red", bold=True),
    "info": Style(color="blue"),
    "accent": Style(color="cyan"),
    "title": Style(color="cyan", bold=True),
    "focus": Style(color="cyan"),
    "mark": Style(color="magenta", bold=True),
    "alarm": Style(color="red", bold=True, reverse=True),
    "key": Style(color="cyan", bold=True),
    "chart1": Style(color="green"),
    "chart2": Style(color="cyan"),
    "chart3": Style(color="red"),
    "chart4": Style(color="yellow"),
}


class Palette:
    """Styles by role, for one theme.

    Attributes:
        name: The theme's name.
    """

    def __init__(self, name: str, styles: Mapping[str, Style]) -> None:
        self.name = name
        self._styles = dict(styles)

    def style(self, role: str) -> Style:
        """Return the style of a role, or of several joined by "+"; unknown ones are plain."""
        found = self._styles.get(role)
        if found is None:
            found = Style.combine(self._styles.get(part, Style.null()) for part in role.split("+"))
            self._styles[role] = found
        return found


def palette_of(theme: Theme, *, has_colour: bool = True) -> Palette:
    """Return the palette of a theme.

    Args:
        theme: One of Textual's themes or of ours.
        has_colour: False for attributes alone, as NO_COLOR asks for.
    """
    if not has_colour or theme.name == "mono":
        return Palette(theme.name, _PLAIN)
    if theme.ansi:
        return Palette(theme.name, _ANSI)
    return Palette(theme.name, {**_PLAIN, **_colours(theme)})


def _colours(theme: Theme) -> dict[str, Style]:
    variables = theme.to_color_system().generate()

    def colour(name: str) -> Color:
        return Color.parse(variables[name])

    ground, ink = colour("background"), colour("foreground")
    primary, good = colour("primary"), colour("success")
    warn, bad, accent = colour("warning"), colour("error"), colour("accent")

    def ink_of(chosen: Color, *, bold: bool | None = None) -> Style:
        return Style(color=chosen.rich_color, bold=bold)

    def on(ground_colour: Color, *, bold: bool | None = None) -> Style:
        return Style(bgcolor=ground_colour.rich_color, bold=bold)

    def mixed(chosen: Color, share: float) -> Color:
        return ground.blend(chosen, share)

    badge_ink = ground.rich_color
    return {
        "dim": ink_of(mixed(ink, 0.6)),
        "good": ink_of(good),
        "warn": ink_of(warn),
        "bad": ink_of(bad, bold=True),
        "info": ink_of(primary),
        "accent": ink_of(accent),
        "title": ink_of(mixed(ink, 0.95), bold=True),
        "head": ink_of(mixed(ink, 0.65)),
        "border": ink_of(mixed(ink, 0.28)),
        "focus": ink_of(primary),
        "cursor": on(mixed(primary, 0.38), bold=True),
        "rest": on(mixed(primary, 0.18)),
        "mark": ink_of(accent, bold=True),
        "badge": Style(color=badge_ink, bgcolor=primary.rich_color, bold=True),
        "alarm": Style(color=badge_ink, bgcolor=bad.rich_color, bold=True),
        "key": ink_of(accent, bold=True),
        "tab": Style(color=badge_ink, bgcolor=primary.rich_color, bold=True),
        "bar": on(mixed(ink, 0.08)),
        "chart1": ink_of(good),
        "chart2": ink_of(primary),
        "chart3": ink_of(bad),
        "chart4": ink_of(warn),
        "hit": Style(underline=True, color=accent.rich_color),
    }
