"""The demo: real server, real worker process, real tasks; every figure is read back from them.

Each order is paid and shipped through the shop of the example, and five of its tasks are looked up
until all have ended. The server is stopped again only if it was started here. What drives all of
the example, over its HTTP API, is `demo_full.py`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rediq_cli.output.json import Json
from rediq_cli.session import Session
from rediq_core import Client, SyncClient, embedded
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError, TaskNotFound
from rediq_core.model.ids import derived_id
from rediq_core.model.state import FINAL_STATES, TaskState

if TYPE_CHECKING:
    from rediq_core.model.views import TaskView

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# Longest the demo waits for its orders, in seconds: a retried payment waits 2 s, five times.
LIMIT_S = 80.0
# Seconds between looks at the orders.
LOOK_S = 0.25
# Different goods in the shop.
_PRODUCTS = 7
# What comes of an order, in order: its tasks by queue, and the second one in `inventory`.
_STEPS = ("inventory", "payment", "notifications", "commit", "shipping")
# For the worker: no waiting for the bank or the SMS service, and no port that may be taken.
QUICK = {"PAYMENT_RETRY_SECONDS": "2", "SMS_RATE_LIMIT": "60000", "METRICS_ENABLED": "false"}


@dataclass(frozen=True, slots=True)
class Order:
    """The tasks of one order.

    Attributes:
        tasks: Step to task, for the steps that exist.
    """

    tasks: dict[str, TaskView]

    @property
    def is_paid(self) -> bool:
        """The payment went through."""
        payment = self.tasks.get("payment")
        return payment is not None and payment.state is TaskState.COMPLETED

    @property
    def is_settled(self) -> bool:
        """Nothing of it is still to be done."""
        if not self.tasks or any(view.state not in FINAL_STATES for view in self.tasks.values()):
            return False
        is_failed = any(view.state is not TaskState.COMPLETED for view in self.tasks.values())
        return is_failed or len(self.tasks) == len(_STEPS)


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo saw.

    Attributes:
        orders: All orders.
        took_s: From the first order to the last settled one.
        url: Where the tasks can be looked at, if the server still runs.
    """

    orders: Sequence[Order]
    took_s: float
    url: str

    def record(self) -> Json:
        """Return the figures as JSON."""
        views = [view for order in self.orders for view in order.tasks.values()]
        runs = [entry for view in views for entry in view.timeline if entry.claimed_ms]
        paid = sum(order.is_paid for order in self.orders)
        waits = sorted(entry.waited_ms for entry in runs)
        times = sorted(entry.run_ms for entry in runs)
        return {
            "orders": len(self.orders),
            "paid": paid,
            "failed": len(self.orders) - paid,
            "retried": sum(entry.kind == "retry" for entry in runs),
            "tasks": {state.value: n for state, n in Counter(v.state for v in views).items()},
            "tasks_per_s": round(len(views) / self.took_s, 1),
            "took_s": round(self.took_s, 2),
            "wait_ms": {"p50": _quantile(waits, 0.5), "p95": _quantile(waits, 0.95)},
            "run_ms": {"p50": _quantile(times, 0.5), "p95": _quantile(times, 0.95)},
        }

    def lines(self) -> Iterator[str]:
        """Return the figures for people."""
        views = [view for order in self.orders for view in order.tasks.values()]
        runs = [entry for view in views for entry in view.timeline if entry.claimed_ms]
        paid = sum(order.is_paid for order in self.orders)
        waits = sorted(entry.waited_ms for entry in runs)
        times = sorted(entry.run_ms for entry in runs)
        retried = sum(entry.kind == "retry" for entry in runs)
        states = Counter(view.state.value for view in views)
        yield f"orders   {len(self.orders)} placed, {paid} paid, {len(self.orders) - paid} failed"
        yield f"payments {retried} attempts failed and were retried"
        yield "tasks    " + ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        yield f"rate     {len(views) / self.took_s:.0f} tasks/s over {self.took_s:.1f} s"
        yield f"wait     p50 {_quantile(waits, 0.5)} ms, p95 {_quantile(waits, 0.95)} ms"
        yield f"run      p50 {_quantile(times, 0.5)} ms, p95 {_quantile(times, 0.95)} ms"


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0


def run_demo(session: Session, *, orders: int, rate: float, seed: str) -> Report:
    """Place orders, wait until all are settled, and report.

    Raises:
        ConfigError: The examples are not here, or the orders did not settle in time.
    """
    open_examples()
    running = embedded.ensure()
    session.say.note(f"server  {running.engine.label} at {running.url}")
    # Beside the server's data: tasks that an aborted demo left find the orders they are about.
    shop = {"ORDER_LEDGER": str(running.data_dir / "orders.sqlite3"), "REDIQ_DEMO_SEED": seed}
    try:
        with OrderWorker(running.url, {**QUICK, **shop}) as worker:
            session.say.note(f"worker  process {worker.pid}, inventory, payment, shipping, SMS")
            return _drive(session, running.url, shop["ORDER_LEDGER"], orders, rate, worker)
    finally:
        if running.started:
            embedded.stop()


