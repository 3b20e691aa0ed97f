"""Makes a cancel quick: tells the supervisor that holds a running task, after the intent is kept.

An order is a hint. The intent lies in the queue already and is found at the next renewal of a lease
at the latest, so whatever goes wrong here delays a cancel by seconds and loses none. Both clients
share what is sent and how it is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core import keys
from rediq_core.connection.raw import Reply
from rediq_core.errors import RediqError
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.executor import AsyncExecutor, SyncExecutor
from rediq_core.verbs import presence
from rediq_core.verbs.presence import Command, Do, Order

# Longest time spent on the hint, in seconds; a renewal is not later than three.
DEADLINE_S = 1.0


def push_cancel_sync(executor: SyncExecutor, namespace: str, queue: str, order: Order) -> None:
    """Tell whoever holds a task to stop it: 3 round trips; order.worker is filled in here."""
    try:
        claims, ask = _holder(namespace, queue, order.task)
        worker = _worker_of(executor.link.commands([ask], key=claims, deadline_s=DEADLINE_S))
        if not worker:
            return
        ask, home = _supervisor(namespace, worker)
        replies = executor.link.commands([ask], key=home, deadline_s=DEADLINE_S)
        call = _orders(namespace, replies, order, worker)
        if call is not None:
            executor.run(call, deadline_s=DEADLINE_S)
    except RediqError:
        return


async def push_cancel(executor: AsyncExecutor, namespace: str, queue: str, order: Order) -> None:
    """Do what `push_cancel_sync` does, from an event loop."""
    try:
        claims, ask = _holder(namespace, queue, order.task)
        worker = _worker_of(await executor.link.commands([ask], key=claims, deadline_s=DEADLINE_S))
        if not worker:
            return
        ask, home = _supervisor(namespace, worker)
        replies = await executor.link.commands([ask], key=home, deadline_s=DEADLINE_S)
        call = _orders(namespace, replies, order, worker)
        if call is not None:
            await executor.run(call, deadline_s=DEADLINE_S)
    except RediqError:
        return


def cancel_order(queue: str, task_id: str, at_ms: int, *, by: str, is_forced: bool) -> Order:
    """Return the order to cancel a task, its worker not known yet."""
    return Order(Do.CANCEL, "", at_ms, queue=queue, task=task_id, is_forced=is_forced, by=by)


def _holder(namespace: str, queue: str, task_id: str) -> tuple[str, Command]:
    claims = keys.queue_key(namespace, queue, "claims")
    return claims, ("HGET", claims, task_id)


def _worker_of(replies: Sequence[Reply | RediqError]) -> str:
    token = _text(replies)
    return presence.worker_of_token(token) if token else ""


def _supervisor(namespace: str, worker: str) -> tuple[Command, str]:
    return presence.supervisor_command(namespace, worker), keys.global_key(namespace, "workers")


def _orders(
    namespace: str, replies: Sequence[Reply | RediqError], order: Order, worker: str
) -> Call[int] | None:
    supervisor = _text(replies)
    if not supervisor:
        return None
    return presence.give_orders(Space(namespace), supervisor, [order.to(worker)])


def _text(replies: Sequence[Reply | RediqError]) -> str:
    (reply,) = replies
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""
