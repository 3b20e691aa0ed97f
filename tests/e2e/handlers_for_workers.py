"""Handlers that the worker tests run in real task processes."""

from __future__ import annotations

import asyncio
import os
import threading

from rediq_core import Context, Mux, Permanent, SyncContext, Task

mux = Mux()


@mux.handler("sleep")
async def sleep(ctx: Context, seconds: float) -> dict[str, float]:
    await asyncio.sleep(seconds)
    return {"slept": seconds}


@mux.handler("thread")
def thread(ctx: SyncContext, seconds: float) -> int:
    threading.Event().wait(seconds)
    return threading.get_ident()


@mux.handler("exit")
async def exit_process(ctx: Context) -> None:
    os._exit(9)


@mux.handler("fail", max_retry=1, backoff=["20ms"])
async def fail(ctx: Context) -> None:
    raise ValueError(f"attempt {ctx.attempt}")


@mux.handler("permanent")
async def permanent(ctx: Context) -> None:
    raise Permanent("never")


@mux.handler("parent")
async def parent(ctx: Context) -> str:
    return await ctx.enqueue(Task("sleep", 0.0))


@mux.handler("block")
async def block(ctx: Context, seconds: float) -> None:
    threading.Event().wait(seconds)


@mux.handler("process", mode="process")
def in_a_process(ctx: SyncContext, seconds: float) -> int:
    threading.Event().wait(seconds)
    return os.getpid()


@mux.handler("process:exit", mode="process")
def exit_in_a_process(ctx: SyncContext) -> None:
    os._exit(9)
