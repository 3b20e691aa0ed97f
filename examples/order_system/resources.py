"""What the handlers share: each module's Mux starts from here.

A resource is opened once per task process, before its first task, and closed after its last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from order_system.ledger import Ledger
from order_system.middleware import OrderLog
from order_system.settings import from_environment
from rediq_core import Client, Mux


def open_ledger() -> Iterator[Ledger]:
    """Open the books."""
    with Ledger(from_environment().ledger) as ledger:
        yield ledger


async def open_client() -> AsyncIterator[Client]:
    """Open a client, for what a context cannot do: cancel and look up other tasks."""
    async with Client() as client:
        yield client


def shop_mux() -> Mux:
    """Return a mux with the shop's resources and its log."""
    mux = Mux()
    mux.use(OrderLog())
    mux.resource(open_ledger)
    mux.resource(open_client)
    return mux
