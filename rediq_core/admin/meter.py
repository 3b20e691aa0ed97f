"""Count what an Admin costs Redis, for who has promised to stay within a budget.

A link that counts the commands it sends and how often it waits for replies. It changes nothing of
what is sent. Of a script sent again because the server did not know it, only the first try counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rediq_core.connection.raw import Arg, RawCall, Reply
from rediq_core.connection.sync import DEFAULT_DEADLINE_S, SyncLink
from rediq_core.errors import RediqError


@dataclass(slots=True)
class Meter:
    """What was sent so far. Written by the thread that uses the link; exact for one thread.

    Attributes:
        commands: Commands and script calls.
        round_trips: Times somebody waited for replies.
    """

    commands: int = 0
    round_trips: int = 0

    def count(self, commands: int) -> None:
        """Count one round trip with so many commands."""
        self.commands += commands
        self.round_trips += 1


class MeteredLink(SyncLink):
    """A link that counts.

    Attributes:
        meter: What was counted.
    """

    @classmethod
    def beside(cls, link: SyncLink) -> MeteredLink:
        """Return a link to the same servers that counts; the other one is left as it is."""
        metered = cls(link.topology)
        metered.meter = Meter()
        return metered

    meter: Meter

    def evalsha(self, call: RawCall, *, deadline_s: float | None = DEFAULT_DEADLINE_S) -> Reply:
        """Run one script, as `SyncLink` does."""
        self.meter.count(1)
        return super().evalsha(call, deadline_s=deadline_s)

    def evalsha_many(
        self, calls: Sequence[RawCall], *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> list[Reply | RediqError]:
        """Run several scripts, as `SyncLink` does."""
        self.meter.count(len(calls))
        return super().evalsha_many(calls, deadline_s=deadline_s)

    def command(
        self,
        *args: Arg,
        key: str | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> Reply:
        """Run one plain command, as `SyncLink` does."""
        self.meter.count(1)
        return super().command(*args, key=key, deadline_s=deadline_s)

    def commands(
        self,
        commands: Sequence[Sequence[Arg]],
        *,
        key: str | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> list[Reply | RediqError]:
        """Run several plain commands, as `SyncLink` does."""
        self.meter.count(len(commands))
        return super().commands(commands, key=key, deadline_s=deadline_s)
