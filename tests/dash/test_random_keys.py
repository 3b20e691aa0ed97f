"""Random keys, in terminals of random sizes, over hostile data: nothing ends the dashboard."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rediq_cli.dash.app import Dash
from rediq_cli.dash.keymap import KEYS
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.screens.view import View
from rediq_cli.dash.view_model import Place, ViewName
from tests.dash.scenes import AT_MS, SceneSource
from tests.dash.stage import go, on_stage
from tests.support.clock import ManualClock

# What ends the dashboard or stops the process by design.
LEAVING = {"quit", "suspend"}
SIZES = ((200, 50), (120, 35), (80, 24), (60, 12), (59, 11), (80, 4), (20, 40), (5, 3), (1, 1))
TYPED = (*"aQ[/]*:0é語", "space", "backspace", "enter", "tab", "escape", "up", "pageup")
NAMES = sorted({name for key in KEYS if key.id not in LEAVING for name in key.keys.split(",")})


async def press(count: int, seed: int) -> None:
    chance = random.Random(seed)
    options = DashOptions(label="redis://there", profile="prod")
    app = Dash(SceneSource("hostile"), options, clock=ManualClock(AT_MS))
    app.exit = lambda *_, **__: None  # type: ignore[method-assign]  # `q` at the top ends nothing
    async with app.run_test(size=(120, 35)) as pilot:
        for number in range(count):
            if chance.random() < 0.04:
                await pilot.resize_terminal(*chance.choice(SIZES))
            key = chance.choice(NAMES if chance.random() < 0.8 else TYPED)
            await pilot.press(key)
            assert app.is_running, f"key {number} of seed {seed}: {key}"
            if number % 50 == 0:
                frame = app.frame()
                assert all(line.isprintable() for line in frame.split("\n"))


async def test_a_few_random_keys_break_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # screenshots are among the keys
    await press(60, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_five_thousand_random_keys_break_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(10):
        await press(500, 100 + seed)


@pytest.mark.parametrize(
    ("unusable", "why"),
    [("\x1b]0;pwned\x07[bold]", "is not allowed"), ("dead:mail nonsense:1", "nonsense")],
)
async def test_a_link_that_no_search_can_follow_is_said_and_not_followed(
    unusable: str, why: str
) -> None:
    async with on_stage("hostile", (120, 35)) as (app, pilot):
        app.screen.post_message(View.Goto(Place(ViewName.TASKS, filter=unusable)))
        await pilot.pause()
        assert app.is_running
        assert app.place.view is ViewName.OVERVIEW
        assert why in app.frame()


@pytest.mark.parametrize("view", list(ViewName))
async def test_each_deed_of_a_view_over_hostile_data_is_asked_or_refused(
    view: ViewName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with on_stage("hostile", (120, 35)) as (app, pilot):
        await go(app, pilot, Place(view))
        shown = app.view
        assert shown is not None
        scopes = set(shown.scopes())
        for key in KEYS:
            if key.is_write and key.scope in scopes:
                await pilot.press(key.keys.split(",")[0], "escape", "escape")
                assert app.is_running, key.id
                await app.goto(Place(view))
