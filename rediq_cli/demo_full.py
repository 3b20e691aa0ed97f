"""The whole example: a server of its own, two workers, the HTTP API, a kill, and clean books.

Everything is made for this run and removed after it, so what it ends with is what it did. What is
done and what has to come of it is the example's own `scenario.py`; here are only the processes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rediq_cli.demo import EXAMPLES, OrderWorker, open_examples
from rediq_cli.output.json import Json
from rediq_cli.output.progress import CLEAR_LINE
from rediq_cli.output.table import Column, Styled, table
from rediq_cli.output.width import fit
from rediq_cli.session import Session
from rediq_core import Client, embedded
from rediq_core.admin import connect
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError

if TYPE_CHECKING:
    from rediq_core.admin import Admin

# What the API and the scenario need beside Rediq.
_NEEDED = ("httpx2", "starlette", "uvicorn")
WORKERS = 2
# Hours in the guide, seconds here: an unpaid order is called off after 20 s, a declined payment
# tried again after 1 s, and ten messages go out a second.
_SETTINGS = {
    "ORDER_TIMEOUT_HOURS": str(20 / 3_600),
    "PAYMENT_RETRY_SECONDS": "1",
    "SMS_RATE_LIMIT": "600",
    "METRICS_ENABLED": "false",
}
_COLUMNS = (Column("WHAT"), Column("EXPECTED", is_flexible=True), Column("SEEN"), Column(""))


@dataclass(frozen=True, slots=True)
class FullReport:
    """What came of the whole example.

    Attributes:
        rows: What was done, expected and seen; whether it is right.
        broken: Rules that the books break; empty if they are clean.
        took_s: From the first request to the last settled order.
    """

    rows: Sequence[tuple[str, str, str, bool]]
    broken: Sequence[str]
    took_s: float

    @property
    def is_clean(self) -> bool:
        """Everything came as expected, and the books are clean."""
        return not self.broken and all(is_right for *_, is_right in self.rows)

    def record(self) -> Json:
        """Return it as JSON."""
        rows: list[Json] = [
            {"what": what, "expected": expected, "seen": seen, "is_right": is_right}
            for what, expected, seen, is_right in self.rows
        ]
        return {"rows": rows, "broken": list(self.broken), "took_s": round(self.took_s, 2)}

    def lines(self, session: Session) -> Iterator[str]:
        """Return it for people."""
        cells = [
            (what, expected, seen, Styled("ok", "green") if is_right else Styled("WRONG", "red"))
            for what, expected, seen, is_right in self.rows
        ]
        yield from table(_COLUMNS, cells, session.out.terminal)
        yield from (f"broken  {rule}" for rule in self.broken)
        wrong = sum(not is_right for *_, is_right in self.rows)
        rules = "1 rule" if len(self.broken) == 1 else f"{len(self.broken)} rules"
        end = f"{rules} broken" if self.broken else "ledger clean"
        also = f", {wrong} of {len(self.rows)} not as expected" if wrong else ""
        yield f"{end}{also}, {self.took_s:.0f} s"


def run_full_demo(session: Session, *, seed: str) -> FullReport:
    """Run the whole example, from nothing.

    Raises:
        ConfigError: The example, or what it needs, is not here.
    """
    open_examples()
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ConfigError(
            f"the order system's API needs {', '.join(missing)}.",
            cause="They are requirements of the example, not of Rediq.",
            next_step="make demo ARGS=--full installs them. By hand: python -m pip install -r "
            f"{EXAMPLES / 'order_system' / 'requirements.txt'}",
        )
    with closing(ExitStack()) as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rediq-demo-")))
        running = embedded.ensure(home / "embedded")
        stack.callback(embedded.stop, home / "embedded")
        session.say.note(f"server  {running.engine.label} at {running.url}")
        shop = {
            **_SETTINGS,
            "REDIQ_DEMO_SEED": seed,
            "ORDER_LEDGER": str(home / "orders.sqlite3"),
            "REDIQ_URL": running.url,
        }
        stack.enter_context(_environment(shop))  # the API runs in this process
        # Opened before anybody else does: one makes the file.
        ledger = stack.enter_context(_import("ledger").Ledger(home / "orders.sqlite3"))
        workers = [
            stack.enter_context(OrderWorker(running.url, shop, "--concurrency", "8"))
            for _ in range(WORKERS)
        ]
        session.say.note(f"workers processes {', '.join(str(each.pid) for each in workers)}")
        api = stack.enter_context(_import("serving").serve())
        session.say.note(f"api     {api}")
        admin = stack.enter_context(connect(running.url))
        say = stack.enter_context(_live_line(session))
        began_s = SYSTEM_CLOCK.monotonic()
        rows = asyncio.run(_drive(running.url, api, admin, ledger, say))
        took_s = SYSTEM_CLOCK.monotonic() - began_s
        broken = [*_import("rules").broken_rules(ledger), *_ended(workers)]
        return FullReport(rows, broken, took_s)


async def _drive(
    url: str, api: str, admin: Admin, ledger: object, say: Callable[[str], None]
) -> list[tuple[str, str, str, bool]]:
    scenario = _import("scenario")

    async def kill(pid: int) -> None:
        # A task process with all it runs, the import too: its parent takes its tasks back.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        say(f"killed process {pid} in the middle of the import")

    async with _clients(url, api) as (client, http):
        run = scenario.Scenario(http, client, admin, ledger, scenario.Plan(), say=say, disturb=kill)
        return [(row.what, row.expected, row.seen, row.is_right) for row in await run.run()]


@asynccontextmanager
async def _clients(url: str, api: str) -> AsyncIterator[tuple[Client, object]]:
    http = import_module("httpx2").AsyncClient(base_url=api, timeout=30)
    async with Client(url) as client, http:
        yield client, http


def _ended(workers: Sequence[subprocess.Popen[bytes]]) -> Iterator[str]:
    for worker in workers:
        if (code := worker.poll()) is not None:
            yield (
                f"worker process {worker.pid} ended with {code}. See why:"
                f" rediq worker start -c {EXAMPLES / 'order_system.toml'}"
            )


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _live_line(session: Session) -> Iterator[Callable[[str], None]]:
    """Yield what rewrites one line of a terminal; nothing is written anywhere else."""
    terminal = session.say.terminal
    if session.say.is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return

    def say(text: str) -> None:
        sys.stderr.write(CLEAR_LINE + fit(f"orders  {text}", max(terminal.width - 1, 20)))
        sys.stderr.flush()

    try:
        yield say
    finally:
        sys.stderr.write(CLEAR_LINE)


def _import(name: str) -> Any:  # Any: the example is no part of the package
    return import_module(f"order_system.{name}")
