"""What all seven views have in common: what they read, what they show, what Escape does in them.

A view is a container that is mounted when it is first opened and hidden when another one is. It
gets every snapshot while it is shown, and tells the app what to read by `demand`. It never reads
anything itself. To add a view: subclass `View` in a module of the
name that `ViewName` gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, TypeVar

from textual.containers import Container
from textual.message import Message

from rediq_cli.dash.deeds import Wish
from rediq_cli.dash.keymap import Scope
from rediq_cli.dash.view_model import Demand, Place, Snapshot, ViewName
from rediq_cli.dash.widgets.bars import Tab
from rediq_cli.dash.widgets.lines import EMPTY, Line
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.table import Table
from rediq_core.errors import RediqError

R = TypeVar("R")


class Scene(NamedTuple):
    """What a view shows.

    Attributes:
        snapshot: The figures.
        place: Where the person is.
        look: How cells look.
        width: Cells of the screen.
        height: Lines of the screen.
    """

    snapshot: Snapshot
    place: Place
    look: Look
    width: int
    height: int


class View(Container):
    """One of the seven.

    Attributes:
        name_of_view: Which.
        wants_filter: `/` works in it.
    """

    name_of_view: ClassVar[ViewName] = ViewName.OVERVIEW
    wants_filter: ClassVar[bool] = True
    DEFAULT_CSS = "View { height: 1fr; width: 1fr; }"

    class Goto(Message):
        """The view leads somewhere else."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    class DemandChanged(Message):
        """What must be read has changed, or the footer and the header have."""

    class Touched(Message):
        """The cursor stands elsewhere: the footer and the header may say something else."""

    class Said(Message):
        """Something for the status line."""

        def __init__(self, text: str, role: str = "") -> None:
            super().__init__()
            self.text = text
            self.role = role

    class Asked(Message):
        """Something is to be done."""

        def __init__(self, wish: Wish) -> None:
            super().__init__()
            self.wish = wish

    class Wanted(Message):
        """Something that stays on this machine is to be done with tasks.

        Attributes:
            what: "copy", "payload", "pager", "save" or "edit".
            ids: Ids of the tasks.
            where: Where they were seen, in words.
        """

        def __init__(self, what: str, ids: Sequence[str], where: str = "") -> None:
            super().__init__()
            self.what = what
            self.ids = tuple(ids)
            self.where = where

    def ask(self, make: Callable[[], Wish]) -> None:
        """Ask for a deed, or say why there is none."""
        try:
            wish = make()
        except RediqError as error:
            self.post_message(self.Said(reason_of(error), "warn"))
            return
        self.post_message(self.Asked(wish))

    def meant(self, table: Table[R]) -> list[R]:
        """Return the marked rows, else the one under the cursor; none where that is in doubt."""
        doubt = table.doubt()
        if doubt:
            self.post_message(self.Said(doubt, "warn"))
            return []
        row = table.cursor
        return table.marked or ([row] if row is not None else [])

    def unmark(self) -> bool:
        """Take the marks away; returns False if there were none."""
        return False

    def enter(self, place: Place) -> None:
        """Take notice of a new place within the view; called before the first `show` for it."""

    def demand(self, place: Place) -> Demand:
        """Return what the view needs at a place."""
        del place
        return Demand(self.name_of_view)

    def show(self, scene: Scene) -> None:
        """Show a snapshot. Called again for every one while the view is open."""

    def tabs(self, scene: Scene) -> tuple[Sequence[Tab], str, Line] | None:
        """Return the view's own tabs, the current one and what stands at the right, or None."""
        del scene
        return None

    def crumbs(self, scene: Scene) -> Sequence[Line]:
        """Return parts for the header instead of the server's figures, or none."""
        del scene
        return ()

    def scopes(self) -> tuple[Scope, ...]:
        """Return whose keys the footer shows, inner scopes first."""
        return (Scope.TABLE, Scope.GLOBAL)

    def note(self) -> Line:
        """Return what is said of what is listed, for the edge of a table."""
        return EMPTY

    def step_back(self) -> bool:
        """Close or clear the innermost thing; returns False if there was none."""
        return False

    def focus_main(self) -> None:
        """Put the focus where it belongs when the view opens."""

    @classmethod
    def check_filter(cls, text: str, place: Place) -> str:
        """Return why a filter cannot be used, or "" if it can."""
        del text, place
        return ""


def reason_of(error: RediqError) -> str:
    """Return an error in one sentence."""
    return " ".join(part for part in (error.message, error.next_step) if part)
