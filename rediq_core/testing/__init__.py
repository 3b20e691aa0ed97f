"""Test what enqueues tasks and what handles them, without a server and without waiting.

`capture` takes what any client enqueues, `context` calls a handler directly, `drain` runs what was
captured: with retries, delays, dependencies and groups, on a clock that jumps to whatever is due.

Example:
    async def test_an_order_is_paid_and_shipped() -> None:
        with capture() as enqueued:
            await place_order(client, 7)
            assert enqueued.one(payment).payload == PaymentPayload(order_id=7)

            await drain(mux)

            assert enqueued.view(enqueued.one(shipping)).state is TaskState.COMPLETED
"""

from __future__ import annotations

from rediq_core.testing.captured import Captured
from rediq_core.testing.capturing import capture
from rediq_core.testing.contexts import HandlerContext, SyncHandlerContext, context, sync_context
from rediq_core.testing.draining import Run, drain

__all__ = [
    "Captured",
    "HandlerContext",
    "Run",
    "SyncHandlerContext",
    "capture",
    "context",
    "drain",
    "sync_context",
]
