"""Are the keys themselves what they should be: of the right type, of this schema, and registered.

A key of a wrong type makes every script refuse its queue. It is moved aside under another name, not
deleted: what it holds was somebody's. These are plain commands, each harmless if it comes late: a
type does not change back by itself, and RENAMENX overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rediq_core import keys
from rediq_core.admin.doctor.finding import Finding, Level, Patient
from rediq_core.errors import InvalidOption, RediqError
from rediq_core.model.names import check_name

# Keys that one step of a scan looks at, and steps at most: a million keys, in about a second.
SCAN_STEP, MAX_STEPS = 1_000, 1_000
# The layout of keys that this version reads and writes.
SCHEMA = "1"
_SKIPPED = frozenset({"minute", "minute_before"})
_GLOBAL_TYPES = {"queues": "set", **keys.GLOBAL_TYPES}


def check_keyspace(patient: Patient) -> Iterator[Finding]:
    """Look at names and types: a few round trips and one a queue, O(keys) for the scan."""
    access = patient.access
    yield from _global_types(patient)
    patient.queues = access.queue_names()
    yield from _unregistered(patient)
    (schema,) = access.commands([("GET", keys.global_key(access.namespace, "schema"))])
    if schema is not None and schema != SCHEMA.encode():
        yield Finding(
            "schema",
            Level.FAULT,
            f"the keys of namespace {access.namespace} are of another version of Rediq",
            "Upgrade this one, or use another [redis] namespace",
        )
    for queue in patient.queues:
        yield from _queue_types(patient, queue)


def _global_types(patient: Patient) -> Iterator[Finding]:
    namespace = patient.access.namespace
    wanted = {keys.global_key(namespace, name): kind for name, kind in _GLOBAL_TYPES.items()}
    yield from _wrong_types(patient, wanted, "")


def _queue_types(patient: Patient, queue: str) -> Iterator[Finding]:
    namespace = patient.access.namespace
    wanted = {
        keys.queue_key(namespace, queue, name): keys.redis_type(name)
        for name in sorted(keys.QUEUE_KEYS - _SKIPPED)
    }
    found = list(_wrong_types(patient, wanted, queue))
    if any(finding.is_left for finding in found):
        patient.skipped.add(queue)
    yield from found


def _wrong_types(patient: Patient, wanted: dict[str, str], queue: str) -> Iterator[Finding]:
    access, names = patient.access, list(wanted)
    home = names[0]
    found = access.commands([("TYPE", name) for name in names], key=home)
    for name, raw in zip(names, found, strict=True):
        kind = bytes(raw).decode()
        if kind in ("none", wanted[name]):
            continue
        is_fixed = patient.is_fixing and _move_aside(patient, name, queue)
        yield Finding(
            "wrong_type",
            Level.FAULT,
            f"{name} is a {kind}, and Rediq needs a {wanted[name]}"
            + ("; it was moved aside" if is_fixed else ""),
            "" if is_fixed else "Moves it aside: rediq doctor --fix",
            queue,
            1,
            (name,),
            is_fixable=True,
            is_fixed=is_fixed,
        )


def _move_aside(patient: Patient, name: str, queue: str) -> bool:
    access = patient.access
    aside = f"{name}:aside:{access.now_ms()}"
    (moved,) = access.commands([("RENAMENX", name, aside)], key=name)
    if queue:
        note_repair(patient, queue, name)
    return bool(moved)


def note_repair(patient: Patient, queue: str, what: str) -> None:
    """Write into a queue's audit what was repaired by plain commands."""
    key = keys.queue_key(patient.access.namespace, queue, "audit")
    row = ("verb", "repair", "by", patient.by, "first", what)
    patient.access.commands([("XADD", key, "MAXLEN", "~", 10_000, "*", *row)], key=key)


def _unregistered(patient: Patient) -> Iterator[Finding]:
    """Yield queues that have keys, but are in no list of queues."""
    access = patient.access
    candidates = sorted(_queues_with_keys(patient) - set(patient.queues))
    if not candidates:
        return
    if patient.is_fixing:
        access.commands([("SADD", keys.global_key(access.namespace, "queues"), *candidates)])
    patient.queues = sorted({*patient.queues, *candidates})
    for queue in candidates:
        if patient.is_fixing:
            note_repair(patient, queue, "queues")
        yield Finding(
            "unlisted_queue",
            Level.FAULT,
            f"queue {queue} has tasks, but no list of queues names it",
            "rediq doctor --fix",
            queue,
            1,
            is_fixable=True,
            is_fixed=patient.is_fixing,
        )


def _queues_with_keys(patient: Patient) -> set[str]:
    """Return the queues that have tasks, as far as a bounded scan shows them.

    A Cluster cannot be scanned node by node over one routed link, and a user may not be allowed to
    scan; then only the registered queues are known.
    """
    if patient.is_cluster:
        return set()
    namespace = patient.access.namespace
    before, after = keys.queue_key(namespace, "*", "tasks").split("*")
    found: set[str] = set()
    cursor = b"0"
    for _ in range(MAX_STEPS):
        try:
            cursor, names = patient.access.executor.link.command(
                *("SCAN", cursor, "MATCH", f"{before}*{after}", "COUNT", SCAN_STEP)
            )
        except RediqError:
            break
        found |= set(_names_in(names, before, after))
        if cursor == b"0":
            break
    return found


def _names_in(names: Sequence[bytes], before: str, after: str) -> Iterator[str]:
    for raw in names:
        name = raw.decode("utf-8", "replace").removeprefix(before).removesuffix(after)
        try:
            yield check_name("queue", name)
        except InvalidOption:
            continue
