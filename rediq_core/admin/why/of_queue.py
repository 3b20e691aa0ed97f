"""Why a queue moves or does not: paused, nobody there, limits, types nobody knows.

Pure: from facts to reasons. The same reasons hold back each pending task of the queue, so the
answer for a task begins with these.
"""

from __future__ import annotations

from collections.abc import Iterator

from rediq_core.admin.why.answer import Answer, Reason, Weight, sorted_reasons
from rediq_core.admin.why.facts import QueueFacts
from rediq_core.admin.why.words import ago, by_whom, count, due_in, span
from rediq_core.model.state import TaskState


def explain_queue(facts: QueueFacts) -> Answer:
    """Say why the tasks of a queue do or do not run."""
    reasons = [*obstacles(facts), *_beside(facts)]
    if not any(reason.weight is Weight.BLOCKED for reason in reasons):
        reasons.append(_nothing_wrong(facts))
    return Answer(
        "queue",
        facts.view.name,
        facts.view.name,
        _state(facts, reasons),
        sorted_reasons(reasons),
        facts.at_ms,
    )


def obstacles(facts: QueueFacts) -> Iterator[Reason]:
    """Yield what keeps every pending task of this queue from starting now."""
    view = facts.view
    if view.pause is not None:
        yield _paused(facts)
    yield from _who_takes(facts)
    limit, running = facts.concurrency(), view.counts.get(TaskState.ACTIVE, 0)
    if limit and running >= limit:
        yield Reason(
            "concurrency",
            f"{running:,} of at most {limit:,} tasks run, over all workers",
            Weight.WAITING,
            f"rediq queue limit {view.name} --concurrency {limit * 2}",
        )
    next_ms = facts.next_token_ms()
    if next_ms:
        yield Reason(
            "rate",
            f"its rate of {_rate(facts)} is used up; the next task may start "
            f"{due_in(next_ms, facts.at_ms)}",
            Weight.WAITING,
            f"rediq queue limit {view.name} --rate N/m",
            until_ms=next_ms,
        )


def _paused(facts: QueueFacts) -> Reason:
    pause, name = facts.view.pause, facts.view.name
    if pause is None:
        raise AssertionError("only for a paused queue")
    ends = f"; it resumes {due_in(pause.until_ms, facts.at_ms)}" if pause.until_ms else ""
    return Reason(
        "paused",
        f"queue {name} was paused{by_whom(pause.by, pause.reason)}"
        f"{ago(pause.since_ms, facts.at_ms)}{ends}",
        next_step=f"rediq queue resume {name}",
        since_ms=pause.since_ms,
        until_ms=pause.until_ms,
        by=pause.by,
        refers_to=name,
    )


def _who_takes(facts: QueueFacts) -> Iterator[Reason]:
    """Yield whether somebody takes tasks from this queue, and has room."""
    name = facts.view.name
    if not facts.present:
        yield _nobody(facts)
    elif not facts.taking:
        stalled = facts.present[0]
        is_paused = any(worker.state == "paused" for worker in facts.present)
        yield Reason(
            "workers_paused" if is_paused else "workers_stopping",
            f"every worker of queue {name} ({count(len(facts.present), 'worker')}) is "
            + ("paused" if is_paused else "stopping"),
            next_step=f"rediq worker resume {stalled.id}"
            if is_paused
            else f"rediq worker start --queues {name}",
            refers_to=stalled.id,
        )
    elif facts.view.pending and all(w.busy >= w.concurrency for w in facts.taking):
        slots = sum(worker.concurrency for worker in facts.taking)
        yield Reason(
            "busy",
            f"all {slots:,} slots of its {count(len(facts.taking), 'worker')} are taken",
            Weight.WAITING,
            "rediq worker list",
        )


def _nobody(facts: QueueFacts) -> Reason:
    name = facts.view.name
    lost = max(facts.lost, key=lambda worker: worker.beat_ms, default=None)
    last = f"; the last one, {lost.id}, was lost{ago(lost.beat_ms, facts.at_ms)}" if lost else ""
    return Reason(
        "no_worker",
        f"no live worker takes queue {name}{last}",
        next_step=f"rediq worker start -c FILE --queues {name}",
        since_ms=lost.beat_ms if lost else 0,
        refers_to=lost.id if lost else "",
    )


def _beside(facts: QueueFacts) -> Iterator[Reason]:
    """Yield what concerns some tasks of the queue, or the whole of it, but stops not all."""
    view = facts.view
    if view.held:
        kinds = ", ".join(facts.held_types)
        yield Reason(
            "unroutable",
            f"{count(view.held)} held: no worker that asked has a handler for {kinds}",
            next_step=f"rediq worker start -c FILE --queues {view.name}     "
            f"with a handler for {kinds}",
            refers_to=facts.held_types[0] if facts.held_types else "",
        )
    if view.suspects:
        yield Reason(
            "suspects",
            f"{count(view.suspects)} to run alone, after losing two workers",
            Weight.WAITING,
            f"rediq task list pending:{view.name}",
        )
    if view.pending and view.enqueued_per_s >= view.done_per_s > 0:
        comes, done = (
            f"comes in ({view.enqueued_per_s:.1f}/s)",
            f"is done ({view.done_per_s:.1f}/s)",
        )
        is_more = view.enqueued_per_s > view.done_per_s
        yield Reason(
            "behind",
            f"more {comes} than {done}" if is_more else f"as much {comes} as {done}",
            Weight.WAITING,
            "rediq worker list     more slots or more workers",
        )
    if view.next_due_ms and not view.pending:
        later = view.counts.get(TaskState.DELAYED, 0) + view.counts.get(TaskState.RETRY, 0)
        yield Reason(
            "due_later",
            f"{count(later)} due later, the next one {due_in(view.next_due_ms, view.at_ms)}",
            Weight.WAITING,
            f"rediq task list delayed:{view.name}",
            until_ms=view.next_due_ms,
        )
    if view.counts.get(TaskState.WAITING, 0):
        yield Reason(
            "waiting",
            f"{count(view.counts[TaskState.WAITING])} waiting for others, or collecting in groups",
            Weight.WAITING,
            f"rediq task list waiting:{view.name}",
        )


def _nothing_wrong(facts: QueueFacts) -> Reason:
    view = facts.view
    if not view.pending:
        return Reason("empty", "nothing is wrong: it has no pending tasks", Weight.FINE)
    if view.done_per_s:
        text = f"nothing is wrong: {view.done_per_s:.1f} tasks/s are done"
        if view.eta_s is not None:
            eta = span(int(view.eta_s * 1_000))
            text += f"; the backlog of {count(view.pending)} is gone in about {eta}"
        return Reason("moving", text, Weight.FINE)
    return Reason(
        "moving",
        f"nothing is wrong: {count(view.pending)} can start now",
        Weight.FINE,
    )


def _state(facts: QueueFacts, reasons: list[Reason]) -> str:
    if facts.view.pause is not None:
        return "paused"
    if any(r.weight is Weight.BLOCKED for r in reasons) and facts.view.pending:
        return "blocked"
    is_busy = facts.view.pending or facts.view.counts.get(TaskState.ACTIVE, 0)
    return "running" if is_busy else "idle"


def _rate(facts: QueueFacts) -> str:
    return f"{facts.policy.get('rate', '?')} in {span(int(facts.policy.get('rate_ms', '0') or 0))}"
