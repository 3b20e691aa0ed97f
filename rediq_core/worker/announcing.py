"""Tells Redis, and so operators, which task processes a supervisor has and what they do.

A row a process, written each few seconds and at once when something changes; it expires if nobody
writes it. It decides nothing: leases do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from rediq_core.errors import RediqError
from rediq_core.keys import global_key
from rediq_core.scripts.call import Call
from rediq_core.verbs import presence
from rediq_core.worker.desk import Desk
from rediq_core.worker.seat import Seat, worker_row

log = logging.getLogger("rediq.supervisor")
# Seconds between announcements in Redis; a worker counts as lost after three missed ones.
ANNOUNCE_S = 5.0
# Seconds for one announcement; a late one is worth nothing.
_DEADLINE_S = 2.0


class Announcer:
    """Announce the seats of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(ANNOUNCE_S)

    async def once(self) -> None:
        """Announce now: 1 round trip; a Redis that is away is no error."""
        desk, is_stopping = self._desk, self._desk.is_stopping()
        calls = [
            presence.announce(
                desk.space, worker_row(seat, desk.supervisor_id, is_stopping=is_stopping)
            )
            for seat in desk.seats
            if seat.pid and seat.table is not None
        ]
        await self._send(calls, _DEADLINE_S)

    async def withdraw(self, seat: Seat) -> None:
        """Take back the row of a process that ended as it should, or say that it is lost.

        1 round trip. One that was never ready was not announced as a worker yet.
        """
        desk = self._desk
        if not seat.worker_id:
            return
        if not (desk.is_stopping() or seat.is_retired):
            if seat.is_ready:
                await self._send([presence.mark_lost(desk.space, seat.worker_id)], 1.0)
            return
        try:
            await desk.link.commands(
                presence.withdraw_commands(desk.space.namespace, seat.worker_id),
                key=global_key(desk.space.namespace, "workers"),
                deadline_s=1.0,
            )
        except RediqError as error:
            log.debug("not withdrawn: %s", error.message)

    async def _send(self, calls: Sequence[Call[int]], deadline_s: float) -> None:
        if not calls:
            return
        try:
            replies = await self._desk.executor.run_many(calls, deadline_s=deadline_s)
        except RediqError as error:
            replies = [error]
        for reply in replies:
            if isinstance(reply, RediqError):
                log.debug("not announced: %s", reply.message)
