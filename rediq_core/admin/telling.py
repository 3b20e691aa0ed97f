"""Tells children of tasks that an operator ended, cancelled, deleted or took up again.

The blocking counterpart of a worker's relay. If it stops half way, the parents are in their outbox
and the sweep of any worker goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from rediq_core import keys
from rediq_core.admin.access import Deliver
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import RediqError
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import SyncExecutor


def deliver_at_once(executor: SyncExecutor, namespace: str, deadline_s: float) -> Deliver:
    """Return what tells children of finished parents before it returns; it never raises.

    Args:
        executor: Sends the calls.
        namespace: Prefix of every key.
        deadline_s: Seconds for each call.
    """

    def deliver(queue: str, parents: Sequence[str]) -> None:
        # Start-up: most commands end nothing that has children.
        from rediq_core.scripts.steps import drive_sync  # noqa: PLC0415 - as above
        from rediq_core.verbs.relay import relay  # noqa: PLC0415 - as above

        minute = keys.minute_of(SYSTEM_CLOCK.now_ms())
        steps = relay(Space(namespace), [(queue, parent) for parent in parents], minute=minute)
        try:
            drive_sync(steps, executor, namespace, deadline_s=deadline_s)
        except RediqError:
            # The act itself was done; what its children must know stays in the outbox.
            return

    return deliver
