"""Reserves stock, then asks for the payment."""

from __future__ import annotations

import asyncio

from order_system.contracts import INVENTORY, PAYMENT, Inventory, Payment
from rediq_core import Context, Mux

mux = Mux()
# How long the pretended inventory service takes, in seconds.
SERVICE_S = 0.02


@mux.handler(INVENTORY)
async def reserve(ctx: Context, order: Inventory) -> None:
    """Reserve the items; the payment follows, once even if this runs again."""
    await asyncio.sleep(SERVICE_S)
    amount = sum(item.quantity * item.price_cents for item in order.items)
    await ctx.enqueue(
        PAYMENT.task(Payment(order_id=order.order_id, user_id=order.user_id, amount_cents=amount))
    )
