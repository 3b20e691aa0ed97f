"""A line in the log for each run of a task, with the order it is about."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from rediq_core import Context, Snooze

log = logging.getLogger("order_system")
Next = Callable[[Context], Awaitable[object]]


class OrderLog:
    """Log when a task of an order starts, and how it ended."""

    def before(self, ctx: Context) -> None:
        """Remember which order it is; a payload that is none has none."""
        payload = json.loads(ctx.task.payload_json or b"null")
        order = payload.get("order_id") if isinstance(payload, dict) else None
        ctx.state["order"] = "no order" if order is None else f"order {order}"
        log.debug("%s: %s starts", ctx.state["order"], ctx.task.type)

    def after(self, ctx: Context, result: object) -> None:
        """Say how it ended."""
        order, task = ctx.state["order"], ctx.task
        if not isinstance(result, BaseException):
            log.info("%s: %s done (attempt %d)", order, task.type, ctx.attempt)
        elif isinstance(result, Snooze):
            log.info("%s: %s put off: %s", order, task.type, result)
        else:
            log.warning("%s: %s failed (attempt %d): %s", order, task.type, ctx.attempt, result)
