"""A world in which it is always the same moment, so that output can be compared byte by byte.

Nothing under test is replaced: scripts get the moment through the seam that `Space.now_ms` is, the
server's replies to TIME are overwritten where they arrive, new ids are counted instead of drawn,
and the person is always ada@desk. Local waits go on by the real monotonic clock.

As a program it is `rediq` in that world: python -m tests.support.standing queue list
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

from rediq_cli import run
from rediq_core.clock import SystemClock
from rediq_core.connection.raw import Reply
from rediq_core.connection.sync import SyncLink
from rediq_core.model import ids
from rediq_core.scripts.call import Space

# 2027-01-15T08:00:00Z
NOON_MS = 1_800_000_000_000


class Moment:
    """When it is; moved only by who seeds.

    Attributes:
        now_ms: The moment.
        made: Ids made so far; no two moments of a scene may begin with the same number.
    """

    def __init__(self, now_ms: int = NOON_MS, *, first: int = 1) -> None:
        self.now_ms = now_ms
        self.made = first

    def new_id(self, queue: str) -> str:
        """Return an id made at this moment; the next one is greater, and ends otherwise."""
        self.made += 1
        random = (self.made << 40) + self.made * 0x9E3779B97F4A7C15 % (1 << 40)
        return ids._encode_50(self.now_ms) + ids.tag_of_queue(queue) + ids._encode_60(random)

    @property
    def reply(self) -> Reply:
        """What TIME answers."""
        seconds, ms = divmod(self.now_ms, 1000)
        return [b"%d" % seconds, b"%d" % (ms * 1000)]


@contextlib.contextmanager
def standing(moment: Moment | None = None) -> Iterator[Moment]:
    """Let it be one moment for everything in this process."""
    moment = moment or Moment()
    send = SyncLink.commands

    def commands(link: SyncLink, commands: Sequence[Sequence[Any]], **options: Any) -> list[Any]:
        replies = send(link, commands, **options)
        return [
            moment.reply if tuple(command) == ("TIME",) else reply
            for command, reply in zip(commands, replies, strict=True)
        ]

    namespace, _ = Space.__init__.__defaults__  # type: ignore[misc]  # both have one
    with (
        mock.patch.object(Space.__init__, "__defaults__", (namespace, moment.now_ms)),
        mock.patch.object(SyncLink, "commands", commands),
        mock.patch.object(SystemClock, "now_ms", return_value=moment.now_ms),
        mock.patch.object(ids._MAKER, "new", moment.new_id),
        mock.patch.object(platform, "node", return_value="desk"),
        mock.patch.dict(os.environ, {"LOGNAME": "ada"}),
    ):
        yield moment


if __name__ == "__main__":
    with standing():
        run()
