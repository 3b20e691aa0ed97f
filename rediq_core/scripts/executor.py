"""The two executors: they send Calls down a link and read the replies.

Async and sync faces share every verb; only these two classes differ. They add what a link cannot
know: which body a server before Redis 7 takes, and which of a script's keys has the wrong type.
They hold no state of the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from rediq_core.connection.raw import Reply
from rediq_core.errors import RediqError, Refused, SchemaMismatch
from rediq_core.keys import redis_type
from rediq_core.scripts.call import Call
from rediq_core.scripts.commands import commands_of

if TYPE_CHECKING:
    from rediq_core.connection.aio import AsyncLink
    from rediq_core.connection.sync import SyncLink

T = TypeVar("T")
# Seconds a call may take, all tries together, unless its caller says otherwise.
DEFAULT_DEADLINE_S = 5.0


class AsyncExecutor:
    """Send calls from an event loop.

    Attributes:
        link: The connection; whoever made the executor closes it.
        is_legacy: Scripts are sent as Redis 6 takes them.
    """

    def __init__(self, link: AsyncLink) -> None:
        self.link = link
        self.is_legacy = False

    async def run(self, call: Call[T], *, deadline_s: float | None = DEFAULT_DEADLINE_S) -> T:
        """Send one call and read its reply: one round trip.

        Raises:
            RediqError: What the connection or the verb's reader says.
        """
        # As it was sent: another caller may learn meanwhile how old the server is.
        was_legacy = self.is_legacy
        try:
            reply = await self.link.evalsha(call.raw(is_legacy=was_legacy), deadline_s=deadline_s)
        except Refused as error:
            raise name_denied(call, error) from error
        except SchemaMismatch as error:
            if not was_legacy and await self.learn_age():
                return await self.run(call, deadline_s=deadline_s)
            types = [await self.link.command("TYPE", key, key=key) for key in call.keys]
            raise name_wrong_key(call, types, error) from error
        return call.read(reply)

    async def run_many(
        self, calls: Sequence[Call[T]], *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> list[T | RediqError]:
        """Send calls as one pipeline per node; each has its own result or error."""
        was_legacy = self.is_legacy
        raws = [call.raw(is_legacy=was_legacy) for call in calls]
        replies = await self.link.evalsha_many(raws, deadline_s=deadline_s)
        has_failed = any(isinstance(reply, SchemaMismatch) for reply in replies)
        if has_failed and not was_legacy and await self.learn_age():
            return await self.run_many(calls, deadline_s=deadline_s)
        return read_replies(calls, replies)

    async def learn_age(self) -> bool:
        """Learn from INFO whether scripts need the form for Redis 6; returns whether they do.

        For who sent one as a newer server takes it and was told that it failed: one round trip.
        """
        if not self.is_legacy:
            self.is_legacy = is_before_7(await self.link.command("INFO", "server"))
        return self.is_legacy


class SyncExecutor:
    """Send calls from any thread.

    Attributes:
        link: The connection; whoever made the executor closes it.
    """

    def __init__(self, link: SyncLink) -> None:
        self.link = link
        self.is_legacy = False

    def run(self, call: Call[T], *, deadline_s: float | None = DEFAULT_DEADLINE_S) -> T:
        """Send one call and read its reply: one round trip.

        Raises:
            RediqError: What the connection or the verb's reader says.
        """
        # As it was sent: another caller may learn meanwhile how old the server is.
        was_legacy = self.is_legacy
        try:
            reply = self.link.evalsha(call.raw(is_legacy=was_legacy), deadline_s=deadline_s)
        except Refused as error:
            raise name_denied(call, error) from error
        except SchemaMismatch as error:
            if not was_legacy and self._is_old_server():
                self.is_legacy = True
                return self.run(call, deadline_s=deadline_s)
            types = [self.link.command("TYPE", key, key=key) for key in call.keys]
            raise name_wrong_key(call, types, error) from error
        return call.read(reply)

    def run_many(
        self, calls: Sequence[Call[T]], *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> list[T | RediqError]:
        """Send calls as one pipeline per node; each has its own result or error."""
        was_legacy = self.is_legacy
        raws = [call.raw(is_legacy=was_legacy) for call in calls]
        replies = self.link.evalsha_many(raws, deadline_s=deadline_s)
        if not was_legacy and any(isinstance(reply, SchemaMismatch) for reply in replies):
            self.is_legacy = self._is_old_server()
            if self.is_legacy:
                return self.run_many(calls, deadline_s=deadline_s)
        return read_replies(calls, replies)

    def _is_old_server(self) -> bool:
        return is_before_7(self.link.command("INFO", "server"))


def read_replies(
    calls: Sequence[Call[T]], replies: Sequence[Reply | RediqError]
) -> list[T | RediqError]:
    """Read the replies of a pipeline; what a reader raises becomes that call's result."""
    results: list[T | RediqError] = []
    for call, reply in zip(calls, replies, strict=True):
        if isinstance(reply, RediqError):
            is_denied = isinstance(reply, Refused)
            results.append(name_denied(call, reply) if is_denied else reply)
            continue
        try:
            results.append(call.read(reply))
        except RediqError as error:
            results.append(error)
    return results


def name_denied(call: Call[T], error: RediqError) -> Refused:
    """Say what a script sends that this user may not: servers name the script by its SHA alone."""
    return Refused(
        error.message,
        cause=f"The script {call.script.name} sends {', '.join(commands_of(call.script.name))}.",
        next_step=error.next_step,
    )


def is_before_7(info: Reply) -> bool:
    """Say from INFO server whether `#!lua` is unknown there (Redis 6; Valkey counts as 7)."""
    for line in bytes(info).decode("utf-8", "replace").splitlines():
        name, _, version = line.partition(":")
        if name == "redis_version":
            return int(version.split(".")[0]) < 7  # Redis 7 brought script flags
    return False


def name_wrong_key(call: Call[T], types: Sequence[Reply], error: SchemaMismatch) -> SchemaMismatch:
    """Say which of a script's keys has the wrong type, and what it should be."""
    for name, key, found in zip(call.script.keys, call.keys, types, strict=True):
        actual = found.decode() if isinstance(found, bytes) else str(found)
        if actual not in ("none", redis_type(name)):
            return SchemaMismatch(
                f"{key} is a {actual}, and {call.script.name} needs a {redis_type(name)}.",
                cause="Something other than Rediq wrote it. Nothing was changed.",
                next_step=f"Look at it, then move it away: redis-cli RENAME '{key}' backup",
            )
    return error
