"""A link that cannot change anything: plain commands that only read, and nothing else.

What a read-only session is given instead of a `SyncLink`. Whether a script reads is not known here
(scripts/reading.py decides that); a command that is not in the list is refused unsent.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core.connection.raw import Arg, Reply
from rediq_core.connection.sync import DEFAULT_DEADLINE_S, SyncLink
from rediq_core.errors import RediqError, Refused

# Plain commands that change neither data nor settings, with their subcommand where that decides.
READING_COMMANDS = frozenset(
    {
        *("CLUSTER INFO", "CLUSTER SLOTS", "CONFIG GET", "EXISTS", "GET", "HGET", "HGETALL"),
        *("HLEN", "HMGET", "HSCAN", "INFO", "LLEN", "LRANGE", "PING", "SCAN", "SISMEMBER"),
        *("SMEMBERS", "TIME", "TTL", "TYPE", "XLEN", "XRANGE", "XREVRANGE", "ZCARD", "ZCOUNT"),
        *("ZLEXCOUNT", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK", "ZREVRANGE"),
        *("SLOWLOG GET", "ZREVRANGEBYSCORE", "ZSCAN", "ZSCORE"),
    }
)


class ReadingLink(SyncLink):
    """Send what reads; refuse the rest before it is sent."""

    def command(
        self,
        *args: Arg,
        key: str | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> Reply:
        """Run one plain command that reads; see `SyncLink.command`.

        Raises:
            Refused: It is none that only reads.
        """
        _check(args)
        return super().command(*args, key=key, deadline_s=deadline_s)

    def commands(
        self,
        commands: Sequence[Sequence[Arg]],
        *,
        key: str | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> list[Reply | RediqError]:
        """Run several plain commands, all of which read, or none.

        Raises:
            Refused: One of them is none that only reads.
        """
        for command in commands:
            _check(command)
        return super().commands(commands, key=key, deadline_s=deadline_s)

    def command_all(
        self, *args: Arg, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> dict[str, Reply | RediqError]:
        """Run one plain command that reads on every master.

        Raises:
            Refused: It is none that only reads.
        """
        _check(args)
        return super().command_all(*args, deadline_s=deadline_s)

    def blocking_pop(self, key: str, timeout_s: float) -> bytes | None:
        """Refuse: popping takes something away.

        Raises:
            Refused: Always.
        """
        del timeout_s
        raise read_only(f"take from {key}")


def read_only(deed: str) -> Refused:
    """Return the error for what a read-only session does not do."""
    return Refused(
        f"This connection is read-only, so it did not {deed}.",
        cause="The configuration, the profile or the caller says so.",
        next_step="Use another profile, or open it without read-only.",
    )


def _check(args: Sequence[Arg]) -> None:
    words = [str(word).upper() for word in args[:2]]
    if words[0] not in READING_COMMANDS and " ".join(words) not in READING_COMMANDS:
        raise read_only(f"send {words[0]}")