def open_examples() -> None:
    """Let the order system be imported.

    Raises:
        ConfigError: This is not a checkout.
    """
    if not (EXAMPLES / "order_system").is_dir():
        raise ConfigError(
            "the order system is not here.",
            cause=f"{EXAMPLES} has no order_system: this is not a checkout.",
            next_step="Run it from a checkout: make demo",
        )
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))


class OrderWorker:
    """A worker process of the order system, for the length of a with-block."""

    def __init__(self, url: str, settings: Mapping[str, str], *words: str) -> None:
        """Prepare it.

        Args:
            url: The server.
            settings: Environment beside ours.
            words: More words for `rediq worker start`.
        """
        self._words = words
        self._environment = {**os.environ, **settings, "REDIQ_URL": url}

    def __enter__(self) -> subprocess.Popen[bytes]:
        self._log = tempfile.TemporaryFile()  # closed on leaving
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            [
                *(sys.executable, "-m", "rediq_cli", "worker", "start"),
                *("-c", str(EXAMPLES / "order_system.toml"), *self._words),
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _drive(
    session: Session,
    url: str,
    ledger: str,
    orders: int,
    rate: float,
    worker: subprocess.Popen[bytes],
) -> Report:
    pause, began_s = threading.Event(), SYSTEM_CLOCK.monotonic()
    placed = asyncio.run(place(url, ledger, orders, rate))
    with SyncClient(url) as client:
        settled: dict[int, Order] = {}
        while len(settled) < orders:
            for number, tasks in enumerate(placed):
                if number not in settled and (order := _look_up(client, tasks)).is_settled:
                    settled[number] = order
            if sys.stderr.isatty():
                session.say.note(f"orders  {len(settled)} of {orders} settled")
            _check_time(began_s + orders / rate, len(settled), orders, worker)
            pause.wait(LOOK_S)
    took_s = SYSTEM_CLOCK.monotonic() - began_s
    return Report(list(settled.values()), took_s, url)


async def place(url: str, path: str, orders: int, rate: float) -> list[Mapping[str, str]]:
    """Place, pay and ship orders at a rate; returns the tasks of each."""
    contracts, ledgers, shops = (
        import_module(f"order_system.{name}") for name in ("contracts", "ledger", "shop")
    )
    began_s, run = SYSTEM_CLOCK.monotonic(), uuid.uuid4().hex
    async with Client(url) as client:
        with ledgers.Ledger(Path(path)) as ledger:
            shop = shops.Shop(client, ledger)
            for product in range(_PRODUCTS):
                ledger.deliver(f"p{product}", orders)
            placed = []
            for number in range(orders):
                item = contracts.Item(
                    product_id=f"p{number % _PRODUCTS}", quantity=1, price_cents=1999
                )
                order = await shop.place(f"{run}:{number}", number % 50, [item])
                await shop.pay(order.id, "card")
                await shop.ship(order.id, contracts.Address(recipient=f"user {number % 50}"))
                placed.append(shop.find(order.id).tasks)
                late_s = began_s + (number + 1) / rate - SYSTEM_CLOCK.monotonic()
                await asyncio.sleep(max(0.0, late_s))
    return placed


def _check_time(began_s: float, settled: int, orders: int, worker: subprocess.Popen[bytes]) -> None:
    if worker.poll() is not None:
        raise ConfigError(
            f"the worker ended with {worker.returncode}.",
            next_step=f"See why: rediq worker start -c {EXAMPLES / 'order_system.toml'}",
        )
    if settled < orders and SYSTEM_CLOCK.monotonic() - began_s > LIMIT_S:
        raise ConfigError(
            f"{orders - settled} of {orders} orders did not settle within {LIMIT_S:g} s.",
            next_step="Look at them: rediq queue list",
        )


def _look_up(client: SyncClient, steps: Mapping[str, str]) -> Order:
    payment = steps["payment"]
    ids = {
        "inventory": steps["inventory"],
        "payment": payment,
        "notifications": derived_id(payment, 0, "notifications"),
        "commit": derived_id(payment, 1, "inventory"),
        "shipping": steps["shipping"],
    }
    tasks: dict[str, TaskView] = {}
    for step, task_id in ids.items():
        with suppress(TaskNotFound):
            tasks[step] = client.get(task_id)
    return Order(tasks)
