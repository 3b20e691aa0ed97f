"""Limits and groups of queues as operators see and change them.

Mixed into `Admin`. What limits mean is in model/limits.py, when a group is ripe in model/groups.py;
both are enforced by the scripts that claim and take tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rediq_core.admin.access import Access
from rediq_core.admin.snapshot import read_one_queue
from rediq_core.errors import GroupNotFound, InvalidOption
from rediq_core.model.durations import Duration
from rediq_core.model.groups import GroupView
from rediq_core.model.limits import NAMES, QueueLimits, changes
from rediq_core.model.names import check_name
from rediq_core.model.rates import Rate
from rediq_core.verbs.groups import read_groups, run_group
from rediq_core.verbs.limits import rescore, reset_limits, set_limits


class PolicyAdmin:
    """What `Admin` does with limits and groups.

    Attributes:
        access: What the methods stand on.
    """

    access: Access

    def limits(self, queue: str) -> QueueLimits:
        """Return the limits of a queue: those in force, those declared, which are overridden.

        Raises:
            QueueNotFound: It does not exist.
        """
        return read_one_queue(self.access, queue).limits

    def limit(
        self,
        queue: str,
        *,
        by: str,
        concurrency: int | str | None = None,
        rate: Rate | str | None = None,
        aging: Duration | None = None,
        max_len: int | str | None = None,
    ) -> QueueLimits:
        """Override limits of a queue over all workers, until they are reset.

        Two round trips; a change of `aging` takes one more for each 1,000 pending tasks, and goes
        on in the workers' sweep if it is broken off.

        Args:
            queue: The queue.
            by: Who does it, as "user@host".
            concurrency: Tasks that run at once; "none" for no limit, None to leave it as it is.
            rate: Tasks that start in a time, such as "100/m"; likewise.
            aging: Wait that is worth one step of priority, such as "60s"; likewise.
            max_len: Unfinished tasks above which enqueue is refused; likewise.

        Returns:
            The limits as they stand then.

        Raises:
            QueueNotFound: It does not exist.
            InvalidOption: A value cannot be read, or there is none.
            Refused: Read-only.
        """
        changed = changes(concurrency, rate, aging, max_len)
        if not changed:
            raise InvalidOption(
                f"nothing to change in {queue} was named.",
                next_step=f"Name a limit: {', '.join(NAMES)}.",
            )
        self.access.require_writable(f"limit {queue}")
        self.access.require_queue(queue)
        limits = self.access.run(set_limits(self.access.space, queue, changed, by=by))
        self._rescore(queue)
        return limits

    def reset_limits(self, queue: str, names: Collection[str] = (), *, by: str) -> QueueLimits:
        """Let limits (all, if none is named) be as the configuration declares them again.

        Costs and returns what `limit` does.

        Raises:
            QueueNotFound: It does not exist.
            InvalidOption: A name is none of a limit.
            Refused: Read-only.
        """
        unknown = sorted(set(names) - set(NAMES))
        if unknown:
            raise InvalidOption(
                f"{', '.join(unknown)} is no limit.", next_step=f"There are {', '.join(NAMES)}."
            )
        self.access.require_writable(f"reset limits of {queue}")
        self.access.require_queue(queue)
        limits = self.access.run(reset_limits(self.access.space, queue, names, by=by))
        self._rescore(queue)
        return limits

    def _rescore(self, queue: str) -> None:
        while self.access.run(rescore(self.access.space, queue)).has_more:
            continue

    def groups(self, queues: Sequence[str] = (), *, limit: int = 1_000) -> list[GroupView]:
        """Return groups, queue by queue, the next to be ripe first, ripe ones last.

        One round trip a queue for up to 500 groups.

        Args:
            queues: Of these queues; empty for all.
            limit: At most so many.

        Raises:
            QueueNotFound: One of the queues does not exist.
        """
        for queue in queues:
            self.access.require_queue(queue)
        found: list[GroupView] = []
        for queue in queues or self.access.queue_names():
            for group in self._groups_of(queue):
                found.append(group)
                if len(found) >= limit:
                    return found
        return found

    def _groups_of(self, queue: str) -> Iterator[GroupView]:
        seen: set[str] = set()
        start = 0
        while start >= 0:
            page = self.access.run(read_groups(self.access.space, queue, start=start))
            yield from (group for group in page.groups if group.name not in seen)
            seen |= {group.name for group in page.groups}
            start = page.next_start

    def group(self, name: str) -> GroupView:
        """Return one group by its full name, "queue/type/group": 2 round trips.

        Raises:
            GroupNotFound: It has no members in line.
            QueueNotFound: There is no such queue.
            InvalidOption: That is no name of a group.
        """
        queue, inner = _split(name)
        self.access.require_queue(queue)
        page = self.access.run(read_groups(self.access.space, queue, name=inner))
        if not page.groups:
            raise _no_group(name, queue)
        return page.groups[0]

    def run_group(self, name: str, by: str) -> int:
        """Make a group ripe now; returns how many members it has: 2 round trips.

        Args:
            name: "queue/type/group".
            by: Who does it, as "user@host".

        Raises:
            GroupNotFound: It has no members in line.
            QueueNotFound: There is no such queue.
            InvalidOption: That is no name of a group.
            Refused: Read-only.
        """
        queue, inner = _split(name)
        self.access.require_writable(f"run group {name}")
        self.access.require_queue(queue)
        size = self.access.run(run_group(self.access.space, queue, inner, by=by))
        if not size:
            raise _no_group(name, queue)
        return size


def _split(name: str) -> tuple[str, str]:
    parts = name.split("/")
    if len(parts) != 3:
        raise InvalidOption(
            f"{name[:200]!r} is no name of a group.",
            cause="It is written QUEUE/TYPE/GROUP.",
            next_step="See all: rediq group list",
        )
    for kind, part in zip(("queue", "type", "group"), parts, strict=True):
        check_name(kind, part)
    return parts[0], f"{parts[1]}/{parts[2]}"


def _no_group(name: str, queue: str) -> GroupNotFound:
    return GroupNotFound(
        f"Group {name} has no members in line.",
        cause="They run or have run, or nobody enqueued any.",
        next_step=f"See those that collect: rediq group list {queue}",
    )
