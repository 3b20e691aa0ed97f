"""The screen around the views: layout, colours, header, footer, and how it ends after a defect.

The lower half of the app. It draws what it is told and holds no place and no snapshot of its own
making; where a person goes and what is read is `app`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.filter import ANSIToTruecolor, LineFilter

from rediq_cli.dash import chrome
from rediq_cli.dash.guard import Guard
from rediq_cli.dash.keymap import KEYS, Scope, bindings, footer_keys
from rediq_cli.dash.leaving import farewell, write_crash
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.screens.help import Help
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.view_model import Place
from rediq_cli.dash.widgets.bars import HeaderBar, KeyBar, StatusBar, TabBar
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, say
from rediq_cli.dash.widgets.notices import MIN_HEIGHT, MIN_WIDTH, Banner, SizeCard
from rediq_cli.dash.widgets.palette import Palette, palette_of
from rediq_cli.dash.widgets.pane import Pane
from rediq_cli.dash.widgets.prompt import Prompt
from rediq_cli.dash.widgets.task_text import clock_text
from rediq_cli.dash.widgets.themes import DEFAULT_THEME, THEMES
from rediq_cli.dash.widgets.toast import Toast
from rediq_core.clock import Clock


class Stage(App[int]):
    """What surrounds the views.

    Attributes:
        options: What the dashboard was opened with.
        palette: Colours of the theme in use.
        toast: What the last deed did.
    """

    CSS_PATH = "styles/dash.tcss"
    TITLE = "rediq"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.GLOBAL)
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  # Textual declares an instance's field
        (0, "-tiny"),
        (MIN_WIDTH, "-narrow"),
        (80, "-medium"),
        (110, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  # Textual declares an instance's field
        (0, "-vtiny"),
        (MIN_HEIGHT, "-short"),
        (18, "-low"),
        (30, "-tall"),
        (44, "-vtall"),
    ]

    # Scopes of keys that work over every view.
    own_scopes: ClassVar[tuple[Scope, ...]] = ()
    # Whether the footer names what changes something, if only to say why it is off.
    offers_writes: ClassVar[bool] = True

    def __init__(self, options: DashOptions, clock: Clock) -> None:
        """Take how to begin, and the clock for times of day."""
        # The terminal's own colours are what is left when no others are wanted.
        super().__init__(ansi_color=None if options.has_colour else True)
        self.options = options
        self.palette: Palette = palette_of(THEMES[0], has_colour=options.has_colour)
        self.clock = clock

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Put the last net behind Textual's own filters.

        Without the one that turns the terminal's colours into others: the palette holds none of
        them but in themes that want the terminal's own, and it costs a pass over every line.
        """
        own = (each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor))
        return [*own, Guard()]

    def compose(self) -> ComposeResult:
        """Lay out what surrounds the views."""
        self.toast = Toast(id="toast")
        with Vertical(id="shell"):
            yield HeaderBar(id="header")
            yield TabBar(id="tabs")
            yield Banner(id="banner")
            yield Container(id="body")
            yield Prompt(id="prompt")
            yield StatusBar(id="status")
            yield KeyBar(id="keys")
        yield self.toast
        yield SizeCard(id="size")

    def dress(self) -> None:
        """Put on the colours; called once when the app begins."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self.theme = self.options.theme or DEFAULT_THEME
        self._recolour()

    def _recolour(self) -> None:
        self.palette = palette_of(self.current_theme, has_colour=self.options.has_colour)
        for pane in self.query(Pane):
            pane.forget()

    def _fatal_error(self) -> None:
        """End after a defect with a short text: Textual's own would print local variables."""
        error = self._exception or RuntimeError("unknown")
        self.panic(Text(farewell(error, write_crash(error))))

    def show_chrome(self, view: View, scene: Scene, pulse: chrome.Pulse) -> None:
        """Draw header, tabs, banner and footer of a scene."""
        # A tick may come when the app is ending and they are gone.
        if not self.query("#header"):
            return
        header = self.query_one("#header", HeaderBar)
        header.gap = " · "
        header.left = chrome.header_left(scene, self.options, view.crumbs(scene), pulse)
        header.right = chrome.header_right(scene, pulse)
        header.redraw()
        tabs = self.query_one("#tabs", TabBar)
        own = view.tabs(scene)
        if own is None:
            tabs.tabs, tabs.current = chrome.view_tabs(scene), scene.place.view.value
            tabs.right = chrome.tabs_right(scene, self.options)
        else:
            tabs.tabs, tabs.current, tabs.right = own
        tabs.redraw()
        self._show_banner(scene, pulse)
        self._show_keys(view, scene)

    def _show_banner(self, scene: Scene, pulse: chrome.Pulse) -> None:
        banner, snapshot = self.query_one(Banner), scene.snapshot
        banner.display = snapshot.trouble is not None
        if snapshot.trouble is not None:
            banner.trouble, banner.now_s = snapshot.trouble, pulse.now_s
            banner.age_s = pulse.now_s - snapshot.taken_s if snapshot.seq else None
            banner.clock_text = clock_text(snapshot.at_ms)
            banner.styles.height = banner.room_for(*self.size)
            banner.redraw()
        self.query_one("#body").set_class(snapshot.trouble is not None, "is-stale")

    def _show_keys(self, view: View, scene: Scene) -> None:
        bar = self.query_one(KeyBar)
        keys = footer_keys((*self.own_scopes, *view.scopes()))
        bar.keys = [key for key in keys if self.offers_writes or not key.is_write]
        is_off = self.options.is_read_only or scene.snapshot.trouble is not None
        bar.off = frozenset(key.id for key in KEYS if key.is_write and is_off)
        is_root = scene.place == Place(scene.place.view)
        bar.words = {} if is_root else {"back": "back"}
        bar.redraw()

    def say(self, text: str, role: str = "") -> None:
        """Put a sentence on the status line."""
        status = self.query_one("#status", StatusBar)
        status.left = say(text, role)
        at_ms = self.clock.now_ms()
        status.right = (Span(clock_text(at_ms), "dim"),) if text else EMPTY
        status.redraw()

    # Appearance.

    async def show_help(self, view: View) -> None:
        """Show all keys, those of a view first."""
        await self.push_screen(Help((*self.own_scopes, *view.scopes())))

    def action_next_theme(self) -> None:
        """Go to the next of our themes."""
        names = [theme.name for theme in THEMES] + ["ansi-dark", "ansi-light"]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]
        self.say(f"theme {self.theme}")

    def action_zoom(self) -> None:
        """Give the panel with the focus the whole screen, or take it back."""
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif self.focused is not None:
            self.screen.maximize(self.focused)

    def action_screenshot_files(self) -> None:
        """Save what is on the screen as SVG and as text, in the current folder."""
        stamp = clock_text(self.clock.now_ms()).replace(":", "")
        path = Path(f"rediq-dash-{stamp}.svg")
        try:
            path.write_text(self.export_screenshot(), encoding="utf-8")
            path.with_suffix(".txt").write_text(self.frame() + "\n", encoding="utf-8")
        except OSError as error:
            self.say(f"not saved: {error.strerror}", "bad")
            return
        self.say(f"saved {path} and {path.with_suffix('.txt')}")

    def frame(self) -> str:
        """Return what is on the screen as plain text."""
        # Textual has no public way to read a screen back as text.
        strips = self.screen._compositor.render_strips()  # noqa: SLF001
        return "\n".join(strip.text.rstrip() for strip in strips)

    def line(self) -> Line:
        """Return what the status line says."""
        return self.query_one("#status", StatusBar).left
