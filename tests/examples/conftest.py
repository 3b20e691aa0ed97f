"""The order system without a server: a ledger of its own, captured tasks, and a bank that pays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from order_system.handlers import payment
from order_system.ledger import Ledger
from order_system.shop import Shop

from rediq_core import Client, Mux
from rediq_core.testing import Captured, capture, drain

MODULES = (
    "cancellation", "imports", "inventory", "notification", "payment", "report", "shipping",
)  # fmt: skip
Drain = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    path = tmp_path / "orders.sqlite3"
    monkeypatch.setenv("ORDER_LEDGER", str(path))
    with Ledger(path) as opened:
        opened.deliver("tea", 10)
        yield opened


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    monkeypatch.setattr(payment, "FAILURE_SHARE", 0.0)
    with capture() as captured:
        yield captured


@pytest.fixture
def shop(ledger: Ledger, enqueued: Captured) -> Shop:
    return Shop(Client("redis://nobody.invalid"), ledger)


@pytest.fixture
def run_all(shop: Shop) -> Drain:
    """Run what is enqueued, and return the types in the order they ran."""

    async def run(until: str = "1h") -> list[str]:
        mux = Mux()
        for name in MODULES:
            mux.include(import_module(f"order_system.handlers.{name}").mux)
        resources: dict[object, object] = {Ledger: shop.ledger, Client: shop.client}
        return [run.task.type for run in await drain(mux, resources=resources, until=until)]

    return run
