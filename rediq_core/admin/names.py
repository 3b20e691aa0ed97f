"""Names that are there just now, for a shell to complete: queues, tasks, workers.

A tenth of a second is all there is, so it goes without a client library, once, and an answer that
does not come is no names. What holds a name that no shell should see is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from rediq_core import keys
from rediq_core.config.server import ServerChoice
from rediq_core.connection.glimpse import Glimpse
from rediq_core.connection.raw import Arg, Reply
from rediq_core.connection.topology import parse_url
from rediq_core.errors import RediqError

# Seconds for connecting, and for each of two replies.
PATIENCE_S = 0.05
# Queues whose tasks are offered, and tasks of each of their states.
MAX_QUEUES, MAX_TASKS = 50, 5
MAX_WORKERS = 200
# States whose tasks people ask for by id, the most urgent first.
_ASKED_FOR = ("active", "dead", "retry", "pending")
_PLAIN = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Kind(Enum):
    """What names are of."""

    QUEUES = "queues"
    TASKS = "tasks"
    WORKERS = "workers"


def names_of(kind: Kind, server: ServerChoice) -> list[str]:
    """Return names of a kind, in order: 1 round trip, 2 for tasks; none if anything is in the way.

    Args:
        kind: Of what.
        server: Where; one that needs TLS, a Cluster and a Sentinel group give none.
    """
    try:
        with Glimpse(parse_url(server.url), PATIENCE_S) as glimpse:
            return _ask(glimpse, kind, server.namespace)
    except (OSError, RediqError):
        return []


def _ask(glimpse: Glimpse, kind: Kind, namespace: str) -> list[str]:
    if kind is Kind.WORKERS:
        workers = keys.global_key(namespace, "workers")
        return _plain(glimpse.ask([("ZREVRANGE", workers, 0, MAX_WORKERS - 1)])[0])
    (found,) = glimpse.ask([("SMEMBERS", keys.global_key(namespace, "queues"))])
    queues = sorted(_plain(found))
    if kind is Kind.QUEUES:
        return queues
    commands: list[Sequence[Arg]] = [
        ("ZREVRANGE", keys.queue_key(namespace, queue, state), 0, MAX_TASKS - 1)
        for state in _ASKED_FOR
        for queue in queues[:MAX_QUEUES]
    ]
    return [name for reply in glimpse.ask(commands) for name in _plain(reply)]


def _plain(reply: Reply) -> list[str]:
    if not isinstance(reply, list):
        return []
    return [
        name.decode("ascii") for name in reply if isinstance(name, bytes) and _PLAIN.fullmatch(name)
    ]
