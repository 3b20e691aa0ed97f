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


@mux.handler("thread:watchful", timeout="100s")
def watch_in_a_thread(ctx: SyncContext) -> str:
    """Return why it was stopped as soon as it sees that it should."""
    ctx.progress(1, "watching")
    while not ctx.cancelled:
        threading.Event().wait(0.01)
    ctx.log.warning("saw %s", ctx.cancel_reason)
    raise RuntimeError("stopped")


@mux.handler("thread:deaf")
def hear_nothing_in_a_thread(ctx: SyncContext, seconds: float) -> int:
    ctx.progress(1, "deaf from now on")
    threading.Event().wait(seconds)
    return os.getpid()


@mux.handler("async:reason", timeout="100s")
async def note_why(ctx: Context) -> None:
    ctx.progress(1, "watching")
    try:
        await asyncio.sleep(60)
    finally:
        ctx.log.warning("saw %s", ctx.cancel_reason)


@mux.handler("async:deaf")
async def hear_nothing(ctx: Context, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        try:
            await asyncio.sleep(end - loop.time())
        except asyncio.CancelledError:
            continue


@mux.handler("process:watchful", mode="process", timeout="100s")
def watch_in_a_process(ctx: SyncContext) -> str:
    ctx.progress(1, "watching")
    while not ctx.cancelled:
        threading.Event().wait(0.01)
    ctx.log.warning("saw %s", ctx.cancel_reason)
    raise RuntimeError("stopped")


@mux.handler("pid")
async def pid_of_process(ctx: Context) -> int:
    return os.getpid()


@mux.handler("grow")
async def grow(ctx: Context, mib: int) -> int:
    grown.append(b"x" * mib * 1024 * 1024)
    return os.getpid()


grown: list[bytes] = []


@mux.handler("wedge")
async def wedge_the_loop(ctx: Context, seconds: float) -> None:
    """Return, and leave something behind that stops the event loop when nothing runs."""
    asyncio.get_running_loop().call_later(0.2, threading.Event().wait, seconds)


@mux.handler("progress:async")
async def progress_on_the_loop(ctx: Context, seconds: float) -> None:
    for step in range(round(seconds * 100)):
        ctx.progress(step / seconds, f"step {step}")
        await asyncio.sleep(0.01)


@mux.handler("progress:thread")
def progress_in_a_thread(ctx: SyncContext, seconds: float) -> None:
    for step in range(round(seconds * 100)):
        ctx.progress(step / seconds, f"step {step}")
        threading.Event().wait(0.01)


@mux.handler("progress:process", mode="process")
def progress_in_a_process(ctx: SyncContext, seconds: float) -> None:
    for step in range(round(seconds * 100)):
        ctx.progress(step / seconds, f"step {step}")
        threading.Event().wait(0.01)
