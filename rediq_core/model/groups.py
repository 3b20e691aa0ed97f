"""How a group of tasks is collected, and what is seen of one: values that several floors share.

A group is the tasks of one queue, type and group name that run together. Collecting is the
scripts' doing (lib/groups.lua); the handler's side is in handlers/groups.py.
"""

from __future__ import annotations

from typing import NamedTuple


class GroupRule(NamedTuple):
    """When a group is ripe, as a group handler declares it.

    Attributes:
        max_size: Ripe at once with so many members; a run takes at most so many.
        grace_ms: Ripe when no member has come for so long.
        max_delay_ms: Ripe when its first member has waited so long.
    """

    max_size: int
    grace_ms: int
    max_delay_ms: int

    def words(self) -> str:
        """Return it as the policy of a queue keeps it."""
        return "|".join(map(str, self))


# What holds until a worker with a group handler has declared something else.
DEFAULT_RULE = GroupRule(10, 30_000, 300_000)


class GroupView(NamedTuple):
    """A group at one instant.

    Attributes:
        queue: Its queue.
        type: Type of its tasks.
        group: Its name.
        size: Members in line; running ones are not counted.
        first_id: The most urgent of them.
        due_ms: When it is ripe, in epoch ms; 0 once it is.
        rule: How it is collected.
        is_declared: A group handler for the type was there; else members run one by one.
        at_ms: Server time of the reading.
    """

    queue: str
    type: str
    group: str
    size: int
    first_id: str
    due_ms: int
    rule: GroupRule
    is_declared: bool
    at_ms: int

    @property
    def name(self) -> str:
        """Its full name, queue/type/group."""
        return f"{self.queue}/{self.type}/{self.group}"

    @property
    def is_ripe(self) -> bool:
        """It waits for a worker, not for more members."""
        return self.due_ms == 0


class GroupPage(NamedTuple):
    """Some groups of a queue.

    Attributes:
        groups: Those that collect, the next to be ripe first, then ripe ones.
        next_start: Where the next page begins, or -1.
    """

    groups: tuple[GroupView, ...]
    next_start: int
