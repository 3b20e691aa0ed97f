"""Task ids: sortable by time, leading to their queue, never the same twice.

An id is 26 characters of Crockford base32: 10 of wall-clock milliseconds, 4 of the first 20 bits
of the SHA-1 of its queue's name, 12 random ones that only grow within one process and
millisecond. So ids made by one process sort in the order they were made, and `queue_tag` of an id
names the few queues it can be in. Uniqueness across processes rests on 60 random bits, seeded
anew in every process, also after a fork: equal ids in two processes would read as one caller's
repeat, and a task would be lost. Ids are not secrets.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from functools import lru_cache

from rediq_core.clock import SYSTEM_CLOCK, Clock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 26
_RANDOM_LIMIT = 1 << 60
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_IS_CROCKFORD = frozenset(ALPHABET)


@lru_cache(maxsize=4096)
def tag_of_queue(queue: str) -> str:
    """Return the 4 characters that ids of this queue carry at positions 10 to 13."""
    bits = int.from_bytes(hashlib.sha1(queue.encode(), usedforsecurity=False).digest()[:3]) >> 4
    return _PAIRS[bits >> 10] + _PAIRS[bits & 1023]


def queue_tag(task_id: str) -> str | None:
    """Return the queue tag of an id this module made, or None for any other form."""
    if len(task_id) != ID_LENGTH or not _IS_CROCKFORD.issuperset(task_id):
        return None
    return task_id[10:14]


def likely_queues(task_id: str, queues: Iterable[str]) -> list[str]:
    """Return the queues that an id can be in: those its tag names, else all."""
    tag = queue_tag(task_id)
    if tag is not None:
        return [queue for queue in queues if tag_of_queue(queue) == tag]
    return list(queues)


class IdMaker:
    """Make ids for one process; thread-safe, and started anew in a forked child."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self.reseed()

    def reseed(self) -> None:
        """Forget the sequence, so that a forked child never continues its parent's."""
        self._lock = threading.Lock()
        self._ms = 0
        self._prefix = ""
        self._random = 0
        # The upper half of the random part, written: it changes once in some hundred ids.
        self._high = -1
        self._head = ""
        self._steps: list[int] = []

    def new(self, queue: str) -> str:
        """Return a fresh id for a task of this queue."""
        now_ms = self._clock.now_ms()
        with self._lock:
            if now_ms > self._ms:
                self._start_ms(now_ms)
            else:
                self._random += self._step()
                if self._random >= _RANDOM_LIMIT:
                    self._start_ms(self._ms + 1)
            random = self._random
            if random >> 30 != self._high:
                self._high = random >> 30
                self._head = _encode_30(self._high)
            prefix, head = self._prefix, self._head
        p = _PAIRS
        low = p[random >> 20 & 1023] + p[random >> 10 & 1023] + p[random & 1023]
        return prefix + tag_of_queue(queue) + head + low

    def _start_ms(self, now_ms: int) -> None:
        self._ms = now_ms
        self._prefix = _encode_50(now_ms)
        # The top bit stays free so that steps within the millisecond have room.
        self._random = int.from_bytes(os.urandom(8)) >> 5

    def _step(self) -> int:
        if not self._steps:
            seed = os.urandom(3 * 64)
            self._steps = [1 + int.from_bytes(seed[i : i + 3]) for i in range(0, len(seed), 3)]
        return self._steps.pop()


def derived_id(parent_id: str, ordinal: int, queue: str) -> str:
    """Return the id of a handler's n-th child, the same each time the handler runs again.

    Args:
        parent_id: Id of the running task.
        ordinal: Which enqueue of this run it is, from 0.
        queue: The child's queue.
    """
    digest = hashlib.sha1(f"{parent_id}/{ordinal}/{queue}".encode(), usedforsecurity=False).digest()
    parent_time = parent_id[:10] if queue_tag(parent_id) is not None else "0" * 10
    return parent_time + tag_of_queue(queue) + _encode_60(int.from_bytes(digest[:8]) >> 4)


def id_time_ms(task_id: str) -> int | None:
    """Return the milliseconds an id was made at, or None for an id of another form."""
    if queue_tag(task_id) is None:
        return None
    ms = 0
    for character in task_id[:10]:
        ms = ms << 5 | ALPHABET.index(character)
    return ms


def _encode_50(value: int) -> str:
    p = _PAIRS
    return (
        p[value >> 40 & 1023]
        + p[value >> 30 & 1023]
        + p[value >> 20 & 1023]
        + p[value >> 10 & 1023]
        + p[value & 1023]
    )


def _encode_30(value: int) -> str:
    p = _PAIRS
    return p[value >> 20] + p[value >> 10 & 1023] + p[value & 1023]


def _encode_60(value: int) -> str:
    return _encode_30(value >> 30) + _encode_30(value & (1 << 30) - 1)


_MAKER = IdMaker()
if hasattr(os, "register_at_fork"):  # absent on Windows only
    os.register_at_fork(after_in_child=_MAKER.reseed)


def new_id(queue: str) -> str:
    """Return a fresh id for a task of this queue, from this process's sequence."""
    return _MAKER.new(queue)
