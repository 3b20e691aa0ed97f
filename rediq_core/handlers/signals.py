"""What a handler raises to say how its run ended: signals, not errors of Rediq.

They are caught by nobody but the worker (and by middleware that looks on), so they stay outside
the `RediqError` tree: an `except RediqError` around a client call never swallows one.

Example:
    if card.is_stolen:
        raise Permanent("card declined")
    if bank.is_closed:
        raise Snooze("bank opens at 9", delay="2h")
"""

from __future__ import annotations

from rediq_core.model.durations import Duration, duration_ms


class Signal(Exception):  # noqa: N818  # a signal is not an error
    """How a run ended, in the handler's words.

    Attributes:
        reason: One sentence for the people who look at the task.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Permanent(Signal):
    """The task is dead at once: another run would end the same way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Retry(Signal):
    """The run failed and uses up an attempt, with a delay of its own instead of the backoff.

    Attributes:
        delay_ms: Wait before the next run, or None for the task's backoff.
    """

    def __init__(self, reason: str, *, delay: Duration | None = None) -> None:
        super().__init__(reason)
        self.delay_ms = None if delay is None else duration_ms(delay, "delay")


class Snooze(Signal):
    """The task is not ready yet: run it later, without using up an attempt.

    Attributes:
        delay_ms: Wait before the next run.
    """

    def __init__(self, reason: str = "", *, delay: Duration) -> None:
        super().__init__(reason)
        self.delay_ms = duration_ms(delay, "delay")


class NoRetry:
    """Marks an error of ours that another run cannot change; the task is dead at once."""
