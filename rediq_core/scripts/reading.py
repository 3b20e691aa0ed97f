"""An executor that cannot change anything: it runs scripts that are declared as reading.

Redis holds a script to that declaration itself (`#!lua flags=no-writes`, since 7.0); here a script
without it is not even sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rediq_core.connection.reading import ReadingLink, read_only
from rediq_core.errors import RediqError
from rediq_core.scripts.call import Call
from rediq_core.scripts.executor import DEFAULT_DEADLINE_S, SyncExecutor

T = TypeVar("T")


class ReadingExecutor(SyncExecutor):
    """Send calls that read; refuse the rest before they are sent.

    Attributes:
        link: The connection, which refuses plain commands that write.
    """

    def __init__(self, link: ReadingLink) -> None:
        super().__init__(link)

    def run(self, call: Call[T], *, deadline_s: float | None = DEFAULT_DEADLINE_S) -> T:
        """Send one call that reads; see `SyncExecutor.run`.

        Raises:
            Refused: Its script writes.
        """
        _check(call)
        return super().run(call, deadline_s=deadline_s)

    def run_many(
        self, calls: Sequence[Call[T]], *, deadline_s: float | None = DEFAULT_DEADLINE_S
    ) -> list[T | RediqError]:
        """Send calls that all read, or none.

        Raises:
            Refused: The script of one of them writes.
        """
        for call in calls:
            _check(call)
        return super().run_many(calls, deadline_s=deadline_s)


def _check(call: Call[T]) -> None:
    if not call.script.is_read_only:
        raise read_only(f"run the script {call.script.name}")
