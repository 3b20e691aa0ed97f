"""Sends text messages. How many a minute is a limit of the queue, not of this code."""

from __future__ import annotations

import asyncio

from order_system.contracts import SMS, Sms
from order_system.ledger import Ledger
from order_system.resources import shop_mux
from rediq_core import Context

mux = shop_mux()
# How long the pretended SMS service takes, in seconds.
SERVICE_S = 0.02


@mux.handler(SMS)
async def send(ctx: Context, sms: Sms, ledger: Ledger) -> None:
    """Send one message; the task's id is what the service knows a repeat by."""
    await asyncio.sleep(SERVICE_S)
    await asyncio.to_thread(ledger.text, sms.order_id, sms.template, ctx.id)
