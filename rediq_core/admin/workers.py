"""Who works here: live and lost workers, and what they are told to do.

Reads two or three pipelines over the global keys. An order to a supervisor makes an operator's will
happen at once; that it happens at all rests on what the queue's own keys say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import NamedTuple

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.errors import InvalidOption, RediqError, WorkerNotFound
from rediq_core.model.durations import format_ms
from rediq_core.model.views import WorkerView
from rediq_core.verbs import presence
from rediq_core.verbs.presence import Do, Order

# States in which a worker takes or may again take tasks.
_PRESENT = frozenset({"running", "paused"})
# Workers that an error names.
_NAMED = 5


class Roster(NamedTuple):
    """Who beat lately.

    Attributes:
        at_ms: Server time of the reading.
        workers: Latest beats first.
    """

    at_ms: int
    workers: tuple[WorkerView, ...]

    def per_queue(self) -> Counter[str]:
        """Return how many present workers take each queue."""
        present = [worker for worker in self.workers if worker.state in _PRESENT]
        return Counter(queue for worker in present for queue in set(worker.queues))


def read_roster(access: Access) -> Roster:
    """Read all workers of the last day: 2 round trips, O(workers); at most MAX_WORKERS."""
    time, flat = access.commands(presence.roster_commands(access.namespace))
    now_ms = presence.read_time_ms(time)
    beats = presence.read_beats(flat, now_ms)
    rows = access.commands([presence.row_command(access.namespace, name) for name in beats])
    views = [
        presence.read_worker(name, beat_ms, row, now_ms=now_ms)
        for (name, beat_ms), row in zip(beats.items(), rows, strict=True)
    ]
    return Roster(now_ms, tuple(view for view in views if view is not None))


def find_worker(access: Access, name: str) -> WorkerView:
    """Find a worker by its id or a part of it that only one has: 2 round trips.

    Raises:
        WorkerNotFound: None has it.
        InvalidOption: Several have it.
    """
    workers = read_roster(access).workers
    found = [worker for worker in workers if worker.id == name]
    found = found or [worker for worker in workers if name and name in worker.id]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidOption(
            f"{name!r} stands for {len(found)} workers.",
            cause=f"Among them {', '.join(worker.id for worker in found[:_NAMED])}.",
            next_step="Give more of the id.",
        )
    near = get_close_matches(name, [worker.id for worker in workers], n=1, cutoff=0.6)
    raise WorkerNotFound(
        f"There is no worker {name}.",
        cause="It stopped in order, or was lost more than a day ago.",
        next_step=f"Did you mean {near[0]}?" if near else "See all: rediq worker list",
    )


def order_worker(access: Access, name: str, do: Do, *, by: str = "") -> WorkerView:
    """Tell a worker's supervisor what to do with it: 3 round trips. Returns at once.

    Args:
        access: Where.
        name: The worker's id, or a part that only it has.
        do: What.
        by: Who says so, for the audit and the worker's log.

    Raises:
        WorkerNotFound: No worker has this id.
        InvalidOption: The id is not unique, or the worker cannot hear.
    """
    access.require_writable(f"{do} worker {name}")
    worker = find_worker(access, name)
    if worker.state == presence.LOST or not worker.supervisor:
        raise InvalidOption(
            f"Worker {worker.id} is {worker.state}, so it cannot be told to {do}.",
            cause=f"It was last heard of {format_ms(worker.beat_age_ms)} ago.",
            next_step="Its tasks go back to their queues by themselves.",
        )
    order = Order(do, worker.id, worker.beat_ms + worker.beat_age_ms, by=by)
    access.run(presence.give_orders(access.space, worker.supervisor, [order], is_journalled=True))
    return worker


def push_cancels(
    access: Access, queue: str, ids: Sequence[str], *, at_ms: int, is_forced: bool, by: str = ""
) -> None:
    """Tell the supervisors of running tasks to stop them now: 3 round trips for all.

    The intents are in the queue already, and are found at the next renewal of a lease at the
    latest. So whatever goes wrong here delays a cancel by seconds and loses none.

    Args:
        access: Where.
        queue: The tasks' queue.
        ids: Tasks with an intent.
        at_ms: Server time of the intent.
        is_forced: Kill what does not stop by itself.
        by: Who wants it, for the workers' logs.
    """
    with suppress(RediqError):
        claims = keys.queue_key(access.namespace, queue, "claims")
        (tokens,) = access.commands([("HMGET", claims, *ids)], key=claims)
        orders = [
            Order(
                Do.CANCEL,
                presence.worker_of_token(token.decode("utf-8", "replace")),
                at_ms,
                queue=queue,
                task=task_id,
                is_forced=is_forced,
                by=by,
            )
            for task_id, token in zip(ids, tokens, strict=True)
            if token
        ]
        _send(access, orders)


def _send(access: Access, orders: Sequence[Order]) -> None:
    workers = sorted({order.worker for order in orders})
    ask = [presence.supervisor_command(access.namespace, worker) for worker in workers]
    supervisors = dict(zip(workers, access.commands(ask), strict=True))
    by_supervisor: dict[str, list[Order]] = {}
    for order in orders:
        supervisor = supervisors[order.worker]
        if supervisor:
            name = supervisor.decode("utf-8", "replace")
            by_supervisor.setdefault(name, []).append(order)
    access.run_all(
        [
            presence.give_orders(access.space, supervisor, theirs)
            for supervisor, theirs in by_supervisor.items()
        ]
    )
