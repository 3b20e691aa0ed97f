"""The dashboard itself: places, readings, and the keys that lead from one to another.

The app holds what a person did (place, filter, frozen or not) and the last snapshot; everything
that is drawn follows from the two. It never waits for Redis: the poller does, and announces what it
read. What changes something in Redis is not reachable from here; the operator's hands are passed in
apart, or not at all when reading only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from rediq_cli.dash import chrome
from rediq_cli.dash.commanding import Commanding
from rediq_cli.dash.commands import Command
from rediq_cli.dash.history import DEFAULT_RANGE, RANGES
from rediq_cli.dash.leaving import catch_signals, leave_if_lost
from rediq_cli.dash.options import INTERVALS_S, DashOptions
from rediq_cli.dash.poller import Poller
from rediq_cli.dash.screens import VIEWS
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.source import Source
from rediq_cli.dash.view_model import Place, Snapshot, ViewName
from rediq_cli.dash.widgets.bars import TabBar
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.prompt import Prompt
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.model.state import TaskState

if TYPE_CHECKING:
    from rediq_cli.dash.hands import Hands, Reader

# The clock, ages and countdowns move this often, in seconds.
TICK_S = 1.0
# Places that Backspace finds back to.
REMEMBERED = 50


class Dash(Commanding):
    """The dashboard.

    Attributes:
        place: Where the person is.
        snapshot: What is shown.
        range_name: Range of the charts.
        poller: Reads.
    """

    class Ready(Message):
        """The poller has read something."""

    def __init__(
        self,
        source: Source,
        options: DashOptions | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        hands: Hands | None = None,
        reader: Reader | None = None,
    ) -> None:
        """Take where snapshots come from.

        Args:
            source: Read by the poller's thread, which closes it.
            options: How to begin.
            clock: For ages and the time of day.
            hands: Changes things; None to read only. Closed by the app, as is the reader.
            reader: Reads whole tasks; None where there is no server.
        """
        options = options or DashOptions()
        super().__init__(options, clock, hands, reader)
        self.place = Place(options.view, filter=options.where)
        self.snapshot = Snapshot()
        self.range_name = DEFAULT_RANGE
        self.poller = Poller(source, self._announce, interval_s=options.interval_s, clock=clock)
        self._frozen: Snapshot | None = None
        self._behind = 0
        self._skew_ms = 0
        self._places: list[Place] = []
        self._views: dict[ViewName, View] = {}
        self._badge = options.badge

    async def on_mount(self) -> None:
        """Begin: colours, the first view, the poller, the clock."""
        self.dress()
        if not self.is_headless:
            catch_signals(self.leave_by_signal)
        await self.goto(self.place, remember=False)
        if self.view is None:  # its filter cannot be read once its words are joined
            await self.goto(replace(self.place, filter=""), remember=False)
        self.poller.start()
        self._on_ready()  # it may have been reading for a while, with nobody to tell
        self.set_interval(TICK_S, self._tick)

    def on_unmount(self) -> None:
        """Stop reading."""
        self.poller.stop()

    def after_deed(self) -> None:
        """Read again at once."""
        self.poller.hurry()

    def clear_marks(self) -> bool:
        """Take the marks of the view away; returns whether there were any."""
        return self.view is not None and self.view.unmark()

    def _announce(self) -> None:
        if self.is_running:
            self.post_message(self.Ready())

    # What is shown.

    @property
    def view(self) -> View | None:
        """The view that is open; None while one is laid out, when it has no parts yet."""
        view = self._views.get(self.place.view)
        return view if view is not None and view.is_mounted else None

    def scene(self) -> Scene:
        """Return what views show now."""
        width, height = self.size
        look = Look(
            self.snapshot.at_ms,
            is_compact=width < 110,
            has_unicode=self.options.has_unicode,
            secret_fields=self.options.secret_fields,
        )
        return Scene(self.snapshot, self.place, look, width, height)

    def show(self) -> None:
        """Draw everything that differs from what is on the screen."""
        view = self.view
        if view is None:
            return
        with self.batch_update():
            scene = self.scene()
            view.show(scene)
            self.show_chrome(view, scene, self._pulse())
        if self.screen_stack[0].focused is None and not self.query_one(Prompt).is_open:
            view.focus_main()  # what had the focus was hidden, as the first queues' table is

    def _pulse(self) -> chrome.Pulse:
        return chrome.Pulse(
            self.clock.monotonic(),
            self.poller.interval_s,
            self._frozen,
            self._behind,
            self._skew_ms,
            self._badge,
        )

    def _tick(self) -> None:
        if not self.is_headless:
            leave_if_lost(1)
        now_s = self.clock.monotonic()
        self.toast.tick(now_s)
        view = self.view
        # A reading that was just shown has drawn the clock as well.
        if view is not None and now_s - self.snapshot.taken_s > TICK_S * 0.8:
            self.show_chrome(view, self.scene(), self._pulse())

    # Reading.

    @on(Ready)
    def _on_ready(self) -> None:
        snapshot = self.poller.take()
        if snapshot is None:
            return
        if snapshot.trouble is None and snapshot.seq:
            passed_ms = (self.clock.monotonic() - snapshot.taken_s) * 1_000
            self._skew_ms = abs(int(self.clock.now_ms() - passed_ms - snapshot.at_ms))
        if self._frozen is not None and snapshot.trouble is None:
            self._behind += 1
            return
        self.snapshot = snapshot
        self.show()

    def _ask(self) -> None:
        view = self.view
        if view is not None:
            self.poller.ask(replace(view.demand(self.place), range_name=self.range_name))

    def action_refresh_now(self) -> None:
        """Read at once."""
        self.poller.hurry()

    def action_slower(self) -> None:
        """Read less often."""
        self._set_interval(next((s for s in INTERVALS_S if s > self.poller.interval_s), 30.0))

    def action_faster(self) -> None:
        """Read more often."""
        faster = [s for s in INTERVALS_S if s < self.poller.interval_s]
        self._set_interval(faster[-1] if faster else INTERVALS_S[0])

    def _set_interval(self, seconds: float) -> None:
        self.poller.interval_s = seconds
        self.poller.hurry()
        self.say(f"refresh every {seconds:g} s")

    def action_freeze(self) -> None:
        """Hold what is shown, or go on; reading goes on all the while."""
        if self._frozen is None:
            self._frozen, self._behind = self.snapshot, 0
            self.say("frozen; f goes on")
        else:
            self._frozen = None
            self.say("live again")
            self.poller.hurry()
        self.show()

    def action_range(self, step: int) -> None:
        """Go to a longer time range, or a shorter one."""
        names = list(RANGES)
        at = min(max(names.index(self.range_name) + step, 0), len(names) - 1)
        self._set_range(names[at])

    def _set_range(self, name: str) -> None:
        self.range_name = name
        self.say(f"range {name}")
        self._ask()

    # Going places.

    async def goto(self, place: Place, *, remember: bool = True) -> None:
        """Go to a place; opens its view. Stays and says why, if its filter cannot be read."""
        problem = VIEWS[place.view].check_filter(place.filter, place)
        if problem:
            self.say(problem, "bad")
            return
        if remember and replace(place, task_id="") != replace(self.place, task_id=""):
            self._places.append(self.place)
            del self._places[:-REMEMBERED]
        is_other_view = place.view is not self.place.view or place.view not in self._views
        self.place = place
        view = await self._opened(place.view)
        view.enter(place)
        if is_other_view:
            for other in self._views.values():
                other.display = other is view
            view.focus_main()
        self._ask()
        self.show()

    async def _opened(self, name: ViewName) -> View:
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = VIEWS[name](id=f"view-{name.value}")
            await self.query_one("#body").mount(view)
        return view

    @on(View.Goto)
    async def _on_goto(self, message: View.Goto) -> None:
        await self.goto(message.place)

    @on(View.DemandChanged)
    def _on_demand_changed(self) -> None:
        self._ask()
        self.show()

    @on(View.Touched)
    def _on_touched(self) -> None:
        view = self.view
        if view is not None:
            self.show_chrome(view, self.scene(), self._pulse())

    @on(View.Said)
    def _on_said(self, message: View.Said) -> None:
        self.say(message.text, message.role)

    @on(TabBar.Chosen)
    async def _on_tab_chosen(self, message: TabBar.Chosen) -> None:
        if message.key in list(ViewName):
            await self.goto(Place(ViewName(message.key)))
        else:
            await self.goto(replace(self.place, state=TaskState(message.key), task_id=""))

    async def action_view(self, number: int) -> None:
        """Open a view by its number."""
        view = list(ViewName)[number - 1]
        await self.goto(Place(view))

    async def action_previous(self) -> None:
        """Go back to the place before this one."""
        if self._places:
            await self.goto(self._places.pop(), remember=False)

    async def action_leave(self) -> None:
        """Close, clear or go up by one step; at the top nothing happens."""
        if self.toast.display:
            self.toast.close()
            return
        if self.screen.maximized is not None:
            self.screen.minimize()
            return
        view, place = self.view, self.place
        if view is not None and view.step_back():
            return
        if place.filter:
            await self.goto(replace(place, filter=""))
        elif place.queue:
            await self.goto(Place(ViewName.OVERVIEW))

    async def action_back(self) -> None:
        """Go up; at the top leave the dashboard."""
        if self.place == Place(self.place.view) and self.screen.maximized is None:
            self.exit(return_code=0)
        else:
            await self.action_leave()

    async def action_quit(self) -> None:
        """Stop what is under way, or else leave the dashboard."""
        if not self.stop_deed():
            self.exit(return_code=0)

    async def carry_out(self, command: Command) -> None:
        """Do what a command means."""
        match command.kind:
            case "goto":
                await self.goto(command.place)
            case "theme":
                self.theme = command.text
                self.say(f"theme {command.text}")
            case "range":
                self._set_range(command.text)
            case "interval":
                self._set_interval(command.interval_s)
            case "quit":
                self.exit(return_code=0)
            case "moment":
                self.say("Nothing is replayed here: rediq dash --replay FILE", "warn")
            case "wish" if command.wish is not None:
                await self.wish(command.wish)
            case _:
                await self.press_key(command.text)

    async def action_help(self) -> None:
        """Show all keys."""
        view = self.view
        if view is not None and not self.is_small():
            await self.show_help(view)
