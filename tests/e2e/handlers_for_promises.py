"""Handlers for what is promised of single tasks: hooks on death, results that stay."""

from __future__ import annotations

from rediq_core import Context, Failure, Mux, Permanent, SyncContext, Task

mux = Mux()


@mux.handler("quick")
async def quick(ctx: Context, payload: object) -> object:
    return payload


@mux.handler("told")
async def told(ctx: Context, payload: object) -> object:
    return payload


@mux.handler("doomed", max_retry=1, backoff=["20ms"])
async def doomed(ctx: Context, payload: str) -> None:
    raise ValueError(f"{payload} {ctx.attempt}")


@doomed.on_dead
async def tell_of_death(ctx: Context, payload: str, failure: Failure) -> None:
    await ctx.enqueue(Task("told", [payload, failure.message], id=f"told-of-{ctx.id}"))


@mux.handler("doomed:thread")
def doomed_in_a_thread(ctx: SyncContext) -> None:
    raise Permanent("never")


@doomed_in_a_thread.on_dead
def tell_of_death_in_a_thread(ctx: SyncContext, failure: Failure) -> None:
    ctx.enqueue(Task("told", failure.message, id=f"told-of-{ctx.id}"))


@mux.handler("doomed:twice")
async def doomed_twice(ctx: Context) -> None:
    raise Permanent("never")


@doomed_twice.on_dead
async def break_too(ctx: Context, failure: Failure) -> None:
    raise RuntimeError("the hook broke")


@doomed_twice.on_dead
async def tell_all_the_same(ctx: Context, failure: Failure) -> None:
    await ctx.enqueue(Task("told", failure.message, id=f"told-of-{ctx.id}"))
