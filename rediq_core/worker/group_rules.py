"""Tells each queue how its group handlers collect, so that scripts know when a group is ripe.

Producers do not know the handler, and a claim must not carry what changes with a deploy only. So a
task process writes the rules of its handlers into the queue's policy: when it begins, and each
minute again, in case somebody emptied the server. Of two versions the one that wrote last counts,
until the older one is gone. Before anybody wrote, the handlers' own defaults hold.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence

from rediq_core.errors import RediqError
from rediq_core.model.groups import GroupRule
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.groups import declare_groups
from rediq_core.worker.lanes import Lane

log = logging.getLogger("rediq.worker")
# Seconds between writing the rules again; unchanged ones cost one small call.
AGAIN_S = 60.0
# Seconds until the next try when Redis did not take them.
RETRY_S = 1.0


class GroupRules:
    """Writes the rules of one task process. Its lanes with groups claim nothing before that."""

    def __init__(
        self,
        executor: AsyncExecutor,
        space: Space,
        lanes: Sequence[Lane],
        on_written: Callable[[], None],
    ) -> None:
        """Hold back the lanes.

        Args:
            executor: Sends calls.
            space: Namespace and clock.
            lanes: All lanes of the process.
            on_written: Told when a lane may claim.
        """
        self._executor = executor
        self._space = space
        self._lanes = [lane for lane in lanes if lane.group_rules]
        self._on_written = on_written
        for lane in self._lanes:
            lane.pause_until_s = math.inf

    async def declare_for_ever(self) -> None:
        """Write the rules now and again, until cancelled; ends if there are none."""
        while self._lanes:
            try:
                for lane in self._lanes:
                    await declare_once(self._executor, self._space, lane.queue, lane.group_rules)
                    self._open(lane)
            except RediqError as error:
                log.debug("group rules were not written: %s", error.message)
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(AGAIN_S)

    def _open(self, lane: Lane) -> None:
        if lane.pause_until_s == math.inf:
            lane.pause_until_s = 0.0
            self._on_written()


async def declare_once(
    executor: AsyncExecutor, space: Space, queue: str, rules: Mapping[str, GroupRule]
) -> None:
    """Write the rules of one queue: one round trip, more if they changed and it has many groups.

    Raises:
        RediqError: Redis did not take them.
    """
    cursor = ""
    while cursor != "0":
        cursor = await executor.run(declare_groups(space, queue, rules, cursor=cursor))
