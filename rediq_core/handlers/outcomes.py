"""What an exception out of a run means, and the record that is kept of it.

`judge` is given whatever came out of a handler and its middleware. Whether attempts are left is not
looked at: the worker knows `max_retry` and decides between retry and dead.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from rediq_core.handlers.signals import NoRetry, Permanent, Retry, Snooze
from rediq_core.handlers.tracebacks import blamed_place, message_of, traceback_of

_ERRORS_MODULE = "rediq_core.errors"
_FINGERPRINT_LENGTH = 8

# What differs between two failures of one cause. Order matters: an id inside quotes goes with them.
_VARYING = re.compile(
    r"""
      "[^"]*" | (?<!\w)'[^']*'                                # quoted text, not an apostrophe
    | \b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b  # UUIDs
    | \b0x[0-9a-fA-F]+\b                                      # addresses
    | \b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b                   # digests
    | \b(?=[0-9A-Z]*\d)[0-9A-HJKMNP-TV-Z]{26}\b               # task ids
    | \d+(?:[.,]\d+)*                                         # numbers
    """,
    re.VERBOSE,
)


class Verdict(StrEnum):
    """What is to happen with the task."""

    RETRY = "retry"
    DEAD = "dead"
    SNOOZE = "snooze"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed run as it is kept, at most about 20 KiB.

    Attributes:
        error_type: Class name of the error.
        message: Its text, at most 2 KiB.
        traceback: At most 16 KiB, head and tail; "" for a payload, a Snooze.
        fingerprint: 8 hex digits, equal for failures of one type and cause.
    """

    error_type: str
    message: str
    traceback: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run that raised ended.

    Attributes:
        verdict: RETRY (while attempts are left), DEAD (now) or SNOOZE (uses up no attempt).
        delay_ms: Delay the handler asked for; None for the task's backoff.
        failure: The record of it.
    """

    verdict: Verdict
    delay_ms: int | None
    failure: Failure


class Judged(Exception):  # noqa: N818  # says how a run ended, as signals do
    """A run failed in another process, where it was judged with its traceback at hand.

    Attributes:
        outcome: What it means, and the record of it.
    """

    def __init__(self, outcome: Outcome) -> None:
        # Not by super(): a signal beside it in a subclass takes other arguments.
        Exception.__init__(self, f"{outcome.failure.error_type}: {outcome.failure.message}")
        self.outcome = outcome


def judge(error: BaseException, task_type: str) -> Outcome:
    """Say what an exception means for its task.

    Args:
        error: What came out of the handler or its middleware, or a `TaskTimeout` made for it.
        task_type: The task's type, a part of the fingerprint.

    Returns:
        SNOOZE for `Snooze`; DEAD for `Permanent`, and for a payload or result that breaks the
        contract; what `Judged` says; RETRY for anything else.
    """
    if isinstance(error, Judged):
        return error.outcome
    if isinstance(error, Snooze):
        return Outcome(Verdict.SNOOZE, error.delay_ms, describe(error, task_type))
    delay_ms = error.delay_ms if isinstance(error, Retry) else None
    verdict = Verdict.DEAD if isinstance(error, Permanent | NoRetry) else Verdict.RETRY
    return Outcome(verdict, delay_ms, describe(error, task_type))


def describe(error: BaseException, task_type: str) -> Failure:
    """Return the record of an exception; never raises, bounded in time and size."""
    message = message_of(error)
    return Failure(
        error_name(error),
        message,
        "" if isinstance(error, NoRetry | Snooze) else traceback_of(error),
        fingerprint(task_type, error, message),
    )


def fingerprint(task_type: str, error: BaseException, message: str) -> str:
    """Return 8 hex digits that are equal for failures of one cause.

    They are a digest of the task type, the exception's class, its text without numbers, ids and
    quoted parts, and the user's function it came from (not its line: that moves with each deploy).
    """
    kind = type(error)
    parts = (
        task_type,
        f"{kind.__module__}.{kind.__qualname__}",
        _VARYING.sub("#", message),
        blamed_place(error),
    )
    digest = hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False)
    return digest.hexdigest()[:_FINGERPRINT_LENGTH]


def error_name(error: BaseException) -> str:
    """Return the class name people know the error by: for ours the public one."""
    kinds = type(error).__mro__
    public = next((kind for kind in kinds if kind.__module__ == _ERRORS_MODULE), kinds[0])
    return public.__name__
