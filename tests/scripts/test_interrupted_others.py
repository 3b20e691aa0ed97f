"""Scripts that `test_interrupted` has not, broken before each write: a repeat completes them.

What settles, claims and moves tasks is there; these are all others that write. Sent again, a broken
one leaves every key as if it had never been broken, but for

* the books: how often something was counted, told, noted, or rolled up;
* an order to a worker, which may stand there twice: obeying it again changes nothing;
* a group that a new rule makes ripe, which its own due time makes ripe too;
* how many children refer to an outcome, which may be one over, so that it is kept.
"""

from __future__ import annotations

from typing import Any

import pytest
import redis

from rediq_core.scripts.loader import load
from tests.scripts.test_interrupted import CALLS, break_everywhere
from tests.support.catalogue import Lively
from tests.support.rig import Rig

ELSEWHERE = ("enqueue", "enqueue_plain", "exchange", "reap", "sweep", "moves")
BOOKS = (
    *("counters", "events", "audit", "journal", "runs", "prints", "requests", "wake"),
    *("hours", "days"),
)
# Fields that only tell: what fired, what was missed, who set a schedule.
NOTES = (b">log", b">missed", b"|set")
LATER = {
    "declare_groups": ("waiting", "pending", "groups", "groups_due"),
    "deliver": ("outcomes",),
}
OTHERS = [
    name
    for name in CALLS
    if not load(name.split()[0]).is_read_only and name.split()[0] not in ELSEWHERE
]


def everything(client: redis.Redis, script: str) -> dict[str, Any]:
    """Return what every key holds, by its name, but for what a repeat may leave otherwise."""
    readers: dict[bytes, Any] = {
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: set(client.lrange(key, 0, -1)),
        b"set": client.smembers,
        b"stream": client.xlen,
    }
    found = {}
    for key in sorted(client.keys()):
        name = key.decode()
        if (
            name.rpartition(":")[2] not in (*BOOKS, *LATER.get(script, ()))
            and ":minute:" not in name
        ):
            found[name] = readers[client.type(key)](key)
    for rows in found.values():
        if isinstance(rows, dict):
            for note in [field for field in rows if field.endswith(NOTES)]:
                del rows[note]
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_a_broken_script_is_completed_by_a_repeat(rig: Rig, name: str) -> None:
    rig.executor.run(CALLS[name](Lively(rig)))
    expected = everything(rig.client, name)

    for where in break_everywhere(rig, name, at_least=0):
        assert everything(rig.client, name) == expected, where
