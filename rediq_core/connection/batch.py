"""Several requests with one deadline: which are answered, which are to be repeated, and where.

Shared by the asyncio and the blocking courier, who do the sending; nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rediq_core.connection.raw import Reply
from rediq_core.connection.request import Request
from rediq_core.connection.retry import Attempts, TryFailed
from rediq_core.connection.router import Detour, Directory
from rediq_core.connection.topology import Address, Topology
from rediq_core.connection.translate import Fate, fate_of
from rediq_core.errors import RediqError


class Place(NamedTuple):
    """Where a request goes.

    Attributes:
        address: The server.
        is_asking: True if the request must follow an ASKING.
    """

    address: Address
    is_asking: bool = False


class Batch:
    """What is known of several requests so far.

    Attributes:
        todo: Indices of those without a final outcome.
        asking: By index, the node to try next with ASKING.
        detour: What their failures have taught.
    """

    def __init__(self, requests: Sequence[Request], directory: Directory) -> None:
        self.todo = list(range(len(requests)))
        self.asking: dict[int, Address] = {}
        self.detour = Detour(directory.generation)
        self._directory = directory
        self._outcome: dict[int, Reply | RediqError] = {}

    def take(
        self, replies: Mapping[int, Reply | TryFailed], attempts: Attempts, topology: Topology
    ) -> None:
        """Sort the replies of one round.

        Raises:
            TryFailed: Some are to be repeated.
            ConfigError: A redirect from a server that was not said to be in a Cluster.
        """
        failures: dict[int, TryFailed] = {}
        for index, reply in replies.items():
            if not isinstance(reply, TryFailed):
                self._outcome[index] = reply
            elif fate_of(reply.error) is Fate.FINAL:
                self._outcome[index] = attempts.final(reply.error)
            else:
                failures[index] = reply
                self.detour.note(reply.error, self._directory, topology)
                if self.detour.ask_at is not None:
                    self.asking[index] = self.detour.ask_at
        self.detour.ask_at = None
        self.todo = sorted(failures)
        if failures:
            raise max(failures.values(), key=lambda failed: failed.was_sent)

    def give_up(self, error: RediqError) -> None:
        """End every request that is still to be repeated with `error`."""
        self._outcome.update((index, error) for index in self.todo)
        self.todo = []

    def replies(self) -> list[Reply | RediqError]:
        """Return the outcomes in the order of the requests."""
        return [self._outcome[index] for index in sorted(self._outcome)]
