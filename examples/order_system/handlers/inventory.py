"""Reserves stock, commits it once it is paid, and puts it back."""

from __future__ import annotations

import asyncio

from order_system.contracts import CANCEL, INVENTORY, CallOff, Inventory, Operation
from order_system.ledger import Ledger, OutOfStock
from order_system.resources import shop_mux
from rediq_core import Context, Failure, Permanent

mux = shop_mux()
# How long the pretended inventory service takes, in seconds.
SERVICE_S = 0.02


@mux.handler(INVENTORY)
async def move_stock(ctx: Context, order: Inventory, ledger: Ledger) -> None:
    """Do one operation; each is done once, however often it runs."""
    await asyncio.sleep(SERVICE_S)
    match order.operation:
        case Operation.RESERVE:
            try:
                await asyncio.to_thread(ledger.reserve, order.order_id, ctx.id)
            except OutOfStock as error:
                raise Permanent(f"out of stock: {error}") from error
        case Operation.COMMIT:
            await asyncio.to_thread(ledger.commit, order.order_id, ctx.id)
        case Operation.ROLLBACK:
            await asyncio.to_thread(ledger.roll_back, order.order_id, ctx.id)


@move_stock.on_dead
async def call_off(ctx: Context, order: Inventory, failure: Failure) -> None:
    """Call an order off whose items cannot be had."""
    if order.operation is Operation.RESERVE:
        await ctx.enqueue(CANCEL.task(CallOff(order_id=order.order_id, reason=failure.message)))
