"""A verb's product: one script call, still unsent, and how to read its reply.

A `Call` is a value. It names its keys and arguments by position already, but was built by name; it
can be sent by either executor, and sent twice without harm. It does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rediq_core import keys
from rediq_core.connection.raw import Arg, RawCall, Reply
from rediq_core.scripts.loader import Script

T = TypeVar("T")
# What a call reads, it only gives: a Call[str] serves wherever a Call[object] does.
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One script call over the keys of one queue.

    Attributes:
        script: What runs.
        keys: All keys it touches, in the script's order.
        args: ARGV.
        read: Turns the reply into the verb's result; may raise RediqError.
    """

    script: Script
    keys: tuple[str, ...]
    args: tuple[Arg, ...]
    read: Callable[[Reply], T_co]

    def raw(self, *, is_legacy: bool = False) -> RawCall:
        """Return what a connection sends; `is_legacy` for servers before Redis 7."""
        script = self.script
        if is_legacy:
            return RawCall(script.legacy_sha, script.legacy_body, self.keys, self.args)
        return RawCall(script.sha, script.body, self.keys, self.args)


@dataclass(frozen=True, slots=True)
class Space:
    """Where a verb's keys lie, and the seam through which tests set the clock.

    Attributes:
        namespace: Prefix of every key.
        now_ms: 0 for the server's own TIME; anything else is taken as now.
    """

    namespace: str = keys.DEFAULT_NAMESPACE
    now_ms: int = 0

    def call(
        self,
        script: Script,
        queue: str,
        args: Sequence[Arg],
        read: Callable[[Reply], T],
        *,
        minute: int = 0,
    ) -> Call[T]:
        """Build the call of a script whose first argument is now.

        Args:
            script: What to run.
            queue: The queue; its name was checked before.
            args: ARGV after `now`.
            read: Reads the reply.
            minute: Number of the minute bucket, for scripts that count.
        """
        all_keys = keys.queue_keys(self.namespace, queue, script.keys, minute)
        return Call(script, all_keys, (self.now_ms, *args), read)

    def call_global(
        self, script: Script, row: str, args: Sequence[Arg], read: Callable[[Reply], T]
    ) -> Call[T]:
        """Build the call of a script over keys of no queue.

        Args:
            script: What to run.
            row: Id of the worker, supervisor or operation whose key is among them.
            args: ARGV after `now`.
            read: Reads the reply.
        """
        all_keys = keys.global_keys(self.namespace, script.keys, row)
        return Call(script, all_keys, (self.now_ms, *args), read)
