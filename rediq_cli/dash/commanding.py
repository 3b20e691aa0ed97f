"""What is typed: a filter after `/`, a command after `:`, a few letters in the palette.

The part of the app between a typed line and what it means. What a command does is carried out by
the app; which commands there are is `commands`.
"""

from __future__ import annotations

from dataclasses import replace

from textual import on

from rediq_cli.dash.commands import complete, parse
from rediq_cli.dash.handing import Handing
from rediq_cli.dash.keymap import KEYS
from rediq_cli.dash.offers import Offer, offers
from rediq_cli.dash.screens import VIEWS
from rediq_cli.dash.screens.finder import Finder
from rediq_cli.dash.screens.view import View, reason_of
from rediq_cli.dash.view_model import Place
from rediq_cli.dash.widgets.notices import MIN_HEIGHT, MIN_WIDTH
from rediq_cli.dash.widgets.prompt import Prompt
from rediq_cli.dash.words import Command, Known
from rediq_core.errors import InvalidOption


class Commanding(Handing):
    """The stage, its deeds, and what is typed.

    Attributes:
        place: Where the person is.
    """

    place: Place

    @property
    def view(self) -> View | None:
        """The view that is open."""
        return None

    async def carry_out(self, command: Command) -> None:
        """Do what a command means."""

    def action_filter(self) -> None:
        """Type a filter for what is listed."""
        view = self.view
        if view is not None and view.wants_filter and not self.is_small():
            self.query_one(Prompt).open("filter", self.place.filter)

    def action_command(self) -> None:
        """Type a command."""
        if not self.is_small():
            self.query_one(Prompt).open(
                "command", complete=lambda line: complete(line, self.known())
            )

    async def action_palette(self) -> None:
        """Find a command or a key by what it does."""
        view = self.view
        if view is None or self.is_small():
            return
        known, scopes = self.known(), (*self.own_scopes, *view.scopes())
        await self.push_screen(Finder(lambda typed: offers(typed, known, scopes)), self._on_found)

    async def _on_found(self, offer: Offer | None) -> None:
        if offer is None:
            return
        if offer.key_id:
            await self.press_key(offer.key_id)
            return
        command, problem = self._meant(Prompt.Entered("command", offer.line))
        if problem:
            self.say(problem, "bad")
        elif command is not None:
            await self.carry_out(command)

    async def press_key(self, key_id: str) -> None:
        """Do what a key does, for what has the focus."""
        action = next(key for key in KEYS if key.id == key_id).action
        name = f"action_{action.partition('(')[0]}"
        focused = self.focused
        nodes = focused.ancestors_with_self if focused is not None else [self]
        node = next((node for node in nodes if hasattr(node, name)), self)
        await self.run_action(action, node)

    def known(self) -> Known:
        """Return what a command can name."""
        names = [row.name for row in self.snapshot.queues]
        return Known(names, sorted(self.available_themes), self.place)

    def is_small(self) -> bool:
        """Say whether the terminal is too small for anything that lies over a view."""
        return self.size.width < MIN_WIDTH or self.size.height < MIN_HEIGHT

    @on(Prompt.Left)
    def _on_prompt_left(self) -> None:
        self._close_prompt()

    @on(Prompt.Entered)
    async def _on_prompt_entered(self, message: Prompt.Entered) -> None:
        command, problem = self._meant(message)
        if problem:
            self.query_one(Prompt).hint(problem, "bad")
            return
        self._close_prompt()
        if command is not None:
            await self.carry_out(command)

    def _meant(self, message: Prompt.Entered) -> tuple[Command | None, str]:
        """Return what a typed line means, or why it means nothing."""
        text = message.text.strip()
        if message.kind == "filter":
            command = Command("goto", replace(self.place, filter=text, task_id=""))
        elif not text:
            return None, ""
        else:
            try:
                command = parse(text, self.known())
            except InvalidOption as error:
                return None, reason_of(error)
        if command.kind == "goto":
            place = command.place
            return command, VIEWS[place.view].check_filter(place.filter, place)
        return command, ""

    def _close_prompt(self) -> None:
        self.query_one(Prompt).close()
        view = self.view
        if view is not None:
            view.focus_main()
