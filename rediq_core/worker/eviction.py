"""The duty that says at the start of a worker that its server may delete what it keeps."""

from __future__ import annotations

import logging

from rediq_core.errors import RediqError
from rediq_core.worker.desk import Desk

log = logging.getLogger("rediq.supervisor")


async def warn_of_eviction(desk: Desk) -> None:
    """Look once at each master's maxmemory-policy, when Redis answers: 1 round trip a node.

    A policy of allkeys may delete queued tasks, one of volatile counters and presence. It is logged
    and nothing more: the server may serve others, and a worker that does not start helps nobody.
    """
    replies = await desk.link.command_all("INFO", "memory", deadline_s=None)
    for node, reply in replies.items():
        policy = "noeviction" if isinstance(reply, RediqError) else _policy(bytes(reply))
        if policy.startswith("allkeys"):
            log.error("%s deletes queued tasks when memory is full: %s", node, _advice(policy))
        elif policy != "noeviction":
            log.warning("%s deletes counters when memory is full: %s", node, _advice(policy))


def _advice(policy: str) -> str:
    return f"its maxmemory-policy is {policy}. Set it to noeviction."


def _policy(info: bytes) -> str:
    for line in info.decode("utf-8", "replace").splitlines():
        if line.startswith("maxmemory_policy:"):
            return line.partition(":")[2].strip()
    return "noeviction"
