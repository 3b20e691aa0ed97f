"""Tells Redis, and so operators, which task processes a supervisor has and what they do.

A row a process, written each few seconds and at once when something changes; it expires if nobody
writes it. It decides nothing: leases do.
"""

from __future__ import annotations

import asyncio
import logging

from rediq_core.connection.raw import Arg
from rediq_core.errors import RediqError
from rediq_core.keys import global_key
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
        """Announce now: 2 round trips; a Redis that is away is no error."""
        desk = self._desk
        commands: list[tuple[Arg, ...]] = []
        try:
            now = await desk.link.command("TIME", deadline_s=_DEADLINE_S)
            now_ms = int(now[0]) * 1000 + int(now[1]) // 1000
            for seat in desk.seats:
                if seat.pid and seat.table is not None:
                    row = worker_row(
                        seat, now_ms, desk.supervisor_id, is_stopping=desk.is_stopping()
                    )
                    commands += presence.announce_commands(desk.space.namespace, row, now_ms=now_ms)
            if commands:
                await desk.link.commands(commands, key=global_key(desk.space.namespace, "workers"))
        except RediqError as error:
            log.debug("not announced: %s", error.message)

    async def withdraw(self, seat: Seat) -> None:
        """Take back the row of a process that ended as it should, or say that it is lost.

        1 round trip. One that was never ready was not announced as a worker yet.
        """
        is_in_order = self._desk.is_stopping() or seat.is_retired
        if not seat.worker_id or not (is_in_order or seat.is_ready):
            return
        change = presence.withdraw_commands if is_in_order else presence.lost_commands
        try:
            await self._desk.link.commands(
                change(self._desk.space.namespace, seat.worker_id),
                key=global_key(self._desk.space.namespace, "workers"),
                deadline_s=1.0,
            )
        except RediqError as error:
            log.debug("not withdrawn: %s", error.message)
