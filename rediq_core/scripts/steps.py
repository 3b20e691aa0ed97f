"""Logic that needs several round trips, written once and driven by either executor.

Such logic is a generator: it yields what it wants to know, gets the replies, and returns its
result. It does no I/O, so tests can drive it reply by reply, and stop it between any two. The
drivers here only send; they know nothing of what is asked.

Example:
    def look(space: Space) -> Steps[int]:
        replies = yield [read_queue(space, "mail", minute=0)]
        return len(replies)
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from rediq_core import keys
from rediq_core.scripts.call import Call
from rediq_core.scripts.executor import AsyncExecutor, SyncExecutor

T = TypeVar("T")
# Calls to send as one pipeline a node, each answered by its result or its error; or None for the
# names of all queues, answered by these.
Request = Sequence[Call[object]] | None
Steps = Generator[Request, list[object], T]
# Calls of one pipeline: bounds the replies that are in memory at once.
PIPELINE = 200


async def drive_async(
    steps: Steps[T], executor: AsyncExecutor, namespace: str, *, deadline_s: float | None
) -> T:
    """Send what the steps ask for until they return; a round trip for each 200 calls.

    Raises:
        RediqError: Redis could not be reached for the names of queues, or what the steps raise.
    """
    try:
        request = next(steps)
        while True:
            if request is None:
                names = await executor.link.command(
                    "SMEMBERS", _names(namespace), deadline_s=deadline_s
                )
                request = steps.send(_sorted(names))
                continue
            replies: list[object] = []
            for at in range(0, len(request), PIPELINE):
                chunk = request[at : at + PIPELINE]
                replies += await executor.run_many(chunk, deadline_s=deadline_s)
            request = steps.send(replies)
    except StopIteration as end:
        result: T = end.value
        return result


def drive_sync(
    steps: Steps[T], executor: SyncExecutor, namespace: str, *, deadline_s: float | None
) -> T:
    """Do what `drive_async` does, blocking the calling thread."""
    try:
        request = next(steps)
        while True:
            if request is None:
                names = executor.link.command("SMEMBERS", _names(namespace), deadline_s=deadline_s)
                request = steps.send(_sorted(names))
                continue
            replies: list[object] = []
            for at in range(0, len(request), PIPELINE):
                chunk = request[at : at + PIPELINE]
                replies += executor.run_many(chunk, deadline_s=deadline_s)
            request = steps.send(replies)
    except StopIteration as end:
        result: T = end.value
        return result


def _names(namespace: str) -> str:
    return keys.global_key(namespace, "queues")


def _sorted(names: Sequence[bytes]) -> list[object]:
    words: list[object] = [name.decode("utf-8", "replace") for name in names]
    words.sort(key=str)
    return words
