"""What a handler raised in its process, as the task process and its middlewares see it.

The exception itself stays where it was raised: it may hold anything. What comes over is the
judgment of it; a signal is a signal here too, for a middleware that looks at how a run ended.
"""

from __future__ import annotations

from rediq_core.handlers.outcomes import Judged
from rediq_core.handlers.signals import Permanent, Retry, Signal, Snooze
from rediq_core.worker.handler_frames import Frame
from rediq_core.worker.handler_messages import outcome_of


class RemoteFailure(Judged):
    """What a handler raised in its process, judged there; see `Judged.outcome`."""


class RemotePermanent(RemoteFailure, Permanent):
    """A `Permanent` that a handler raised in its process."""


class RemoteRetry(RemoteFailure, Retry):
    """A `Retry` that a handler raised in its process."""


class RemoteSnooze(RemoteFailure, Snooze):
    """A `Snooze` that a handler raised in its process."""


_REMOTE: dict[str, type[RemoteFailure]] = {
    "Permanent": RemotePermanent,
    "Retry": RemoteRetry,
    "Snooze": RemoteSnooze,
}


def failure_of(frame: Frame) -> RemoteFailure:
    """Return the error that a frame about a failed run stands for."""
    outcome, signal_name = outcome_of(frame)
    failure = _REMOTE.get(signal_name, RemoteFailure)(outcome)
    if isinstance(failure, Signal):
        failure.reason = outcome.failure.message
    if isinstance(failure, Retry):
        failure.delay_ms = outcome.delay_ms
    elif isinstance(failure, Snooze):
        failure.delay_ms = outcome.delay_ms or 0
    return failure
