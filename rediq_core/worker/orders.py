"""Takes operators' orders to a supervisor's task processes as soon as they are given.

A blocking read of one list; asleep it costs nothing. Orders are hints that make things quick: a
cancel is also an intent in the queue, which renewals find if the order is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import assert_never

from rediq_core.errors import RediqError
from rediq_core.verbs import presence
from rediq_core.worker.desk import Desk

log = logging.getLogger("rediq.supervisor")
# Seconds of one blocking read of the list of orders.
ORDERS_BLOCK_S = 30.0
# Seconds before listening again after Redis was away.
_AGAIN_S = 0.5


async def obey(desk: Desk, on_taken: Callable[[], None]) -> None:
    """Take orders until cancelled; `on_taken` is told after each."""
    waiter = desk.link.waiter([presence.orders_key(desk.space.namespace, desk.supervisor_id)])
    while True:
        try:
            if await waiter.wait(ORDERS_BLOCK_S) is not None:
                take_order(desk, waiter.element)
                on_taken()
        except RediqError as error:
            log.debug("cannot listen for orders: %s", error.message)
            await asyncio.sleep(_AGAIN_S)


def take_order(desk: Desk, line: bytes) -> None:
    """Pass one order on to the process that it names."""
    order = presence.parse_order(line)
    seat = next((s for s in desk.seats if order is not None and s.worker_id == order.worker), None)
    if order is None or seat is None:
        log.warning("an order for nobody here was dropped")
        return
    what = f"{order.do} of {order.task or order.worker}"
    log.info("%s, asked by %s", what, order.by or "somebody")
    match order.do:
        case presence.Do.CANCEL:
            seat.tell({"do": "cancel", "task": order.task, "force": order.is_forced})
        case presence.Do.STOP:
            seat.is_retired = True
            seat.tell({"do": "drain"})
        case presence.Do.PAUSE | presence.Do.RESUME:
            seat.tell({"do": order.do.value})
        case _:
            assert_never(order.do)
