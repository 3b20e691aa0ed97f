"""The ledger: what producers asked and handlers did, on a server that no fault ever touches.

A Redis process of its own with one stream, so everything has one order and one clock. Nothing of
the engine under test is used to write or read it. A row says what happened (`e`), to which task
(`id`), and who says so (`pid`): ask, ack, refused and unsure from producers; start, fail, stopped
and effect from handlers, with the claim's token.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

VARIABLE = "REDIQ_CHAOS_LEDGER"
STREAM = "ledger"


class Row(NamedTuple):
    """One line of the ledger; `order` counts all rows, `ms` is the ledger's clock."""

    order: int
    ms: int
    event: str
    id: str
    token: str
    pid: int
    note: str


class Ledger:
    """A connection to the ledger. Each process makes its own."""

    def __init__(self, url: str | None = None) -> None:
        self._client = redis.Redis.from_url(
            url or os.environ[VARIABLE],
            decode_responses=True,
            socket_timeout=60,
            retry=Retry(NoBackoff(), 0),
        )

    def write(self, event: str, task_id: str, token: str = "", note: str = "") -> None:
        """Append one row; it is there when this returns."""
        row = {"e": event, "id": task_id, "t": token, "p": os.getpid(), "n": note}
        self._client.xadd(STREAM, row)

    def read(self) -> list[Row]:
        """Return all rows in order."""
        rows = self._client.xrange(STREAM)
        return [
            Row(i, int(at.partition("-")[0]), f["e"], f["id"], f["t"], int(f["p"]), f["n"])
            for i, (at, f) in enumerate(rows)
        ]

    def __len__(self) -> int:
        return int(self._client.xlen(STREAM))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
