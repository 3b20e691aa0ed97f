"""Group handlers that the tests run in real task processes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from pydantic import BaseModel

from rediq_core import Context, Member, Mux, Permanent, SyncContext

mux = Mux()


class Row(BaseModel):
    """What the strict handler takes."""

    n: int


@mux.group_handler(
    "batch", max_size=5, grace="200ms", max_delay="2s", max_retry=1, backoff=["50ms"]
)
async def batch(ctx: Context, members: list[Member[object]]) -> dict[str, object]:
    return {"ids": [member.id for member in members], "led_by": ctx.id}


@mux.group_handler("thread:batch", max_size=3, grace="200ms", max_delay="2s")
def batch_in_a_thread(ctx: SyncContext, members: list[Member[object]]) -> int:
    return len(members)


@mux.group_handler("strict", max_size=4, grace="200ms", max_retry=1, backoff=["50ms"])
async def strict(ctx: Context, members: list[Member[Row]]) -> list[int]:
    for member in members:
        if member.payload.n == 0 and member.task.attempt == 1:
            member.fail("not yet")
        if member.payload.n < 0:
            member.fail(Permanent("never"))
    return [member.payload.n for member in members]


@mux.group_handler("broken", max_size=3, grace="200ms", max_retry=1, backoff=["50ms"])
async def broken(ctx: Context, members: list[Member[object]]) -> None:
    if any(member.task.attempt == 1 for member in members):
        raise ValueError("all of us")


@mux.group_handler("slow", max_size=3, grace="200ms")
async def slow(ctx: Context, members: list[Member[object]]) -> list[bool]:
    await asyncio.sleep(0 if members[0].task.attempt > 1 or members[0].task.losses else 60)
    return [member.cancelled for member in members]


@mux.group_handler("patient", max_size=3, grace="200ms")
async def patient(ctx: Context, members: list[Member[object]]) -> list[bool]:
    while not any(member.cancelled for member in members):
        await asyncio.sleep(0.01)
    return [member.cancelled for member in members]


@mux.group_handler("timely", max_size=3, grace="200ms", timeout="100ms", max_retry=0)
async def timely(ctx: Context, members: list[Member[object]]) -> None:
    await asyncio.sleep(60)


@mux.group_handler("stuck", max_size=3, grace="200ms", timeout="100ms", max_retry=0)
async def stuck(ctx: Context, members: list[Member[object]]) -> None:
    threading.Event().wait(60)


@mux.group_handler("deadly", max_size=3, grace="200ms")
async def deadly(ctx: Context, members: list[Member[object]]) -> int:
    if not any(member.task.losses for member in members):
        os.kill(os.getpid(), signal.SIGKILL)
    return len(members)
