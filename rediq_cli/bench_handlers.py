"""What `rediq bench` has its workers run: nothing, and the time at which a handler starts."""

from __future__ import annotations

from rediq_core import Context, Mux
from rediq_core.clock import SYSTEM_CLOCK

mux = Mux()


@mux.handler("bench:noop")
async def noop(_: Context, payload: object) -> None:
    """Do nothing."""


@mux.handler("bench:clock")
async def clock(_: Context) -> float:
    """Return when it started, by this machine's monotonic clock."""
    return SYSTEM_CLOCK.monotonic()
