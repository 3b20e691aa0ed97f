"""`rediq config`."""

from __future__ import annotations

from rediq_cli.leaf import Group
from rediq_cli.session import Session

GROUP = Group("config")


@GROUP.leaf("show", examples=[("config show --origin", "where each value comes from")])
def show(session: Session) -> None:
    """Print the settings in force."""
    session.say.note("hi")
