"""The dashboard over a recording: the same views, with keys to play, step and seek.

It has no hands and no server: what it shows comes from the file, and nothing can be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from rediq_cli.dash import chrome
from rediq_cli.dash.app import Dash
from rediq_cli.dash.commands import Command
from rediq_cli.dash.figures import number
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.recording import Recording
from rediq_cli.dash.replay import Player, ReplaySource, moments
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.widgets.prompt import Prompt
from rediq_cli.dash.widgets.scrub import Scrub
from rediq_cli.dash.widgets.task_text import clock_text
from rediq_core.clock import SYSTEM_CLOCK, Clock

# The file is read this often while it plays, in seconds.
FRAME_S = 0.5


class ReplayDash(Dash):
    """A dashboard that plays a recording.

    Attributes:
        recording: What is played; read by the poller's thread.
        player: Where it stands.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.REPLAY)
    own_scopes = (Scope.REPLAY,)
    offers_writes = False

    def __init__(
        self,
        recording: Recording,
        options: DashOptions | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Take what is played.

        Args:
            recording: Read by this dashboard alone.
            options: How to begin; address and profile are the recording's.
            clock: For how fast it plays.
        """
        heading = recording.heading
        options = replace(
            options or DashOptions(),
            label=heading.label,
            profile=heading.profile,
            interval_s=FRAME_S,
            is_read_only=True,
            is_protected=False,
        )
        self.recording = recording
        self.player = Player(recording.times, clock=clock)
        super().__init__(ReplaySource(recording, self.player, clock=clock), options, clock=clock)
        self._badge = "REPLAY"
        self._moments = moments(recording)

    async def on_mount(self) -> None:
        """Put the line with the knob above the keys; the rest begins as ever."""
        await self.query_one("#shell").mount(Scrub(id="scrub"), before="#status")
        if self.recording.damage:
            self.say(f"Not all of it can be read: {self.recording.damage}.", "warn")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys of a replay to what is typed in, and to what lies over the views."""
        if action.startswith("replay_"):
            is_typing = bool(self.query(Prompt)) and self.query_one(Prompt).is_open
            return not is_typing and len(self.screen_stack) == 1
        return super().check_action(action, parameters)

    def _pulse(self) -> chrome.Pulse:
        """Say how it plays in place of how fresh it is."""
        plays, pauses = ("▶", "‖") if self.options.has_unicode else (">", "=")
        speed = f"{plays} {self.player.speed:g}x"
        state = speed if self.player.is_playing else f"{pauses} paused"
        return super()._pulse()._replace(replaying=state, skew_ms=0)

    def show_chrome(self, view: View, scene: Scene, pulse: chrome.Pulse) -> None:
        """Draw what surrounds the view, and the line with the knob."""
        super().show_chrome(view, scene, pulse)
        if not self.query(Scrub):
            return
        bar = self.query_one(Scrub)
        at, times = self.recording.at(self.player.ms), self.recording.times
        bar.times, bar.moments, bar.ms = times, self._moments, self.player.ms
        bar.has_unicode = self.options.has_unicode
        bar.left = f"{pulse.replaying} {clock_text(times[at])}"
        bar.right = f"{clock_text(times[-1])}  {number(at + 1)}/{number(len(times))}"
        bar.redraw()

    def _moved(self) -> None:
        self.poller.hurry()

    def action_replay_toggle(self) -> None:
        """Play or pause; at the end begin again."""
        self.player.toggle()
        self._moved()

    def action_replay_step(self, step: int) -> None:
        """Go to the next reading, or the previous one, and stay there."""
        at = self.recording.at(self.player.ms) + step
        times = self.recording.times
        self.player.pause_at(times[min(max(at, 0), len(times) - 1)])
        self._moved()

    def action_replay_speed(self, step: int) -> None:
        """Play faster, or slower."""
        self.say(f"speed {self.player.change_speed(step):g}x")
        self._moved()

    def action_replay_moment(self, step: int) -> None:
        """Go to the next reading that needed attention, or the previous one, and stay there."""
        at = self.recording.at(self.player.ms)
        found = (
            next((number for number in self._moments if number > at), None)
            if step > 0
            else next((number for number in reversed(self._moments) if number < at), None)
        )
        if found is None:
            self.say("Nothing needs attention " + ("after this." if step > 0 else "before this."))
            return
        self.player.pause_at(self.recording.times[found])
        self._moved()

    @on(Scrub.Sought)
    def _on_sought(self, message: Scrub.Sought) -> None:
        self.player.seek(message.ms)
        self._moved()

    async def carry_out(self, command: Command) -> None:
        """Do what a command means; `goto TIME` goes to a time of day of the recording."""
        if command.kind != "moment":
            await super().carry_out(command)
            return
        self.player.seek(instant_of(command.text, self.player.ms, self.recording.times))
        self.say(f"at {clock_text(self.player.ms)}")
        self._moved()


def instant_of(text: str, now_ms: int, times: Sequence[int]) -> float:
    """Return the instant that a time of day means: the one in the recording, nearest to now.

    Args:
        text: HH:MM or HH:MM:SS, local time.
        now_ms: Where the replay stands.
        times: Server time of each reading.
    """
    hours, minutes, seconds = (*map(int, text.split(":")), 0)[:3]
    here = datetime.fromtimestamp(now_ms / 1_000, UTC).astimezone()
    meant = here.replace(hour=hours, minute=minutes, second=seconds, microsecond=0)
    near = [(meant + timedelta(days=days)).timestamp() * 1_000 for days in range(-1, 2)]
    inside = [ms for ms in near if times[0] - 60_000 <= ms <= times[-1] + 60_000]
    return min(inside or near, key=lambda ms: abs(ms - now_ms))
