"""The demo: real server, real worker process, real tasks; every figure is read back from them.

Each order is a chain of four tasks whose ids follow from the first, so the demo can look every
task up afterwards. The server is stopped again only if it was started here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rediq_cli.output.json import Json
from rediq_cli.session import Session
from rediq_core import SyncClient, embedded
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
_STEPS = ("inventory", "payment", "notifications", "shipping")


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
    if not (EXAMPLES / "order_system").is_dir():
        raise ConfigError(
            "the order system is not here.",
            cause=f"{EXAMPLES} has no order_system: this is not a checkout.",
            next_step="Run it from a checkout: make demo",
        )
    running = embedded.ensure()
    session.say.note(f"server  {running.engine.label} at {running.url}")
    try:
        with tempfile.TemporaryFile() as log, _worker(running.url, seed, log.fileno()) as worker:
            session.say.note(f"worker  process {worker.pid}, {', '.join(_STEPS)}")
            return _drive(session, running.url, orders, rate, worker)
    finally:
        if running.started:
            embedded.stop()


class _worker:  # noqa: N801  # reads as a with-statement's noun
    """A worker process for the length of a with-block."""

    def __init__(self, url: str, seed: str, log: int) -> None:
        environment = {**os.environ, "PAYMENT_RETRY_SECONDS": "2", "REDIQ_DEMO_SEED": seed}
        environment["REDIQ_URL"] = url
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            [
                *(sys.executable, "-m", "rediq_cli", "worker", "start"),
                *("-c", str(EXAMPLES / "order_system.toml")),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _drive(
    session: Session, url: str, orders: int, rate: float, worker: subprocess.Popen[bytes]
) -> Report:
    sys.path.insert(0, str(EXAMPLES))
    contracts = import_module("order_system.contracts")
    pause, began_s = threading.Event(), SYSTEM_CLOCK.monotonic()
    with SyncClient(url) as client:
        firsts = []
        for number in range(orders):
            item = contracts.Item(product_id=f"p{number % 7}", quantity=1, price_cents=1999)
            order = contracts.Inventory(order_id=number, user_id=number % 50, items=[item])
            firsts.append(client.enqueue(contracts.INVENTORY.task(order)))
            late_s = began_s + (number + 1) / rate - SYSTEM_CLOCK.monotonic()
            if late_s > 0:
                pause.wait(late_s)
        settled: dict[str, Order] = {}
        while len(settled) < orders:
            for first in firsts:
                if first not in settled and (order := _look_up(client, first)).is_settled:
                    settled[first] = order
            if sys.stderr.isatty():
                session.say.note(f"orders  {len(settled)} of {orders} settled")
            _check_time(began_s + orders / rate, len(settled), orders, worker)
            pause.wait(LOOK_S)
    took_s = SYSTEM_CLOCK.monotonic() - began_s
    return Report([settled[first] for first in firsts], took_s, url)


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


def _look_up(client: SyncClient, first: str) -> Order:
    payment = derived_id(first, 0, "payment")
    ids = {
        "inventory": first,
        "payment": payment,
        "notifications": derived_id(payment, 0, "notifications"),
        "shipping": derived_id(payment, 1, "shipping"),
    }
    tasks: dict[str, TaskView] = {}
    for step, task_id in ids.items():
        try:
            tasks[step] = client.get(task_id)
        except TaskNotFound:
            break
    return Order(tasks)
