"""The seven views, by name; the app mounts each when it is first opened."""

from __future__ import annotations

from rediq_cli.dash.screens.events import Events
from rediq_cli.dash.screens.failures import Failures
from rediq_cli.dash.screens.overview import Overview
from rediq_cli.dash.screens.redis import Redis
from rediq_cli.dash.screens.schedules import Schedules
from rediq_cli.dash.screens.tasks import Tasks
from rediq_cli.dash.screens.view import View
from rediq_cli.dash.screens.workers import Workers
from rediq_cli.dash.view_model import ViewName

VIEWS: dict[ViewName, type[View]] = {
    view.name_of_view: view
    for view in (Overview, Tasks, Workers, Schedules, Failures, Redis, Events)
}
