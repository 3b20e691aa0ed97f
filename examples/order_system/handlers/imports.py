"""Imports files of orders, and says how far it is."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from order_system.contracts import IMPORT, Address, Imported, Rejected, Upload
from order_system.ledger import Ledger
from order_system.resources import shop_mux
from order_system.shop import Line, NotNow, Shop, read_lines
from rediq_core import Client, Context

mux = shop_mux()
# How long the pretended look at one line takes, in seconds.
LINE_S = 0.05


@mux.handler(IMPORT)
async def import_orders(ctx: Context, upload: Upload, ledger: Ledger, client: Client) -> Imported:
    """Place an order for each line; a line's ref is its place, so a repeat places it once."""
    shop = Shop(client, ledger)
    ctx.progress(0, "reading")
    text = await asyncio.to_thread(ledger.uploaded, upload.upload_id)
    lines = list(read_lines(text))
    rejected = []
    for done, (number, line) in enumerate(lines, start=1):
        if isinstance(line, Rejected):
            rejected.append(line)
        else:
            await _place(shop, f"{upload.upload_id}:{number}", line)
        ctx.progress(done * 100 / len(lines), f"imported {done}/{len(lines)}")
    return Imported(orders=len(lines) - len(rejected), rejected=rejected)


async def _place(shop: Shop, ref: str, line: Line) -> None:
    await asyncio.sleep(LINE_S)
    order = await shop.place(ref, line.user_id, [line.item])
    if line.method:
        with suppress(NotNow):  # this is a repeat, and the order was called off meanwhile
            await shop.pay(order.id, line.method)
            await shop.ship(order.id, Address(recipient=line.recipient))
