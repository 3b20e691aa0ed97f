"""The shared connections to one server: few, reused in the order last used first.

Calls of many tasks go down one connection as a pipeline; another is opened only when the first is
deep in work, up to the pool size. Nobody checks a connection out, so nobody waits for one. One
attempt to connect serves all who need it, so an outage costs one socket and not one per caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rediq_core.connection.wire import Wire

# Replies due on one connection before another is opened: enough for a full pipeline of small
# calls, few enough that a reply of some MiB does not hold up hundreds of others.
PIPELINE_DEPTH = 64


class Wires:
    """Keep up to `size` connections to one server. Belongs to one event loop."""

    def __init__(
        self, open_wire: Callable[[Callable[[Wire], None]], Awaitable[Wire]], size: int
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            open_wire: Opens one connection, given whom to tell when it is lost.
            size: Connections at most.
        """
        self._open_wire = open_wire
        self._size = size
        self._wires: list[Wire] = []
        self._opening: asyncio.Task[Wire] | None = None

    def ready(self) -> Wire | None:
        """Return the connection to use now, or None if one must be opened first."""
        wires = self._wires
        if not wires:
            return None
        best = wires[-1]
        if best.load < PIPELINE_DEPTH:
            return best
        best = min(wires, key=lambda wire: wire.load)
        if best.load >= PIPELINE_DEPTH and len(wires) < self._size and self._opening is None:
            _ = self._begin_opening()
        return best

    async def get(self) -> Wire:
        """Return a connection, opening one if there is none.

        Raises:
            Exception: What `dial` raises.
        """
        wire = self.ready()
        if wire is not None:
            return wire
        opening = self._opening or self._begin_opening()
        # Shielded: a cancelled caller must not take the connection from the others.
        return await asyncio.shield(opening)

    async def aclose(self) -> None:
        """Close all; a later `get` opens new ones."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        wires, self._wires = self._wires, []
        for wire in wires:
            wire.close()
        for wire in wires:
            await wire.wait_closed()

    def _begin_opening(self) -> asyncio.Task[Wire]:
        self._opening = asyncio.create_task(self._open())
        self._opening.add_done_callback(self._opened)
        return self._opening

    async def _open(self) -> Wire:
        wire = await self._open_wire(self._forget)
        if wire.lost is None:
            self._wires.append(wire)
        return wire

    def _opened(self, opening: asyncio.Task[Wire]) -> None:
        if self._opening is opening:
            self._opening = None
        if not opening.cancelled():
            opening.exception()  # all who cared have it; without this asyncio would log it

    def _forget(self, wire: Wire) -> None:
        if wire in self._wires:
            self._wires.remove(wire)
