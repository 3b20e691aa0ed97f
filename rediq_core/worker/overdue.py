"""Settles, in a stuck task process's place, the run that did not end after its timeout.

Used by the supervisor just before it kills that process: the overdue task alone is charged a failed
run (E004), the others in the process are handed back. The claim's token decides: if the process
settles at the same moment, one of the two changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Collection

from rediq_core import keys
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.handlers.outcomes import Failure, Outcome, Verdict
from rediq_core.handlers.settings import RunSettings
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.retry import DEFAULT_BACKOFF
from rediq_core.model.task import DEFAULT_MAX_RETRY, DEFAULT_TIMEOUT_MS
from rediq_core.model.views import TaskView
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.exchange import Asker, exchange
from rediq_core.verbs.inspect import MAX_PAGE, read_page, read_tasks
from rediq_core.worker import settling
from rediq_core.worker.lanes import LanePlan
from rediq_core.worker.relay import Relay
from rediq_core.worker.slots import RunningTask

# Groups all runs of a type that had to be killed.
FINGERPRINT = "stuck"


async def settle_overdue(
    executor: AsyncExecutor,
    space: Space,
    asker: tuple[str, int, LanePlan],
    running: RunningTask,
    worker_id: str,
    apart: Collection[str] = (),
) -> bool:
    """Fail one overdue run; two round trips. Returns whether this call did it.

    Of a group all members fail; the slot table names the first of them, Redis knows the others.

    Args:
        executor: Sends the calls.
        space: Namespace and clock.
        asker: Supervisor's id, lease in ms, and the plan of the task's queue.
        running: The run, as the slot table shows it.
        worker_id: The task process that holds it.
        apart: Tasks that run in slots of their own, under the same token or not.

    Raises:
        RedisUnavailable: Redis did not take it; look again later.
    """
    supervisor_id, lease_ms, lane = asker
    token = running.token(worker_id)
    (view,) = await executor.run(read_tasks(space, running.queue, [running.id]))
    if view is None or view.token != token:
        return False
    run_ms = round((SYSTEM_CLOCK.monotonic() - running.started_s) * 1000)
    failure = Failure(
        "TaskTimeout",
        f"E004 {view.type} did not end after its timeout, so its process was killed.",
        "",
        FINGERPRINT,
    )
    views = [view]
    if view.group:
        page = await executor.run(read_page(space, running.queue, "active", limit=MAX_PAGE))
        views += [
            other
            for other in page.tasks
            if (other.token, other.type, other.group) == (token, view.type, view.group)
            and other.id != view.id
            and other.id not in apart
        ]
    rows = [
        settling.failed(
            _claimed(failing, token),
            run_ms,
            Outcome(Verdict.RETRY, None, failure),
            _settings(failing, lane),
            random.Random(),
        )
        for failing in views
    ]
    who = Asker(space, running.queue, f"{supervisor_id}#0", lease_ms, lane.retention)
    now_ms = SYSTEM_CLOCK.now_ms()
    call = exchange(who, now_ms, 0, rows, minute=keys.minute_of(now_ms), is_last=True)
    reply = await executor.run(call)
    if reply.deliver:
        await Relay(executor, space).deliver(running.queue, reply.deliver)
    return reply.codes[:1] in (b"1", b"3")


def _claimed(view: TaskView, token: str) -> ClaimedTask:
    """Rebuild what the process holds from what Redis says."""
    stored = (
        f"1|{view.priority}|{view.place_ms}|{view.expires_ms}|{view.timeout_ms}||{view.type}|||\n"
    )
    tries = f"{view.attempts}|{view.losses}|0".encode()
    task = ClaimedTask(view.id, view.queue, stored.encode(), tries, token, view.since_ms)
    task.unique_key = view.unique_key
    return task


def _settings(view: TaskView, lane: LanePlan) -> RunSettings:
    # The type's own settings are known only to the process that is stuck.
    max_retry = view.max_retry if view.max_retry is not None else lane.defaults.max_retry
    return RunSettings(
        DEFAULT_MAX_RETRY if max_retry is None else max_retry,
        view.timeout_ms or DEFAULT_TIMEOUT_MS,
        lane.defaults.backoff or DEFAULT_BACKOFF,
        0,
    )
