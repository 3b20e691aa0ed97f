"""The pictures in the repository show the dashboard as it is now."""

from __future__ import annotations

from tests.dash.screenshots import FOLDER, pictures, without_keys
from tests.dash.test_views import utc  # noqa: F401  # a fixture that is used by itself


async def test_the_pictures_are_current() -> None:
    drawn = await pictures()
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}

    assert sorted(kept) == sorted(drawn)
    stale = [name for name in drawn if without_keys(drawn[name]) != without_keys(kept[name])]
    assert stale == [], "draw them again: make screenshots"
