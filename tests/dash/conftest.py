"""A dashboard over a real server, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
import redis
from textual import events
from textual.pilot import Pilot

from rediq_cli.dash.app import Dash
from rediq_cli.dash.commands import parse
from rediq_cli.dash.hands import Hands, Reader
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.source import RedisSource
from rediq_cli.dash.widgets import sheet, table
from rediq_core.admin import Admin, connect
from rediq_core.admin.meter import MeteredLink
from rediq_core.client import SyncClient
from tests.support.desk import NAMESPACE, Desk
from tests.support.waiting import await_until

SIZE = (120, 35)
# A screen that is waited for comes within a second; a machine under load may need more.
SEE_S = 30.0
ME = "ana@here"


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    """An operator's desk on the emptied server, to fill its queues and to look at them."""
    with Desk(redis_url, redis_client) as desk:
        yield desk


class Driver:
    """A person at the dashboard.

    Attributes:
        app: The dashboard.
        pilot: Presses keys.
    """

    def __init__(self, app: Dash, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text, character by character."""
        names = {" ": "space", ":": "colon", "/": "slash", "-": "minus", "*": "asterisk"}
        await self.press(*(names.get(sign, sign) for sign in text))

    async def paste(self, text: str) -> None:
        """Put a text where the focus is, in one go."""
        focused = self.app.focused
        assert focused is not None
        focused.post_message(events.Paste(text))
        await self.pilot.pause()

    async def command(self, line: str) -> None:
        """Do what a `:` line means."""
        await self.app.carry_out(parse(line, self.app.known()))
        await self.pilot.pause()

    def frame(self) -> str:
        """What is on the screen."""
        return self.app.frame()

    async def see(self, text: str) -> str:
        """Wait until a text is on the screen; returns the screen."""
        await await_until(lambda: text in self.frame(), f"{text!r} on the screen", SEE_S)
        return self.frame()

    async def read_again(self) -> None:
        """Wait for a reading that began after now."""
        at = self.app.snapshot.seq
        self.app.poller.hurry()
        await await_until(lambda: self.app.snapshot.seq > at + 1, "two more readings", SEE_S)


Open = Callable[..., AbstractAsyncContextManager[Driver]]


def hands_on(desk: Desk) -> Hands:
    """Return hands on the desk's server."""
    admin: Admin = connect(desk.url, namespace=NAMESPACE)
    client = SyncClient(namespace=NAMESPACE, executor=admin.access.executor)
    return Hands(admin, client, ME)


def source_on(desk: Desk) -> RedisSource:
    """Return a source on the desk's server."""
    admin = connect(desk.url, namespace=NAMESPACE, is_read_only=True)
    link = MeteredLink.beside(admin.access.executor.link)
    admin.access.executor.link = link
    return RedisSource(admin, link.meter)


@pytest.fixture
def open_dash(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the dashboard on the desk's server; questions take keys at once."""
    monkeypatch.setattr(sheet, "GUARD_S", 0.0)
    monkeypatch.setattr(table, "SLIP_S", 0.0)

    @asynccontextmanager
    async def opened(*, size: tuple[int, int] = SIZE, **changes: object) -> AsyncIterator[Driver]:
        options = replace(
            DashOptions(label="redis://localhost:6379/0", interval_s=5.0),
            **changes,  # type: ignore[arg-type]  # fields by name
        )
        hands = None if options.is_read_only else hands_on(desk)
        reader = Reader(connect(desk.url, namespace=NAMESPACE, is_read_only=True))
        app = Dash(source_on(desk), options, hands=hands, reader=reader)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await await_until(lambda: app.snapshot.seq > 0, "a first reading", SEE_S)
            await pilot.pause()
            yield driver

    return opened
