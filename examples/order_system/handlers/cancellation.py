"""Calls orders off: on request, when they are not paid in time, and when a payment is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from contextlib import suppress

from order_system.contracts import (
    CANCEL,
    INVENTORY,
    TIMEOUT,
    TIMEOUT_CHECK,
    CallOff,
    Inventory,
    Operation,
)
from order_system.ledger import CALLED_OFF, Ledger, Order, Status
from order_system.resources import shop_mux
from order_system.settings import SETTINGS
from rediq_core import Client, Context, RediqError, Snooze, Task, TaskState
from rediq_core.errors import TaskNotFound

mux = shop_mux()
# Seconds to wait for a payment that is under way, before the order may be called off.
PAYING_S = 1.0
# Steps whose tasks are of no use any more, those that wait for others first.
STEPS = ("shipping", "payment", "inventory", "timeout")
# A payment in one of these will not go on by itself.
GIVEN_UP = {TaskState.DEAD, TaskState.CANCELLED}


@mux.handler(CANCEL)
async def cancel(ctx: Context, wish: CallOff, ledger: Ledger, client: Client) -> Status:
    """Call an order off, if it is not paid."""
    return await _call_off(ctx, Status.CANCELLED, wish, ledger, client)


@mux.handler(TIMEOUT)
async def time_out(ctx: Context, wish: CallOff, ledger: Ledger, client: Client) -> Status:
    """Call an order off that is still not paid."""
    return await _call_off(ctx, Status.TIMEOUT, wish, ledger, client)


@mux.handler(TIMEOUT_CHECK)
async def check(ctx: Context, _: object, ledger: Ledger, client: Client) -> int:
    """Mend what is left over from workers that died at a bad moment; return how many orders.

    A net under everything else: a hook runs at most once, and a task may die of its losses.
    """
    mended = 0
    for order in await asyncio.to_thread(ledger.unsettled, SETTINGS.order_timeout_s):
        mended += 1
        if order.status in CALLED_OFF:
            await ctx.enqueue(_rollback(order))
        elif order.is_overdue:
            await ctx.enqueue(TIMEOUT.task(CallOff(order_id=order.id, reason="not paid in time")))
        elif dead := await _dead_step(order, client):
            reason = f"its {dead} is dead"
            await ctx.enqueue(CANCEL.task(CallOff(order_id=order.id, reason=reason)))
        else:
            mended -= 1
    return mended


async def _dead_step(order: Order, client: Client) -> str:
    for step in ("inventory", "payment"):
        if step in order.tasks and await _is_over(order.tasks[step], client, {TaskState.DEAD}):
            return step
    return ""


async def _is_over(task_id: str, client: Client, states: Set[TaskState]) -> bool:
    with suppress(TaskNotFound):
        view = await client.get(task_id)
        return view.state in states
    return False


async def _call_off(
    ctx: Context, status: Status, wish: CallOff, ledger: Ledger, client: Client
) -> Status:
    order = await asyncio.to_thread(ledger.call_off, wish.order_id, status, wish.reason, ctx.id)
    payment_id = order.payer or (order.tasks.get("payment") if order.status is Status.PAID else "")
    if payment_id and await _is_over(payment_id, client, GIVEN_UP):
        await asyncio.to_thread(ledger.undo_payment, order.id, payment_id)
        return await _call_off(ctx, status, wish, ledger, client)
    if order.payer:
        raise Snooze("a payment is under way", delay=PAYING_S)
    if order.status in CALLED_OFF:
        await ctx.enqueue(_rollback(order))
        for task_id in (order.tasks.get(step) for step in STEPS):
            if task_id and task_id != ctx.id:
                with suppress(RediqError):  # it has ended already
                    await client.cancel(task_id, reason=wish.reason)
    return order.status


def _rollback(order: Order) -> Task[object]:
    return INVENTORY.task(Inventory(order_id=order.id, operation=Operation.ROLLBACK))
