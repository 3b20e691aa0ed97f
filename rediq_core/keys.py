"""The key schema: every key Rediq uses is named here and nowhere else.

All keys of a queue are `{namespace}:{<queue>}:<name>`: one hash tag, so one slot in a Cluster, and
one script may touch them all. The set is fixed; what varies is a member, never a key. Only
`minute:<m>` carries a number, which the caller names (`minute_before` is the one before it). Keys
of no queue share the tag `{~}`, which no queue can be called.

name        type    member -> value
tasks       hash    id -> header line, newline, payload as sent (verbs/header.py)
pending     zset    id -> place + priority × step
suspects    zset    id -> same; lost its lease twice, is claimed alone; counts as pending
held        zset    type>id -> 0; type unknown to the worker that claimed it; counts as pending
active      zset    id -> claimed ms
claims      hash    id -> fencing token, incarnation:seq
leases      zset    incarnation -> expiry ms; 0 while it is being reaped
delayed     zset    id -> due ms
retry       zset    id -> due ms
waiting     zset    id -> since ms (unmet dependencies, or collecting in a group)
completed   zset    id -> finished ms
cancelled   zset    id -> finished ms
dead        zset    id -> finished ms
kept        zset    id -> keep-until ms; finished tasks that the count limit does not take
trash       zset    id -> purge ms
trashed     hash    id -> state|score|operation before it was deleted
runs        hash    id -> timeline, one JSON line each
tries       hash    id -> attempts|losses|ready ms
progress    hash    id -> percent|ms|message
cancels     hash    id -> JSON: who, when, force; an intent for an active task
unique      hash    unique key -> owner id|expiry ms
needs       zset    child>parent -> 0, not finished; /child>parent, finished
dependents  zset    parent>queue/child -> 0, to be told; >parent>…, died of it; /parent>…, was told
outbox      zset    parent -> next delivery ms
outcomes    hash    parent -> letter|type|result for its children here; >parent -> how many;
                    /id -> the same of a task forgotten before its children were told
early       zset    child>parent -> ms; the parent ended before the child came
groups      zset    type/group>place>id -> 0; members in line, the most urgent first
groups_due  zset    type/group -> ripe by grace, type/group< -> by max_delay; 10^15 once ripe
policy      hash    registered, paused, limits, declared, overridden, group:<type>, beat_ms …
requests    hash    caller -> seq|ms|due ms|codes|ids; makes a repeated exchange harmless
counters    hash    lifetime counts
minute:<m>  hash    counts and histograms of one minute, 26 h; rolled: what was taken from it
hours days  hash    rolled up: number of the hour or day -> field n field n …; rolled: up to when
causes      hash    id -> fingerprint, of tasks in retry and dead
errors      zset    fingerprint>id -> 0
prints      hash    fingerprint -> summary; fingerprint>first, >last, >count
fired       hash    schedule -> last epoch decided; schedule>last id, >log history, >missed count
audit       stream  what operators did
events      stream  failures, deaths, operators; every move while followed
wake        list    at most one marker: something is claimable

Keys of no queue:

schedules      hash    name -> source|rev|timing|JSON; name|task, |paused, |set (verbs/schedule.py)
schedules_due  zset    name -> due ms, inf while it is paused
journal        stream  what operators did to what is in no queue: schedules, workers, queues
workers        zset    worker -> last beat ms
worker:<id>    hash    what it announced last (verbs/presence.py), 25 h
commands:<id>  list    orders for a supervisor, 60 s
ops            zset    operation -> began ms, of what operators did to tasks
op:<id>        hash    one of them (verbs/operations.py), 30 d
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

DEFAULT_NAMESPACE: Final = "rediq"

HASHES: Final = frozenset(
    "tasks claims trashed runs tries progress cancels unique policy requests counters minute hours"
    " days causes prints fired outcomes minute_before".split()
)
ZSETS: Final = frozenset(
    "pending suspects held active leases delayed retry waiting completed cancelled dead kept trash"
    " needs dependents outbox early groups groups_due errors".split()
)
STREAMS: Final = frozenset({"audit", "events"})
LISTS: Final = frozenset({"wake"})
QUEUE_KEYS: Final = HASHES | ZSETS | STREAMS | LISTS
GLOBAL_KEYS: Final = frozenset(
    "queues workers worker commands schedules schedules_due ops op journal schema".split()
)
# What stands in a queue's place in keys of no queue; no queue can be called so.
GLOBAL_TAG: Final = "~"
# Keys of no queue that scripts may declare, with their types; no script touches both kinds.
GLOBAL_TYPES: Final = {
    "schedules": "hash",
    "schedules_due": "zset",
    "journal": "stream",
    "workers": "zset",
    "ops": "zset",
}
# Those of them of which there are many: their name ends with the id of a worker or an operation.
GLOBAL_ROWS: Final = {"worker": "hash", "commands": "list", "op": "hash"}
# How long a minute bucket lives, in seconds: a day, and two hours for the roll-up to catch up.
MINUTE_TTL_S: Final = 26 * 3_600


def redis_type(name: str) -> str:
    """Return the Redis type a key has that scripts touch: hash, zset, stream or list."""
    if name in GLOBAL_TYPES or name in GLOBAL_ROWS:
        return GLOBAL_TYPES.get(name) or GLOBAL_ROWS[name]
    for kind, names in (("hash", HASHES), ("zset", ZSETS), ("stream", STREAMS), ("list", LISTS)):
        if name in names:
            return kind
    raise KeyError(name)


@lru_cache(maxsize=4096)
def queue_prefix(namespace: str, queue: str) -> str:
    """Return what every key of this queue starts with."""
    return f"{namespace}:{{{queue}}}:"


def minute_of(now_ms: int) -> int:
    """Return the number of the minute an instant lies in."""
    return now_ms // 60_000


@lru_cache(maxsize=16_384)
def _fixed_keys(namespace: str, queue: str, names: tuple[str, ...]) -> tuple[str, ...]:
    prefix = queue_prefix(namespace, queue)
    return tuple(prefix + name for name in names)


def queue_keys(
    namespace: str, queue: str, names: tuple[str, ...], minute: int = 0
) -> tuple[str, ...]:
    """Return the keys of these names, in this order.

    Args:
        namespace: Prefix of everything.
        queue: The queue; its name was checked before.
        names: Names of the schema; `minute`, if among them, is last, after `minute_before`.
        minute: Number that `minute` stands for.
    """
    if names[-1] != "minute":
        return _fixed_keys(namespace, queue, names)
    this_minute = f"{queue_prefix(namespace, queue)}minute:{minute}"
    if len(names) > 1 and names[-2] == "minute_before":
        before = f"{queue_prefix(namespace, queue)}minute:{minute - 1}"
        return (*_fixed_keys(namespace, queue, names[:-2]), before, this_minute)
    return (*_fixed_keys(namespace, queue, names[:-1]), this_minute)


def queue_key(namespace: str, queue: str, name: str) -> str:
    """Return one key of a queue."""
    return queue_prefix(namespace, queue) + name


def global_keys(namespace: str, names: tuple[str, ...], row: str) -> tuple[str, ...]:
    """Return keys of no queue, in this order; `row` ends those of which there are many."""
    return tuple(global_key(namespace, name, row if name in GLOBAL_ROWS else "") for name in names)


def global_key(namespace: str, name: str, suffix: str = "") -> str:
    """Return a key of no queue, such as `queues` or `worker:<id>`."""
    return f"{namespace}:{{~}}:{name}{':' + suffix if suffix else ''}"
