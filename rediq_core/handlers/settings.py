"""How a task runs when it leaves things unset: task, then type, then queue, then default.

Resolved by the worker at each run, so a changed type or queue setting holds for tasks that already
wait. What only a queue can have (limits, rates) is policy in Redis and not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.header import NO_OPTIONS, Options
from rediq_core.model.retry import DEFAULT_BACKOFF, Backoff
from rediq_core.model.task import DEFAULT_MAX_RETRY, DEFAULT_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a task type or a queue says for tasks that say nothing; None leaves it open.

    Attributes:
        max_retry: Retries after the first run.
        timeout_ms: Longest run.
        backoff: Delay before retries.
        keep_ms: Kept so long after it finished.
    """

    max_retry: int | None = None
    timeout_ms: int | None = None
    backoff: Backoff | None = None
    keep_ms: int | None = None


NO_DEFAULTS = Defaults()


class RunSettings(NamedTuple):
    """What holds for one run.

    Attributes:
        max_retry: Retries after the first run.
        timeout_ms: Longest run.
        backoff: Delay before retries.
        keep_ms: Kept so long after it finished, or 0: retention decides.
    """

    max_retry: int
    timeout_ms: int
    backoff: Backoff
    keep_ms: int


class HasDefaults(Protocol):
    """A registration, as far as settings are concerned.

    Attributes:
        defaults: What its type says.
        resolved: What was resolved before: queue to the queue's settings and the result.
    """

    defaults: Defaults
    resolved: dict[str, tuple[Defaults, RunSettings]]


def resolve(
    task: ClaimedTask, registration: HasDefaults, queue: Defaults = NO_DEFAULTS
) -> RunSettings:
    """Return what holds for this run.

    Tasks without options of their own share one value per registration and queue, kept until the
    queue's settings are another object (after a reload of the configuration).

    Args:
        task: The claimed task.
        registration: Its type's registration.
        queue: Settings of the queue it was claimed from.
    """
    cached = registration.resolved.get(task.queue)
    if cached is None or cached[0] is not queue:
        shared = _without_task(registration.defaults, queue)
        registration.resolved[task.queue] = (queue, shared)
    else:
        shared = cached[1]
    options = task.options
    if options is NO_OPTIONS and not task.timeout_ms:
        return shared
    return _with_task(shared, task.timeout_ms, options)


def _with_task(shared: RunSettings, timeout_ms: int, options: Options) -> RunSettings:
    return RunSettings(
        shared.max_retry if options.max_retry is None else options.max_retry,
        timeout_ms or shared.timeout_ms,
        shared.backoff if options.backoff is None else options.backoff,
        options.keep_ms or shared.keep_ms,
    )


def _without_task(own: Defaults, queue: Defaults) -> RunSettings:
    return RunSettings(
        _first(own.max_retry, queue.max_retry, DEFAULT_MAX_RETRY),
        _first(own.timeout_ms, queue.timeout_ms, DEFAULT_TIMEOUT_MS),
        own.backoff or queue.backoff or DEFAULT_BACKOFF,
        _first(own.keep_ms, queue.keep_ms, 0),
    )


def _first(own: int | None, queue: int | None, default: int) -> int:
    if own is not None:
        return own
    return default if queue is None else queue
