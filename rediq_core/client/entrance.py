"""Which script takes a client's tasks into a queue, and what to send when that one cannot.

Nearly every task has a priority and no more, and a script for those alone costs the server half.
It passes on what it does not know: then the whole script is sent, and for that queue from then on,
until the next minute. Pure: the clients send.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.scripts.call import Call, Space
from rediq_core.verbs.enqueue import (
    EncodedTask,
    EnqueueReply,
    EnqueueStatus,
    enqueue,
    enqueue_plain,
    is_plain,
)


class Entrance:
    """What one client knows of the queues it puts tasks into."""

    def __init__(self, space: Space) -> None:
        self._space = space
        # Queue to the minute in which it asked for the whole script.
        self._whole: dict[str, int] = {}

    def call(self, queue: str, chunk: Sequence[EncodedTask], minute: int) -> Call[EnqueueReply]:
        """Return the first call for tasks of one queue."""
        if self._whole.get(queue) != minute and is_plain(chunk):
            return enqueue_plain(self._space, queue, chunk, minute=minute)
        return enqueue(self._space, queue, chunk, minute=minute)

    def next_call(
        self, queue: str, chunk: Sequence[EncodedTask], minute: int, status: EnqueueStatus
    ) -> Call[EnqueueReply]:
        """Return what to send after a call that did nothing.

        After UNREGISTERED the caller first adds the queue to the set of queues.
        """
        if status is EnqueueStatus.NOT_PLAIN:
            self._whole[queue] = minute
        is_registering = status is EnqueueStatus.UNREGISTERED
        return enqueue(self._space, queue, chunk, minute=minute, is_registering=is_registering)
