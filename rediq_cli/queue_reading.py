"""Read all that is shown of one queue.

Beside its numbers, which all queues have at hand: the last quarter of an hour, the causes of
failures, and the first tasks in line.
"""

from __future__ import annotations

from collections import Counter

from rediq_cli.output.queue_page import IN_LINE, MINUTE_MS, SPANS, TOP, QueuePage
from rediq_core.admin import Admin
from rediq_core.model.state import TaskState


def read_queue_page(admin: Admin, name: str) -> QueuePage:
    """Read all that is shown of a queue: about 12 round trips, no task but the first in line.

    Raises:
        QueueNotFound: It does not exist.
    """
    view = admin.queue(name)
    (history,) = admin.history([name], (max(SPANS) + 1) * MINUTE_MS, step_ms=MINUTE_MS)
    line = admin.page(name, TaskState.PENDING, limit=IN_LINE).tasks if view.pending else ()
    types = Counter(task.type for task in line)
    failures = admin.failures([name])
    return QueuePage(view, history, failures[:TOP], dict(types.most_common(TOP)))
