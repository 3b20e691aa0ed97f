"""Read what queues did over the last minutes, hours or days, for `stats` and the dashboard.

Everything comes from Redis, so it is there after every worker restarted. It reads only; which
buckets a range needs and what they mean is `verbs.history`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.admin.access import Access
from rediq_core.model.history import History
from rediq_core.scripts.call import Call
from rediq_core.verbs.history import Counted, assemble, first_reads, span_of, tail_reads


def read_history(
    access: Access, queues: Sequence[str] | None, range_ms: int, step_ms: int | None = None
) -> list[History]:
    """Read the history of queues, all cut into the same buckets.

    2 round trips, one more for a check of each queue named, and for each 200 reads: a queue takes
    one for 2 minutes of its range, or one for all hours or days and one for 2 minutes since the
    last sweep.

    Args:
        access: Where.
        queues: Which, in this order; None for all.
        range_ms: How far back.
        step_ms: Length of a bucket; None for what fits the range.

    Raises:
        QueueNotFound: One of them does not exist.
        InvalidOption: The range or step is out of bounds.
    """
    now_ms = access.now_ms()
    span = span_of(now_ms, range_ms, step_ms)
    if queues is None:
        queues = access.queue_names()
    else:
        for queue in queues:
            access.require_queue(queue)
    space = access.space
    found = _run(access, {q: first_reads(space, q, span, now_ms) for q in queues})
    tails = _run(access, {q: tail_reads(space, q, span, found[q], now_ms) for q in queues})
    return [assemble(queue, span, [*found[queue], *tails[queue]], now_ms) for queue in queues]


def _run(access: Access, calls: dict[str, list[Call[Counted]]]) -> dict[str, list[Counted]]:
    """Send the calls of all queues together."""
    replies = iter(access.run_all([call for each in calls.values() for call in each]))
    return {queue: [next(replies) for _ in each] for queue, each in calls.items()}
