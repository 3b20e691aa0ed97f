"""One run of a group handler: its members, and what each of them becomes.

The members share a slot, a deadline and the outcome of the call, except those whose payload does
not fit, which are not handed over, and those that the handler failed alone. Each is settled under
its own claim. Timing, cancelling and counting are the executor's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rediq_core.handlers.groups import Member
from rediq_core.handlers.payloads import PayloadMismatch
from rediq_core.handlers.registration import Registration
from rediq_core.handlers.settings import Defaults, RunSettings, resolve
from rediq_core.model.claimed import ClaimedTask
from rediq_core.worker.settling import SUSPECT_LOSSES


class GroupRun:
    """The members of one call.

    Attributes:
        members: What the handler is given; empty if no payload fits.
        settings: What holds for each task's own retries, by id.
        timeout_ms: The longest of their timeouts: nobody's time is cut short. 0 for none.
    """

    def __init__(
        self, tasks: Sequence[ClaimedTask], registration: Registration, defaults: Defaults
    ) -> None:
        self.members: list[Member[object]] = []
        self.settings: Mapping[str, RunSettings] = {
            task.id: resolve(task, registration, defaults) for task in tasks
        }
        timeouts = [settings.timeout_ms for settings in self.settings.values()]
        self.timeout_ms = max(timeouts) if all(timeouts) else 0
        self._tasks = tasks
        self._misfits: dict[str, PayloadMismatch] = {}
        for task in tasks:
            try:
                self.members.append(registration.make_member(task))
            except PayloadMismatch as error:
                self._misfits[task.id] = error

    def mark_cancelled(self, task_id: str) -> bool:
        """Tell the handler that a member is to be cancelled; returns whether all are by now."""
        for member in self.members:
            member.cancelled |= member.id == task_id
        return all(member.cancelled for member in self.members)

    def errors(
        self, failure: BaseException | None
    ) -> Iterator[tuple[ClaimedTask, BaseException | None]]:
        """Yield each task with what it failed by, or None if it is done.

        Args:
            failure: What came out of the call; None if it returned.
        """
        alone = {member.id: member.error for member in self.members}
        for task in self._tasks:
            yield task, self._misfits.get(task.id) or alone.get(task.id) or failure


def together(
    claimed: Sequence[ClaimedTask], registry: Mapping[str, Registration]
) -> list[tuple[ClaimedTask, list[ClaimedTask]]]:
    """Return the runs that claimed tasks make: each its first task and the other members.

    A task without a group, or whose handler takes single tasks, is a run of its own; so is a
    suspect, which runs alone.
    """
    runs: list[tuple[ClaimedTask, list[ClaimedTask]]] = []
    open_runs: dict[tuple[str, str], list[ClaimedTask]] = {}
    for task in claimed:
        registration = registry.get(task.type)
        rule = None if registration is None else registration.group
        others: list[ClaimedTask] = []
        if rule is not None and task.group and task.losses < SUSPECT_LOSSES:
            key = (task.type, task.group)
            before = open_runs.get(key)
            if before is not None and len(before) + 1 < rule.max_size:
                before.append(task)
                continue
            open_runs[key] = others
        runs.append((task, others))
    return runs
