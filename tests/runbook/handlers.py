"""A shop whose bank is away until the file that RUNBOOK_BANK names is there."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from rediq_core import Context, Mux, Permanent

mux = Mux()


@mux.handler("order:payment", max_retry=0)
async def pay(_: Context, payload: dict[str, int]) -> None:
    if payload["order_id"] % 5 == 0:
        raise Permanent("card declined")
    if payload["order_id"] % 3 == 0 and not Path(os.environ["RUNBOOK_BANK"]).exists():
        raise TimeoutError("bank did not answer within 5 s")


@mux.handler("order:sms")
async def send_sms(_: Context, payload: dict[str, int]) -> None:
    await asyncio.sleep(0.08)


@mux.handler("order:export", timeout="1h")
async def export(ctx: Context, payload: dict[str, int]) -> None:
    ctx.progress(43, "writing page 12 of 28")
    await asyncio.sleep(3_600)


@mux.handler("report:daily")
async def report(_: Context) -> dict[str, int]:
    return {"orders": 1_204}
