"""Writes the daily report: heavy on the processor, so it runs in a process of its own."""

from __future__ import annotations

from order_system.contracts import REPORT, DailyReport
from order_system.ledger import Ledger
from order_system.settings import from_environment
from rediq_core import Mux, SyncContext

mux = Mux()


@mux.handler(REPORT, mode="process")
def report(_: SyncContext) -> DailyReport:
    """Count the orders and the money; the result is kept with the task."""
    with Ledger(from_environment().ledger) as ledger:
        return ledger.report()
