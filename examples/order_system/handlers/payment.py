"""Charges orders; one in twenty attempts fails, as card payments do.

A payment is begun, charged and confirmed, each of them noted before the next one. A worker that is
killed anywhere in between leaves a task that runs again and finds out how far it had come.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from order_system.contracts import (
    CANCEL,
    INVENTORY,
    PAYMENT,
    SMS,
    CallOff,
    Inventory,
    Operation,
    Payment,
    Receipt,
    Sms,
)
from order_system.ledger import Ledger, Status
from order_system.resources import shop_mux
from order_system.settings import SETTINGS
from rediq_core import Client, Context, Failure, Permanent, RediqError, Retry

mux = shop_mux()
# How long the pretended payment gateway takes, in seconds.
GATEWAY_S = 0.04
FAILURE_SHARE = 0.05
# The method of which the bank wants nothing to do.
STOLEN = "stolen-card"


def is_declined(order_id: int, attempt: int) -> bool:
    """Throw the gateway's dice."""
    seed = SETTINGS.seed
    dice = random.Random(f"{seed}/{order_id}/{attempt}") if seed else random.Random()
    return dice.random() < FAILURE_SHARE


@mux.handler(PAYMENT)
async def charge(ctx: Context, payment: Payment, ledger: Ledger, client: Client) -> Receipt:
    """Charge the order; then tell the user, sell the stock and forget the timeout, each once."""
    order_id = payment.order_id
    status = await asyncio.to_thread(ledger.begin_payment, order_id, ctx.id)
    if status is Status.RESERVED:
        await _charge(ctx, payment, ledger)
    elif status not in (Status.PAID, Status.SHIPPED):
        raise Permanent(f"order {order_id} is {status}")
    await ctx.enqueue(
        SMS.task(Sms(user_id=payment.user_id, template="payment_success", order_id=order_id))
    )
    await ctx.enqueue(INVENTORY.task(Inventory(order_id=order_id, operation=Operation.COMMIT)))
    order = ledger.order(order_id)
    if order is not None:
        with suppress(RediqError):  # it is over, or was cancelled by the run before
            await client.cancel(order.tasks["timeout"], reason="the order is paid")
    return Receipt(order_id=order_id, amount_cents=payment.amount_cents)


async def _charge(ctx: Context, payment: Payment, ledger: Ledger) -> None:
    ctx.progress(40, "contacting bank")
    await asyncio.sleep(GATEWAY_S)
    if payment.method == STOLEN or is_declined(payment.order_id, ctx.attempt):
        await asyncio.to_thread(ledger.payment_declined, payment.order_id)
        if payment.method == STOLEN:
            raise Permanent("card declined")
        raise Retry("payment processing failed", delay=SETTINGS.payment_retry_s)
    await asyncio.to_thread(ledger.charge, payment.order_id, ctx.id)
    await asyncio.to_thread(ledger.confirm_payment, payment.order_id, ctx.id)


@charge.on_dead
async def call_off(ctx: Context, payment: Payment, failure: Failure) -> None:
    """Call the order off, which puts its stock back."""
    await ctx.enqueue(
        CANCEL.task(CallOff(order_id=payment.order_id, reason=f"payment: {failure.message}"))
    )
