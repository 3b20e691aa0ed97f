"""What a dashboard is opened with, once the command line and the configuration were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rediq_cli.dash.view_model import ViewName
from rediq_core.config.redact import SECRET_FIELDS

# Seconds between readings that + and - step through.
INTERVALS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class DashOptions:
    """How the dashboard begins.

    Attributes:
        label: The server's URL without its secrets.
        profile: Name of the profile in use, or "".
        interval_s: Seconds between readings.
        is_read_only: Nothing may be changed.
        is_protected: The profile is protected.
        theme: Name of the theme, or "" for the default one.
        view: The first view.
        where: A filter that the tasks open with, or "".
        has_mouse: Take the mouse.
        has_colour: Use colours.
        has_unicode: The terminal can show more than ASCII.
        badge: A word in the header, such as "REC", or "".
        secret_fields: Names of fields whose values are hidden.
    """

    label: str = ""
    profile: str = ""
    interval_s: float = 1.0
    is_read_only: bool = False
    is_protected: bool = False
    theme: str = ""
    view: ViewName = ViewName.OVERVIEW
    where: str = ""
    has_mouse: bool = True
    has_colour: bool = True
    has_unicode: bool = True
    badge: str = ""
    secret_fields: Sequence[str] = SECRET_FIELDS
