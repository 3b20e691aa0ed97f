"""Does every task that waits for another one stand in that one's list of children?

An edge lies in the parent's queue, a need in the child's, and no script sees both. Workers ask
again, once a minute, for what has long been waited for; a queue that no worker sweeps, or a
look before that minute, shows here. A repair takes the same steps as the workers'.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rediq_core import keys
from rediq_core.admin.doctor.finding import Finding, Level, Patient
from rediq_core.admin.lookup import find_tasks
from rediq_core.errors import RediqError
from rediq_core.scripts.steps import drive_sync
from rediq_core.verbs.dependencies import OLD_MS, Edge, News, tell
from rediq_core.verbs.relay import repair

# Members of `needs` in one piece, and pieces of one queue at most: 100,000 edges.
PIECE, MAX_PIECES = 200, 500
SAMPLES = 5
# A parent that ended this long ago and whose children were not told is a fault, in milliseconds.
LATE_MS = 60_000


class Need(NamedTuple):
    """A child that waits, and for whom."""

    child: str
    parent: str


def check_edges(patient: Patient) -> Iterator[Finding]:
    """Look at what waits in each queue, and at whom nobody told: a few round trips a piece."""
    for queue in patient.queues:
        if queue in patient.skipped:
            continue
        broken = [
            need for needs in _old_needs(patient, queue) for need in _broken(patient, queue, needs)
        ]
        if broken:
            yield _half_registered(patient, queue, broken)
        late = _late(patient, queue)
        if late:
            yield _untold(patient, queue, late)


def stranded(patient: Patient, queue: str, ids: list[str]) -> bool:
    """Let tasks that wait for nothing be judged again, as the workers' sweep does."""
    access = patient.access
    minute = keys.minute_of(access.now_ms())
    news = [News("j", Edge("", queue, task_id), b"") for task_id in ids]
    told = access.run(tell(access.space, queue, news, minute=minute))
    if told.deliver:
        access.deliver(queue, told.deliver)
    return True


def _old_needs(patient: Patient, queue: str) -> Iterator[list[Need]]:
    """Yield the needs of tasks that wait for more than a minute, piece by piece."""
    access = patient.access
    needs_key, waiting = (keys.queue_key(access.namespace, queue, n) for n in ("needs", "waiting"))
    now_ms, cursor = access.now_ms(), b"0"
    for _ in range(MAX_PIECES):
        (reply,) = access.commands([("ZSCAN", needs_key, cursor, "COUNT", PIECE)], key=needs_key)
        cursor, flat = reply
        needs = [_need_of(member) for member in flat[::2] if not member.startswith(b"/")]
        patient.members += len(needs)
        since = access.commands([("ZSCORE", waiting, need.child) for need in needs], key=waiting)
        yield [
            need
            for need, score in zip(needs, since, strict=True)
            if score is not None and float(score) < now_ms - OLD_MS
        ]
        if cursor == b"0":
            return


def _need_of(member: bytes) -> Need:
    child, _, parent = member.decode("utf-8", "replace").partition(">")
    return Need(child, parent)


def _broken(patient: Patient, queue: str, needs: list[Need]) -> list[Need]:
    """Return needs whose parent does not know of them, or is not there."""
    if not needs:
        return []
    access = patient.access
    found = find_tasks(access, [need.parent for need in needs])
    broken = []
    for need in needs:
        parent = found[need.parent]
        if parent is None:
            broken.append(need)
            continue
        key = keys.queue_key(access.namespace, parent.queue, "dependents")
        edge = f"{parent.id}>{queue}/{need.child}"
        (score,) = access.commands([("ZSCORE", key, edge)], key=key)
        if score is None:
            broken.append(need)
    return broken


def _half_registered(patient: Patient, queue: str, broken: list[Need]) -> Finding:
    is_fixed = patient.is_fixing and _ask_again(patient, queue, broken)
    return Finding(
        "half_registered",
        Level.FAULT,
        f"{queue}: tasks that wait for parents which do not know of them: {len(broken):,}",
        "rediq doctor --fix",
        queue,
        len(broken),
        tuple(need.child for need in broken[:SAMPLES]),
        is_fixable=True,
        is_fixed=is_fixed,
    )


def _ask_again(patient: Patient, queue: str, broken: list[Need]) -> bool:
    access = patient.access
    minute = keys.minute_of(access.now_ms())
    steps = repair(access.space, queue, access.queue_names(), minute=minute, parts=MAX_PIECES)
    done = drive_sync(steps, access.executor, access.namespace, deadline_s=access.deadline_s)
    return not done.errors and not _broken(patient, queue, _still_waiting(patient, queue, broken))


def _still_waiting(patient: Patient, queue: str, needs: list[Need]) -> list[Need]:
    access = patient.access
    key = keys.queue_key(access.namespace, queue, "needs")
    scores = access.commands([("ZSCORE", key, f"{n.child}>{n.parent}") for n in needs], key=key)
    return [need for need, score in zip(needs, scores, strict=True) if score is not None]


def _late(patient: Patient, queue: str) -> list[str]:
    """Return parents that wait in the outbox for longer than any relay takes."""
    access = patient.access
    key = keys.queue_key(access.namespace, queue, "outbox")
    until = access.now_ms() - LATE_MS
    (members,) = access.commands(
        [("ZRANGEBYSCORE", key, "-inf", until, "LIMIT", 0, PIECE)], key=key
    )
    return [member.decode("utf-8", "replace") for member in members]


def _untold(patient: Patient, queue: str, late: list[str]) -> Finding:
    is_fixed = False
    if patient.is_fixing:
        try:
            patient.access.deliver(queue, late)
            is_fixed = not _late(patient, queue)
        except RediqError:
            is_fixed = False
    return Finding(
        "untold_children",
        Level.FAULT,
        f"{queue}: tasks that ended over a minute ago, and whose children were not told:"
        f" {len(late):,}",
        "rediq doctor --fix",
        queue,
        len(late),
        tuple(late[:SAMPLES]),
        is_fixable=True,
        is_fixed=is_fixed,
    )
