"""What every part of the operator API stands on: an executor, a namespace, and permission.

One value that is handed around, so that each noun has its own file and all of them share the way
calls are sent and errors come back. It holds no state of queues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from rediq_core import keys
from rediq_core.connection.raw import Reply
from rediq_core.errors import QueueNotFound, RediqError, Refused, SchemaMismatch
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.executor import DEFAULT_DEADLINE_S, SyncExecutor
from rediq_core.verbs.presence import Command, read_time_ms

T = TypeVar("T")
# Takes a queue and the parents in it whose children must be told now.
Deliver = Callable[[str, Sequence[str]], None]
# Calls of one pipeline: bounds the replies that are in memory at once.
PIPELINE = 200


def leave_to_sweep(queue: str, parents: Sequence[str]) -> None:
    """Deliver nothing: the sweep of any worker finds these parents in the queue's outbox."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the queues of one namespace.

    Attributes:
        executor: Sends calls; closed by whoever opened it.
        namespace: Prefix of every key.
        deadline_s: Seconds for each call, all tries together.
        is_read_only: Refuse everything that writes.
        deliver: Told of finished parents whose children wait.
    """

    executor: SyncExecutor
    namespace: str = keys.DEFAULT_NAMESPACE
    deadline_s: float = DEFAULT_DEADLINE_S
    is_read_only: bool = False
    deliver: Deliver = field(default=leave_to_sweep, compare=False)

    @property
    def space(self) -> Space:
        """Where keys lie; instants are the server's."""
        return Space(self.namespace)

    def run(self, call: Call[T]) -> T:
        """Send one call: one round trip. Raises what it raises."""
        return self.executor.run(call, deadline_s=self.deadline_s)

    def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Send many calls, PIPELINE of them a round trip and node.

        Raises:
            RediqError: The first that any of them met.
        """
        results: list[T] = []
        for at in range(0, len(calls), PIPELINE):
            chunk = calls[at : at + PIPELINE]
            replies = self.executor.run_many(chunk, deadline_s=self.deadline_s)
            for call, reply in zip(chunk, replies, strict=True):
                # Alone, the executor also says which key is of the wrong type.
                results.append(
                    self.run(call) if isinstance(reply, SchemaMismatch) else _sound(reply)
                )
        return results

    def commands(self, commands: Sequence[Command], *, key: str | None = None) -> list[Reply]:
        """Send plain commands in one round trip, by default to where the global keys lie.

        Raises:
            RediqError: The first that any of them met.
        """
        if not commands:
            return []
        home = key or keys.global_key(self.namespace, "queues")
        replies = self.executor.link.commands(commands, key=home, deadline_s=self.deadline_s)
        return [_sound(reply) for reply in replies]

    def now_ms(self) -> int:
        """Return the server's time: one round trip."""
        (time,) = self.commands([("TIME",)])
        return read_time_ms(time)

    def queue_names(self) -> list[str]:
        """Return all queues in order: one round trip, O(queues)."""
        (found,) = self.commands([("SMEMBERS", keys.global_key(self.namespace, "queues"))])
        return sorted(name.decode("utf-8", "replace") for name in found)

    def require_queue(self, name: str) -> None:
        """Check that a queue exists: one round trip.

        Raises:
            QueueNotFound: It does not; names one that is spelled alike.
        """
        key = keys.global_key(self.namespace, "queues")
        (is_known,) = self.commands([("SISMEMBER", key, name)])
        if not is_known:
            raise unknown_queue(name, self.queue_names())

    def require_writable(self, deed: str) -> None:
        """Check that writing is allowed.

        Args:
            deed: What is about to be done, such as "pause payment".

        Raises:
            Refused: It is not.
        """
        if self.is_read_only:
            raise Refused(
                f"This connection is read-only, so it did not {deed}.",
                cause="The configuration, the profile or the caller says so.",
                next_step="Use another profile, or open it without read-only.",
            )


def unknown_queue(name: str, known: Sequence[str]) -> QueueNotFound:
    """Make the error for a queue that nobody has enqueued to."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return QueueNotFound(
        f"There is no queue {name}.",
        cause="A queue begins with its first task.",
        next_step=f"Did you mean {near[0]}?" if near else "See all: rediq queue list",
    )


def _sound(reply: T | RediqError) -> T:
    if isinstance(reply, RediqError):
        raise reply
    return reply
