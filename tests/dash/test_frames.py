"""What views look like: they fit, no figure is cut, and data cannot act on a terminal."""

from __future__ import annotations

import pytest

from rediq_cli.dash.app import Dash
from rediq_cli.dash.opening import one_frame
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.view_model import ViewName
from rediq_cli.output.width import cells
from tests.dash.fixed import NORMAL, SCENES, FixedSource

SIZES = ((120, 35), (80, 24), (60, 12))


async def _frame(scene: str, size: tuple[int, int], view: ViewName = ViewName.OVERVIEW) -> str:
    options = DashOptions(label="redis://localhost:6379/0", view=view)
    return await one_frame(Dash(FixedSource(SCENES[scene]), options), size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scene", SCENES)
async def test_overview_fits_and_holds_nothing_that_acts(scene: str, size: tuple[int, int]) -> None:
    frame = await _frame(scene, size)
    lines = frame.split("\n")
    assert len(lines) == size[1]
    assert max(map(cells, lines)) <= size[0]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("view", ViewName)
async def test_every_view_opens_at_the_smallest_size(view: ViewName) -> None:
    frame = await _frame("hostile", (60, 12), view)
    assert all(line.isprintable() for line in frame.split("\n"))
    assert "needs" not in frame


async def test_a_terminal_that_is_too_small_says_which_size_is_needed() -> None:
    frame = await _frame("normal", (52, 9))
    assert "Terminal 52x9" in frame
    assert "60x12" in frame


async def test_counts_are_abbreviated_but_never_cut() -> None:
    assert "38,204" in await _frame("normal", (120, 35))
    assert "38.2k" in await _frame("normal", (80, 24))


async def test_an_empty_install_names_the_next_step() -> None:
    assert "rediq task enqueue" in await _frame("empty", (120, 35))


async def test_attention_names_the_queue_without_a_worker() -> None:
    frame = await _frame("normal", (120, 35))
    assert "no live worker, 12 waiting" in frame


async def test_enter_opens_the_queue_and_q_comes_back_and_leaves() -> None:
    app = Dash(FixedSource(NORMAL), DashOptions())
    async with app.run_test(size=(120, 35)) as pilot:
        while not app.snapshot.seq:
            await pilot.pause(0.02)
        await pilot.press("enter")
        await pilot.pause()
        assert app.place.queue == "payment"
        await pilot.press("q")
        await pilot.pause()
        assert app.place.view is ViewName.OVERVIEW
        await pilot.press("q")
    assert app.return_code == 0


@pytest.mark.parametrize(("key", "view"), [(str(n), view) for n, view in enumerate(ViewName, 1)])
async def test_number_keys_open_views(key: str, view: ViewName) -> None:
    app = Dash(FixedSource(NORMAL), DashOptions())
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert app.place.view is view
