"""The handler that random graphs of tasks run in real task processes."""

from __future__ import annotations

import asyncio

from rediq_core import Context, Mux, SyncContext, Task

mux = Mux()


@mux.handler("graph:work")
async def work(ctx: Context, payload: dict[str, object]) -> dict[str, str]:
    """Fail if it is told to; else return what it was told of its parents."""
    await asyncio.sleep(0.25)
    if payload["fails"]:
        raise ValueError("told to")
    return {parent.id: parent.state.value for parent in ctx.dependencies}


@mux.handler("graph:sum")
async def add_up(ctx: Context) -> int:
    """Return the sum of its parents' results."""
    return sum(parent.result for parent in ctx.dependencies if isinstance(parent.result, int))


@mux.handler("graph:number")
def number(ctx: SyncContext, payload: int) -> int:
    """Return the payload, from a thread, and enqueue a child that waits for this very run."""
    ctx.enqueue(Task("graph:sum", queue="sums", depends_on=ctx.task.id))
    return payload
