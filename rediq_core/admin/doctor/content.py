"""Is every id in exactly one state, and does every row belong to something?

Walks each key of each queue in bounded pieces, judged where it lies by one script (lib/judge.lua).
A repair judges again and mends in the same script. What a dead worker still holds is given back by
the script that workers use themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rediq_core import keys
from rediq_core.admin.doctor.edges import stranded
from rediq_core.admin.doctor.finding import Finding, Level, Patient
from rediq_core.verbs.examine import MAX_REPAIRS, MENDED, PARTS, SOUND, examine, repair
from rediq_core.verbs.lease import reap

# Faults of one key that are gathered in one run; the rest is found by the next.
MAX_FAULTS = 100_000
# Length of a lease that no worker of today has shorter, in milliseconds; reap asks for it.
LEASE_MS = 10_000
SAMPLES = 5

# fault → name of the check, and what is counted in a part
_SAID = {
    "orphan": ("orphan_ids", "ids in {part} without a task"),
    "homeless": ("stateless_tasks", "tasks in no state, which would never run"),
    "double": ("double_state", "tasks in two states at once"),
    "damaged": ("damaged_tasks", "stored tasks that cannot be read; whoever claims one buries it"),
    "unclaimed": ("unclaimed", "running tasks that nobody holds"),
    "unleased": ("claims_without_lease", "running tasks of workers without a lease"),
    "expired": ("stuck_leases", "{what} whose lease ended over a minute ago"),
    "ungrouped": ("ungrouped_tasks", "tasks that collect in a group which does not know them"),
    "timeless": ("groups_without_time", "tasks that collect in a group which will never be ripe"),
    "headless": ("groups_without_head", "ripe groups whose tasks nobody would claim"),
    "stranded": ("stranded_tasks", "tasks that wait for nothing"),
    "unlisted": ("unlisted_rows", "rows of {part} without their counterpart"),
    "leftover": ("leftover_rows", "rows of {part} that belong to nothing"),
    "stale": ("stale_unique_keys", "unique keys held by tasks that are over"),
    "drift": ("counter_drift", "counters lower than what is there"),
    "unreadable": (
        "unreadable_fields",
        "fields of {part} that are no numbers; scripts fail on them",
    ),
}
# Faults that the walk over dead workers' claims repairs.
_REAPED = frozenset({"unclaimed", "unleased", "expired"})
# A task that cannot be read hurts nobody but itself.
_ADVICE = frozenset({"damaged"})


def check_content(patient: Patient) -> Iterator[Finding]:
    """Walk every key of every queue: one round trip for each 200 members."""
    names = [queue for queue in patient.queues if queue not in patient.skipped]
    total, done = len(names) * len(PARTS), 0
    for queue in names:
        before, is_sound = patient.members, True
        for part in PARTS:
            for finding in _part(patient, queue, part):
                is_sound = False
                yield finding
            done += 1
            if patient.on_progress is not None:
                patient.on_progress(done, total)
        if is_sound:
            looked = patient.members - before
            text = f"{queue}: {looked:,} rows, every id in exactly one state"
            yield Finding("content", Level.OK, text, queue=queue, count=looked)
    for queue in sorted(patient.skipped):
        yield Finding(
            "content",
            Level.FAULT,
            f"{queue} was not looked at, because a key of it has a wrong type",
            "rediq doctor --fix",
            queue,
        )


def _part(patient: Patient, queue: str, part: str) -> Iterator[Finding]:
    by_fault: dict[str, list[str]] = {}
    for member, fault in _faults(patient, queue, part):
        by_fault.setdefault(fault, []).append(member)
    for fault, members in by_fault.items():
        is_fixed = False
        if patient.is_fixing:
            is_fixed = _mender(fault)(patient, queue, part, members)
        yield _finding(queue, part, fault, members, is_fixed=is_fixed)


def _mender(fault: str) -> Callable[[Patient, str, str, Sequence[str]], bool]:
    if fault == "stranded":
        return _judge_again
    return _reap if fault in _REAPED else _repair


def _judge_again(patient: Patient, queue: str, part: str, members: Sequence[str]) -> bool:
    for at in range(0, len(members), MAX_REPAIRS):
        stranded(patient, queue, list(members[at : at + MAX_REPAIRS]))
    left = {member for member, fault in _faults(patient, queue, part) if fault == "stranded"}
    return not left & set(members)


def _faults(patient: Patient, queue: str, part: str) -> Iterator[tuple[str, str]]:
    access, cursor, found = patient.access, "", 0
    while True:
        piece = access.run(examine(access.space, queue, part, cursor=cursor))
        patient.members += piece.seen
        found += len(piece.faults)
        # A scan may show a member twice; the same repair twice does nothing the second time.
        yield from piece.faults
        cursor = piece.cursor
        if not cursor or found >= MAX_FAULTS:
            return


def _finding(
    queue: str, part: str, fault: str, members: Sequence[str], *, is_fixed: bool
) -> Finding:
    check, said = _SAID[fault]
    number = len(set(members))
    what = "workers" if part == "leases" else "running tasks of workers"
    is_fixable = fault not in _ADVICE
    return Finding(
        check,
        Level.ADVICE if fault in _ADVICE else Level.FAULT,
        f"{queue}: {said.format(part=part, what=what)}: {number:,}",
        "" if is_fixed else "rediq doctor --fix" if is_fixable else f"rediq task list all:{queue}",
        queue,
        number,
        tuple(members[:SAMPLES]),
        is_fixable=is_fixable,
        is_fixed=is_fixed and is_fixable,
    )


def _repair(patient: Patient, queue: str, part: str, members: Sequence[str]) -> bool:
    """Mend members; True if none of them is wrong any more."""
    access = patient.access
    words: list[str] = []
    for at in range(0, len(members), MAX_REPAIRS):
        chunk = members[at : at + MAX_REPAIRS]
        words += access.run(repair(access.space, queue, part, chunk, by=patient.by))
    return all(word in (MENDED, SOUND) for word in words)


def _reap(patient: Patient, queue: str, part: str, members: Sequence[str]) -> bool:
    """Give back what workers without a good lease hold; True if nothing of theirs is left."""
    access, start = patient.access, 0
    dead = members if part == "leases" else _incarnations(patient, queue, members)
    while start >= 0:
        call = reap(
            access.space,
            queue,
            lease_ms=LEASE_MS,
            minute=keys.minute_of(access.now_ms()),
            start=start,
            # Somebody has to be named: without a name, only the living may say who is dead.
            dead=list(dead) or ["nobody"],
        )
        reaped = access.run(call)
        if reaped.deliver:
            access.deliver(queue, reaped.deliver)
        start = reaped.next_start
    return not any(
        fault in _REAPED and member in set(members)
        for member, fault in _faults(patient, queue, part)
    )


def _incarnations(patient: Patient, queue: str, ids: Sequence[str]) -> list[str]:
    key = keys.queue_key(patient.access.namespace, queue, "claims")
    found: set[str] = set()
    for at in range(0, len(ids), MAX_REPAIRS):
        chunk = ids[at : at + MAX_REPAIRS]
        (tokens,) = patient.access.commands([("HMGET", key, *chunk)], key=key)
        found |= {t.decode("utf-8", "replace").rpartition(":")[0] for t in tokens if t}
    return sorted(found)
