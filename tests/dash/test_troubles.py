"""What is wrong with Redis is named with a next step, and is waited for: real servers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from textual.pilot import Pilot

from rediq_cli.dash import poller
from rediq_cli.dash.app import Dash
from rediq_cli.dash.keymap import KEYS
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.source import RedisSource
from rediq_cli.dash.widgets.bars import KeyBar
from rediq_core.admin import connect
from rediq_core.admin.meter import Meter
from rediq_core.config.quick import resolve_server
from tests.support.desk import NAMESPACE, Desk
from tests.support.proxy import Proxy
from tests.support.servers import Server, standalone

DEADLINE_MS = 500


def dash_at(url: str, *, deadline_ms: int = DEADLINE_MS) -> Dash:
    choice = replace(resolve_server(url, {}, None, Path("/nonexistent")), deadline_ms=deadline_ms)
    admin = connect(choice, namespace=NAMESPACE, connection_pool_size=2, is_read_only=True)
    return Dash(RedisSource(admin, Meter()), DashOptions(label=choice.safe_url, interval_s=0.2))


@asynccontextmanager
async def opened(app: Dash) -> AsyncIterator[Pilot[int]]:
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot.seq or app.snapshot.trouble, "first reading")
        yield pilot


async def until(
    pilot: Pilot[int], found: Callable[[], object], what: str, timeout_s: float = 15
) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline_s, f"{what} did not come"
        await pilot.pause(0.02)
    await pilot.pause()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: what takes a minute in life takes a second here."""
    monkeypatch.setattr(poller, "BACKOFF_S", (0.1, 0.2))


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    with standalone(tcp=True, unix=False, requirepass="right") as server:
        client = server.client()
        client.execute_command("ACL", "SETUSER", "viewer", "on", ">v", "~*", "+ping", "+info")
        client.close()
        yield server


def at(server: Server, user: str, scheme: str = "redis") -> str:
    return f"{scheme}://{user}@127.0.0.1:{server.port}/0"


@pytest.mark.parametrize(
    ("user", "scheme", "told"),
    [
        (":wrong", "redis", ("Redis refused the password", "REDIQ_REDIS_PASSWORD", "REFUSED")),
        ("viewer:v", "redis", ("may not read", "denies this user", "rediq config acl", "REFUSED")),
        pytest.param(
            ":right",
            "rediss",
            ("is this port TLS?", "Actions are off", "RECONNECTING"),
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_a_server_that_does_not_let_us_in_is_named_with_a_next_step(
    guarded: Server, user: str, scheme: str, told: tuple[str, ...]
) -> None:
    app = dash_at(at(guarded, user, scheme))
    async with opened(app):
        frame = app.frame()
    assert [words for words in told if words not in frame] == []
    assert "right" not in frame.replace("right now", "")
    assert "wrong" not in frame


@pytest.mark.slow
async def test_a_server_that_is_loading_is_named(tmp_path: Path) -> None:
    slow_loading = ("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    with standalone() as server:
        client = server.client()
        for number in range(500):
            client.set(f"key{number}", bytes(2_000))
        client.config_set("rdbcompression", "no")
        client.save()
        client.close()
        server._extra_args += slow_loading
        server.kill()
        server.start(wait=False)

        app = dash_at(server.url)
        async with opened(app) as pilot:
            await until(pilot, lambda: "loading its data" in app.frame(), "loading")
            frame = app.frame()
    assert "INFO persistence" in frame


async def test_a_redis_that_is_killed_is_said_and_waited_for() -> None:
    with standalone(aof=True) as server:
        client = redis.Redis.from_url(server.url)
        with Desk(server.url, client) as desk:
            desk.pending("mail", 3)
        app = dash_at(server.url)
        async with opened(app) as pilot:
            await until(pilot, lambda: "mail" in app.frame(), "the queue")
            server.kill()
            await until(pilot, lambda: "RECONNECTING 3" in app.frame(), "the third try")
            frame = app.frame()
            keys = app.query_one(KeyBar)
            for key in "234567":  # nothing that is pressed meanwhile ends it
                await pilot.press(key)
            await pilot.press("1")

            server.restart()
            await until(pilot, lambda: app.snapshot.trouble is None, "recovery")
            after = app.frame()
        client.close()
    told = ("Redis does not answer", "data is", "Showing the last snapshot", "Actions are off")
    assert [words for words in told if words not in frame] == []
    assert "mail" in frame
    assert keys.off >= {key.id for key in KEYS if key.is_write} or not app.is_running
    assert "RECONNECTING" not in after
    assert "mail" in after


async def test_keys_are_answered_at_once_while_redis_answers_late(redis_url: str) -> None:
    with Proxy(redis_url) as proxy:
        app = dash_at(proxy.url, deadline_ms=10_000)
        async with opened(app) as pilot:
            proxy.delay(4.0)
            app.poller.hurry()
            waits = []
            for key, word in (("3", "HOST:PID"), ("4", "CRON"), ("?", "─ Keys"), ("1", "")):
                began_s = time.monotonic()
                await pilot.press(*([key] if word else ["escape", key]))
                await until(pilot, lambda: word in app.frame(), word)  # noqa: B023  # awaited here
                waits.append(time.monotonic() - began_s)
            proxy.delay(0)
    # A key that waited for Redis would wait four seconds.
    assert max(waits) < 2.0


@pytest.mark.slow
async def test_a_slow_redis_stretches_the_interval_and_is_shown(redis_url: str) -> None:
    with Proxy(redis_url) as proxy:
        app = dash_at(proxy.url, deadline_ms=5_000)
        async with opened(app) as pilot:
            proxy.delay(0.15)
            await until(pilot, lambda: "poll" in app.frame(), "the reading's time")
            proxy.delay(0)
            await until(pilot, lambda: "live" in app.frame(), "recovery")
