"""A defect in the thread that reads ends the dashboard in words, instead of freezing it."""

from __future__ import annotations

import pytest

from rediq_cli.dash.app import Dash
from rediq_cli.dash.view_model import Demand, Snapshot


class Broken:
    """A source with a defect."""

    def read(self, demand: Demand) -> Snapshot:
        raise ZeroDivisionError("of the source")

    def close(self) -> None:
        """Hold nothing."""


async def watch(app: Dash) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(200):
            await pilot.pause(0.01)


async def test_a_defect_of_the_reading_thread_is_raised_where_it_can_be_seen() -> None:
    with pytest.raises(ZeroDivisionError, match="of the source"):
        await watch(Dash(Broken()))
