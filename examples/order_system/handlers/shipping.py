"""Hands parcels to the carrier; a plain handler, so it runs in a thread."""

from __future__ import annotations

import threading

from order_system.contracts import SHIPPING, Shipping
from order_system.ledger import Ledger
from order_system.resources import shop_mux
from rediq_core import Permanent, SyncContext

mux = shop_mux()
# How long the pretended carrier takes, in seconds.
CARRIER_S = 0.03


@mux.handler(SHIPPING)
def ship(ctx: SyncContext, parcel: Shipping, ledger: Ledger) -> None:
    """Ship one order; that it is paid the queue has seen to, and the books see to again."""
    threading.Event().wait(CARRIER_S)
    if not ledger.ship(parcel.order_id, ctx.id):
        raise Permanent(f"order {parcel.order_id} is not paid")
