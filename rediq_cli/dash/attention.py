"""What needs a person's attention: rules over one reading, each with a reason and a way to it.

Pure functions from a reading to findings, worst first. A rule says what is wrong in figures a
person can check, and where to look; it never acts. To add one, write a function that yields
findings and name it in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rediq_cli.dash.figures import bytes_text, number, per_second, percent, span_text
from rediq_cli.dash.view_model import (
    Attention,
    Place,
    QueueRow,
    Server,
    Severity,
    ViewName,
)
from rediq_core.admin import LOST
from rediq_core.model.state import TaskState
from rediq_core.model.views import WorkerView

# Oldest pending task beyond this is a backlog, in ms.
OLD_MS = 60_000
# Share of failed runs that is worth a look, and the least runs a second it is judged by.
FAIL_SHARE = 0.05
FAIL_RATE = 0.02
# Dead tasks of a queue that are worth a look.
DEAD_COUNT = 10
# A queue paused longer than this may have been forgotten, in ms.
PAUSED_MS = 15 * 60_000
# A worker that has not beaten for this long is late, in ms; beats come every few seconds.
BEAT_MS = 10_000
# Share of maxmemory.
MEMORY_SHARE = 0.85

Findings = Iterator[Attention]

# What helps, by rule; keys are those of queues, which work on what is found too.
_FIXES = {
    "no-worker": "rediq worker start --queues {}",
    "unroutable": "rediq why {}",
    "behind": "L limits · rediq why {}",
    "failing": "⏎ causes: r retries one, e edits one",
    "dead": "⏎ lists them · R retries all",
    "paused": "p resumes it",
}


def find_attention(
    queues: Sequence[QueueRow], workers: Sequence[WorkerView], server: Server
) -> tuple[Attention, ...]:
    """Return everything that a rule finds, worst first; one finding a subject and rule."""
    found = [finding for rule in QUEUE_RULES for row in queues for finding in rule(row)]
    found += [finding for rule in WORKER_RULES for worker in workers for finding in rule(worker)]
    found += list(redis_findings(server))
    return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.subject)))


def _of_queue(
    row: QueueRow, severity: Severity, rule: str, text: str, *, word: str, state: TaskState
) -> Attention:
    goto = Place(ViewName.TASKS, queue=row.name, state=state)
    if rule == "failing":
        goto = Place(ViewName.FAILURES, filter=row.name)
    return Attention(severity, rule, row.name, text, goto, word, _FIXES[rule].format(row.name))


def no_worker(row: QueueRow) -> Findings:
    """Find tasks that no live worker takes."""
    if row.view.pending and not row.view.workers and row.view.pause is None:
        age = span_text(row.view.oldest_ms)
        text = f"no live worker, {number(row.view.pending)} waiting {age}"
        yield _of_queue(
            row, Severity.CRITICAL, "no-worker", text, word="no worker", state=TaskState.PENDING
        )


def unroutable(row: QueueRow) -> Findings:
    """Find tasks whose type no worker of the queue knows."""
    if row.view.held:
        text = f"{number(row.view.held)} of a type that no worker here knows"
        yield _of_queue(
            row, Severity.CRITICAL, "unroutable", text, word="unroutable", state=TaskState.PENDING
        )


def falls_behind(row: QueueRow) -> Findings:
    """Find a backlog that is old, or grows."""
    view = row.view
    if view.pause is not None or not view.workers or not view.pending:
        return
    is_old = view.oldest_ms > OLD_MS
    is_growing = view.eta_s is None and view.enqueued_per_s > 0
    if not is_old:
        return
    text = f"oldest {span_text(view.oldest_ms)} > {span_text(OLD_MS)}"
    if is_growing:
        text += "; arrivals > drain"
    elif view.eta_s is not None:
        text += f"; done in {span_text(view.eta_s * 1_000)}"
    yield _of_queue(row, Severity.WARNING, "behind", text, word="behind", state=TaskState.PENDING)


def failing(row: QueueRow) -> Findings:
    """Find a queue in which many runs fail."""
    share = row.fail_share
    runs = row.view.done_per_s + row.view.failed_per_s
    if share is not None and share >= FAIL_SHARE and runs >= FAIL_RATE:
        text = f"{percent(share)} failing ({per_second(row.view.failed_per_s)}/s)"
        yield _of_queue(row, Severity.WARNING, "failing", text, word="retry", state=TaskState.RETRY)


def many_dead(row: QueueRow) -> Findings:
    """Find dead tasks that nobody has looked after."""
    dead = row.count(TaskState.DEAD)
    if dead >= DEAD_COUNT:
        text = f"{number(dead)} dead: retry or delete them"
        yield _of_queue(row, Severity.WARNING, "dead", text, word="dead", state=TaskState.DEAD)


def long_paused(row: QueueRow) -> Findings:
    """Find a pause that may have been forgotten."""
    pause = row.view.pause
    if pause is None:
        return
    age_ms = row.view.at_ms - pause.since_ms
    if age_ms < PAUSED_MS and not row.view.pending:
        return
    severity = Severity.WARNING if age_ms >= PAUSED_MS else Severity.NOTE
    text = f"paused {span_text(age_ms)} by {pause.by or 'somebody'}"
    if pause.reason:
        text += f": {pause.reason}"
    yield _of_queue(row, severity, "paused", text, word="PAUSED", state=TaskState.PENDING)


def late_beat(worker: WorkerView) -> Findings:
    """Find workers that have gone silent."""
    if worker.state == LOST and not worker.running:
        return
    if worker.state != "stopped" and worker.beat_age_ms > BEAT_MS:
        text = f"no beat for {span_text(worker.beat_age_ms)}"
        text += f", held {len(worker.running)}" if worker.running else ""
        yield Attention(
            Severity.CRITICAL if worker.state == LOST else Severity.WARNING,
            "beat",
            f"{worker.host}:{worker.pid}",
            text,
            Place(ViewName.WORKERS),
            "lost",
        )


def redis_findings(server: Server) -> Findings:
    """Find settings and figures of the server that endanger tasks."""
    goto = Place(ViewName.REDIS)
    share = server.memory_share
    if share is not None and share > MEMORY_SHARE:
        used, limit = server.number("used_memory"), server.number("maxmemory")
        text = f"memory {percent(share)} of maxmemory ({bytes_text(used)}/{bytes_text(limit)})"
        yield Attention(Severity.CRITICAL, "memory", "redis", text, goto, "dead")
    policy = server.fields.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and server.number("maxmemory") > 0:
        text = f"may evict tasks: maxmemory-policy {policy}"
        yield Attention(Severity.CRITICAL, "eviction", "redis", text, goto, "dead")
    if server.fields.get("role") == "slave":
        yield Attention(
            Severity.WARNING, "replica", "redis", "this is a replica: writes fail", goto, "behind"
        )
    if server.fields.get("rdb_last_bgsave_status", "ok") != "ok":
        yield Attention(
            Severity.WARNING, "save", "redis", "the last save to disk failed", goto, "behind"
        )


QUEUE_RULES: tuple[Callable[[QueueRow], Findings], ...] = (
    no_worker,
    unroutable,
    falls_behind,
    failing,
    many_dead,
    long_paused,
)
WORKER_RULES: tuple[Callable[[WorkerView], Findings], ...] = (late_beat,)
