"""Random keys, in terminals of random sizes, over hostile data: nothing ends the dashboard."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rediq_cli.dash.app import Dash
from rediq_cli.dash.keymap import KEYS
from rediq_cli.dash.options import DashOptions
from tests.dash.scenes import AT_MS, SceneSource
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
