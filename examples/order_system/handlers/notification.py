"""Sends text messages."""

from __future__ import annotations

import asyncio

from order_system.contracts import SMS, Sms
from rediq_core import Context, Mux

mux = Mux()
# How long the pretended SMS service takes, in seconds.
SERVICE_S = 0.02


@mux.handler(SMS)
async def send(ctx: Context, sms: Sms) -> None:
    """Send one message."""
    await asyncio.sleep(SERVICE_S)
    ctx.log.debug("sent %s to user %d", sms.template, sms.user_id)
