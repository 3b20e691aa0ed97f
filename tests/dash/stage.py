"""Put a scene on a screen of a size, go to a place in it, and take what is drawn."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import groupby

from textual.pilot import Pilot

from rediq_cli.dash.app import Dash
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.view_model import Place
from tests.dash.scenes import AT_MS, SceneSource
from tests.support.clock import ManualClock

SIZES = ((120, 35), (80, 24), (60, 12))
LABEL = "redis://10.0.0.5:6379/0"
# Below the views: what was said last, and the keys. Keys have tests of their own.
CHROME_BELOW = 2


@asynccontextmanager
async def on_stage(
    scene: str, size: tuple[int, int], **options: object
) -> AsyncIterator[tuple[Dash, Pilot[int]]]:
    """Run a dashboard over a scene whose clock stands."""
    given: Mapping[str, object] = {"label": LABEL, "profile": "prod", **options}
    app = Dash(
        SceneSource(scene),
        DashOptions(**given),  # type: ignore[arg-type]  # options by name
        clock=ManualClock(AT_MS),
    )
    async with app.run_test(size=size) as pilot:
        yield app, pilot


async def go(app: Dash, pilot: Pilot[int], place: Place) -> None:
    """Go to a place and wait until it shows what was read for it."""
    await app.goto(place)
    view = app.view
    assert view is not None
    wanted = view.demand(place)
    deadline_s = time.monotonic() + 10
    while not (app.snapshot.seq and app.snapshot.demand.task_id == wanted.task_id) or not (
        app.snapshot.demand.is_same_list(wanted)
    ):
        assert time.monotonic() < deadline_s, f"{place} is not shown"
        await pilot.pause(0.005)
    await pilot.pause()


def body_of(frame: str) -> str:
    """Return a frame without what lies below the views, runs of one line written once."""
    lines = frame.split("\n")[:-CHROME_BELOW]
    runs = ((line, len(list(same))) for line, same in groupby(lines))
    return "\n".join(line if count == 1 else f"{line} ×{count}" for line, count in runs)
