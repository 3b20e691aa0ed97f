"""Hands parcels to the carrier; a plain handler, so it runs in a thread."""

from __future__ import annotations

import threading

from order_system.contracts import SHIPPING, Shipping
from rediq_core import Mux, SyncContext

mux = Mux()
# How long the pretended carrier takes, in seconds.
CARRIER_S = 0.03


@mux.handler(SHIPPING)
def ship(ctx: SyncContext, parcel: Shipping) -> None:
    """Ship one order."""
    threading.Event().wait(CARRIER_S)
    ctx.log.debug("shipped order %d", parcel.order_id)
