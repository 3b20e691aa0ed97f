"""Charges orders; one in twenty attempts fails, as card payments do.

`REDIQ_DEMO_SEED` makes the failures the same in every run, `PAYMENT_RETRY_SECONDS` sets the wait
before the next attempt (300 as in the guide).
"""

from __future__ import annotations

import asyncio
import os
import random

from order_system.contracts import PAYMENT, SHIPPING, SMS, Payment, Receipt, Shipping, Sms
from rediq_core import Context, Mux, Retry

mux = Mux()
# How long the pretended payment gateway takes, in seconds.
GATEWAY_S = 0.04
FAILURE_SHARE = 0.05
RETRY_S = float(os.environ.get("PAYMENT_RETRY_SECONDS", "300"))
SEED = os.environ.get("REDIQ_DEMO_SEED", "")


def is_declined(order_id: int, attempt: int) -> bool:
    """Throw the gateway's dice."""
    dice = random.Random(f"{SEED}/{order_id}/{attempt}") if SEED else random.Random()
    return dice.random() < FAILURE_SHARE


@mux.handler(PAYMENT)
async def charge(ctx: Context, payment: Payment) -> Receipt:
    """Charge the order; on success tell the user and ship, each once."""
    ctx.progress(40, "contacting bank")
    await asyncio.sleep(GATEWAY_S)
    if is_declined(payment.order_id, ctx.attempt):
        raise Retry("payment processing failed", delay=RETRY_S)
    await ctx.enqueue(
        SMS.task(
            Sms(user_id=payment.user_id, template="payment_success", order_id=payment.order_id)
        )
    )
    await ctx.enqueue(SHIPPING.task(Shipping(order_id=payment.order_id)))
    return Receipt(order_id=payment.order_id, amount_cents=payment.amount_cents)
