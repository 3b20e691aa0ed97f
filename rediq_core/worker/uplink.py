"""What a task process tells its parent: events as JSON lines, and counts once a second.

Nothing here waits: what the pipe does not take at once is kept and sent with the next word, and
counts are not collected while something is kept, so a parent that stands still costs no memory.
When the parent is gone, words go nowhere; who reads the pipe sees its end.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from typing import Final

from rediq_core.worker.lanes import Lane

# Seconds between reports of counts.
REPORT_S: Final = 1.0


class Uplink:
    """The writing side of a task process's pipe. Belongs to its main thread."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._unsent = b""

    def tell(self, event: dict[str, object]) -> None:
        """Send an event, after whatever is still unsent."""
        self._unsent += json.dumps(event).encode() + b"\n"
        self.push()

    def push(self) -> bool:
        """Send what is unsent as far as it goes; returns whether nothing is left."""
        while self._unsent:
            try:
                sent = self._pipe.send(self._unsent)
            except BlockingIOError:
                return False
            except OSError:
                self._unsent = b""
                break
            self._unsent = self._unsent[sent:]
        return True


def report_counts(uplink: Uplink, lanes: Sequence[Lane]) -> None:
    """Tell the parent what was counted since the last time; nothing if nothing was."""
    if not uplink.push():
        return
    queues = {lane.queue: rows for lane in lanes if (rows := lane.tallies.take())}
    if queues:
        uplink.tell({"event": "counts", "queues": queues})


async def report_for_ever(uplink: Uplink, lanes: Sequence[Lane]) -> None:
    """Report until cancelled."""
    while True:
        await asyncio.sleep(REPORT_S)
        report_counts(uplink, lanes)
