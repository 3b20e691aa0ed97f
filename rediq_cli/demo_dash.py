"""The demo with the dashboard over it: orders keep coming until it is left.

The same server, worker and orders as the demo that prints a summary; a thread places orders while
the dashboard has the terminal. All of it ends with the dashboard.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rediq_cli.dash.opening import Wanted, run_dash
from rediq_cli.demo import QUICK, OrderWorker, open_examples, place
from rediq_cli.session import Session
from rediq_core import embedded
from rediq_core.errors import RediqError

# Orders that are placed if none is said: more than anybody watches.
ENDLESS = 10_000_000
# Orders a second: enough to see, few enough to read.
RATE = 20.0
# The thread is given this many seconds to end.
JOIN_S = 5.0


def has_screen(session: Session) -> bool:
    """Say whether somebody is there to look at a dashboard."""
    is_plain = session.options.output == "table"
    return is_plain and sys.stdin.isatty() and sys.stdout.isatty()


def run_demo_dash(session: Session, *, orders: int | None, rate: float | None, seed: str) -> None:
    """Place orders while the dashboard is open.

    Raises:
        ConfigError: The examples are not here.
    """
    open_examples()
    running = embedded.ensure()
    ledger = str(running.data_dir / "orders.sqlite3")
    shop = {"ORDER_LEDGER": ledger, "REDIQ_DEMO_SEED": seed}
    try:
        with OrderWorker(running.url, {**QUICK, **shop}):
            traffic = Traffic(place(running.url, ledger, orders or ENDLESS, rate or RATE))
            with traffic, Session(replace(session.options, url=running.url)) as own:
                run_dash(own, Wanted())
        session.say.note("The demo is over; what it made stays for the next one.")
    finally:
        if running.started:
            embedded.stop()


class Traffic:
    """A coroutine that runs in a thread of its own for the length of a with-block."""

    def __init__(self, work: Coroutine[Any, Any, object]) -> None:
        """Take what is run; it is cancelled on leaving the block."""
        self._work = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rediq-traffic", daemon=True)

    def __enter__(self) -> Traffic:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        # Where Redis is stopped from the dashboard, the dashboard is what tells of it.
        with suppress(asyncio.CancelledError, RediqError):
            asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(self._work)
        self._ready.set()
        await self._task
