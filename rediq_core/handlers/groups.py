"""One member of a group, as its handler sees it, and how a group is collected.

A group handler gets its members as a list and may fail some of them alone. Collecting and settling
are the scripts' and the worker's; this holds values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from rediq_core.errors import InvalidOption
from rediq_core.handlers.signals import Retry
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.durations import Duration, duration_ms

P = TypeVar("P")

DEFAULT_MAX_SIZE = 10
DEFAULT_GRACE: Duration = "30s"
DEFAULT_MAX_DELAY: Duration = "300s"
# Most members of one call: what one claim may bring back.
MAX_SIZE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """When a group is ripe.

    Attributes:
        max_size: Ripe at once with so many members; a call has at most so many.
        grace_ms: Ripe when no member has come for so long.
        max_delay_ms: Ripe when its first member has waited so long.
    """

    max_size: int
    grace_ms: int
    max_delay_ms: int


def group_settings(max_size: int, grace: Duration, max_delay: Duration) -> GroupSettings:
    """Check and convert what `group_handler` was given.

    Raises:
        InvalidOption: A size outside 1 to 100, or a duration that cannot be read.
    """
    if type(max_size) is not int or not 1 <= max_size <= MAX_SIZE_LIMIT:
        raise InvalidOption(
            f"max_size {max_size!r} is not a whole number from 1 to {MAX_SIZE_LIMIT}."
        )
    return GroupSettings(max_size, duration_ms(grace, "grace"), duration_ms(max_delay, "max_delay"))


class Member(Generic[P]):
    """One task of a group.

    Attributes:
        task: The claimed task.
        payload: Its payload, checked.
        error: What `fail` was told, or None: it then shares the outcome of the call.
    """

    __slots__ = ("error", "payload", "task")

    def __init__(self, task: ClaimedTask, payload: P) -> None:
        self.task = task
        self.payload = payload
        self.error: Exception | None = None

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
