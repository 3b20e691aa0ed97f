"""Every view in every size, over calm, empty, huge, foreign and hostile installations, as text."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from syrupy.assertion import SnapshotAssertion

from rediq_cli.output.width import cells
from tests.dash.scenes import INSTALLATIONS, places
from tests.dash.stage import SIZES, body_of, go, on_stage


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day do not depend on where the tests run."""
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def cases() -> Iterator[object]:
    """Yield every scene in every size; rare ones in rare sizes among the slow tests."""
    for scene in INSTALLATIONS:
        for size in SIZES:
            is_rare = scene in ("huge", "wide") and size != (80, 24)
            marks = [pytest.mark.slow] if is_rare else []
            yield pytest.param(scene, size, id=f"{scene}-{size[0]}x{size[1]}", marks=marks)


@pytest.mark.parametrize(("scene", "size"), list(cases()))
async def test_views_look_as_they_did(
    scene: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    width, height = size
    frames = []
    async with on_stage(scene, size) as (app, pilot):
        for name, place in places(scene).items():
            await go(app, pilot, place)
            frame = app.frame()
            lines = frame.split("\n")
            assert len(lines) == height
            assert max(map(cells, lines)) <= width
            assert [line for line in lines if not line.isprintable()] == []
            # What leads out is never cut away, whatever else has to go.
            assert "? help" in lines[-1]
            frames.append(f"{name}\n{body_of(frame)}")
    assert "\n\n".join(frames) == snapshot
