"""Handlers that report each start and each effect to the ledger, with the token of their claim.

A payload says how long a run takes (`ms`) and how many runs fail first (`fails`). What they return
is the token, so the stored result says which run was settled.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from typing import Any

from rediq_core import Context, Mux, Permanent, SyncContext
from tests.chaos.ledger import Ledger

mux = Mux()


@functools.cache
def _ledger_of(pid: int, thread: int) -> Ledger:
    return Ledger()


def _write(event: str, ctx: Context | SyncContext) -> None:
    ledger = _ledger_of(os.getpid(), threading.get_ident())
    ledger.write(event, ctx.task.id, ctx.task.token)


def _finish(ctx: Context | SyncContext, order: dict[str, Any]) -> str:
    if ctx.attempt <= order["fails"]:
        _write("fail", ctx)
        raise ValueError(f"attempt {ctx.attempt} was to fail")
    if order.get("never"):
        _write("fail", ctx)
        raise Permanent("was to fail for good")
    _write("effect", ctx)
    return str(ctx.task.token)


@mux.handler("chaos:async", timeout="60s", max_retry=20, backoff=["50ms"])
async def on_the_loop(ctx: Context, order: dict[str, Any]) -> str:
    _write("start", ctx)
    try:
        await asyncio.sleep(order["ms"] / 1000)
    except asyncio.CancelledError:
        _write("stopped", ctx)
        raise
    return _finish(ctx, order)


@mux.handler("chaos:thread", timeout="60s", max_retry=20, backoff=["50ms"])
def in_a_thread(ctx: SyncContext, order: dict[str, Any]) -> str:
    _write("start", ctx)
    threading.Event().wait(order["ms"] / 1000)
    return _finish(ctx, order)
