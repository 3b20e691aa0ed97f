"""Is somebody there to do the work: queues without workers, unknown types, lost workers."""

from __future__ import annotations

from collections.abc import Iterator

from rediq_core import keys
from rediq_core.admin.doctor.finding import Finding, Level, Patient
from rediq_core.admin.snapshot import read_queues
from rediq_core.admin.workers import Roster, read_roster
from rediq_core.model.durations import format_ms
from rediq_core.model.state import TaskState
from rediq_core.verbs import presence

# A queue that has been paused longer than this was perhaps forgotten, in milliseconds.
LONG_PAUSE_MS = 900_000
# Migrating a queue's tasks on a Cluster stands still about 4 ms per 1,000 of them.
HUGE_QUEUE = 100_000
# Workers that a finding names.
_NAMED = 5


def check_crew(patient: Patient) -> Iterator[Finding]:
    """Look at workers and at what waits for them: 6 round trips, O(queues + workers)."""
    roster = read_roster(patient.access)
    yield from _workers(roster)
    yield from _stale_rows(patient)
    yield from _queues(patient)


def _workers(roster: Roster) -> Iterator[Finding]:
    lost = [worker for worker in roster.workers if worker.state == presence.LOST]
    alive = [worker for worker in roster.workers if worker.state not in (presence.LOST, "stopped")]
    versions = sorted({worker.version for worker in alive if worker.version})
    if len(versions) > 1:
        yield Finding(
            "versions",
            Level.ADVICE,
            f"workers of {len(versions)} versions of Rediq work here: {', '.join(versions)}",
            "Finish the upgrade: rediq worker list -o wide",
            count=len(versions),
        )
    if lost:
        names = tuple(worker.id for worker in lost[:_NAMED])
        yield Finding(
            "lost_workers",
            Level.ADVICE,
            f"workers lost in the last day: {', '.join(names)}",
            "See what was recovered from them: rediq worker list",
            count=len(lost),
            samples=names,
        )
    yield Finding("workers", Level.OK, f"{len(alive)} alive", count=len(alive))


def _stale_rows(patient: Patient) -> Iterator[Finding]:
    """Yield beats without a row, and rows that would never go by themselves.

    Nothing atomic is needed to remove a beat: a worker that lives writes it again in 5 s.
    """
    access = patient.access
    beats_key = keys.global_key(access.namespace, "workers")
    flat = access.commands(presence.roster_commands(access.namespace))[1]
    names = [name.decode("utf-8", "replace") for name in flat[::2]]
    rows = [keys.global_key(access.namespace, "worker", name) for name in names]
    lives = access.commands([("TTL", row) for row in rows])
    gone = [name for name, ttl in zip(names, lives, strict=True) if int(ttl) == -2]
    endless = [row for row, ttl in zip(rows, lives, strict=True) if int(ttl) == -1]
    if gone and patient.is_fixing:
        access.commands([("ZREM", beats_key, *gone)])
    if endless and patient.is_fixing:
        access.commands([("EXPIRE", row, presence.ROW_TTL_S) for row in endless])
    number = len(gone) + len(endless)
    if number:
        yield Finding(
            "stale_workers",
            Level.FAULT,
            f"rows left over from workers that are gone: {number}",
            "rediq doctor --fix",
            count=number,
            samples=tuple([*gone, *endless][:_NAMED]),
            is_fixable=True,
            is_fixed=patient.is_fixing,
        )


def _queues(patient: Patient) -> Iterator[Finding]:
    names = [queue for queue in patient.queues if queue not in patient.skipped]
    for view in read_queues(patient.access, names):
        if view.pending and not view.workers:
            yield Finding(
                "no_worker",
                Level.FAULT,
                f"{view.name}: pending tasks, and no live worker takes them: {view.pending:,}",
                f"rediq why {view.name}",
                view.name,
                view.pending,
            )
        if view.held:
            yield Finding(
                "no_handler",
                Level.FAULT,
                f"{view.name}: tasks of a type that no worker knows: {view.held:,}",
                f"rediq why {view.name}",
                view.name,
                view.held,
            )
        pause = view.pause
        if pause is not None and view.at_ms - pause.since_ms > LONG_PAUSE_MS and view.pending:
            yield Finding(
                "paused",
                Level.ADVICE,
                f"{view.name} has been paused for {format_ms(view.at_ms - pause.since_ms)}"
                f" by {pause.by or 'somebody'}; pending tasks: {view.pending:,}",
                f"rediq queue resume {view.name}",
                view.name,
            )
        number = sum(view.counts.get(state, 0) for state in TaskState)
        if patient.is_cluster and number > HUGE_QUEUE:
            yield Finding(
                "huge_queue",
                Level.ADVICE,
                f"{view.name} holds {number:,} tasks: moving its slot to another node stops it"
                f" for about {format_ms(number // 250)}",
                "Split it into several queues, or shorten [retention]",
                view.name,
                number,
            )
