"""One member of a group, as its handler sees it, and how a group is collected.

A group handler gets its members as a list and may fail some of them alone. Collecting and settling
are the scripts' and the worker's; this holds values only.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from rediq_core.errors import InvalidOption
from rediq_core.handlers.signals import Retry
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.groups import GroupRule

P = TypeVar("P")

DEFAULT_MAX_SIZE = 10
DEFAULT_GRACE: Duration = "30s"
DEFAULT_MAX_DELAY: Duration = "300s"
# Most members of one call: what one claim may bring back.
MAX_SIZE_LIMIT = 100


def group_rule(max_size: int, grace: Duration, max_delay: Duration) -> GroupRule:
    """Check and convert what `group_handler` was given.

    Raises:
        InvalidOption: A size outside 1 to 100, or a duration that cannot be read.
    """
    if type(max_size) is not int or not 1 <= max_size <= MAX_SIZE_LIMIT:
        raise InvalidOption(
            f"max_size {max_size!r} is not a whole number from 1 to {MAX_SIZE_LIMIT}."
        )
    return GroupRule(max_size, duration_ms(grace, "grace"), duration_ms(max_delay, "max_delay"))


class Member(Generic[P]):
    """One task of a group.

    Attributes:
        task: The claimed task.
        payload: Its payload, checked.
        error: What `fail` was told, or None: it then shares the outcome of the call.
        cancelled: Somebody asked to cancel it alone. The call goes on for the others; the member
            is cancelled if it does not complete.
    """

    __slots__ = ("cancelled", "error", "payload", "task")

    def __init__(self, task: ClaimedTask, payload: P) -> None:
        self.task = task
        self.payload = payload
        self.error: Exception | None = None
        self.cancelled = False

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    def fail(self, error: Exception | str) -> None:
        """Fail this member alone; it goes back to its group after its backoff.

        Args:
            error: Why: text, an exception, or a signal such as `Permanent`.
        """
        self.error = Retry(error) if isinstance(error, str) else error
