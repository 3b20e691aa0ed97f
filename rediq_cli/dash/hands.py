"""The operator's hands: the one object of the dashboard that can change something.

Made only where changes are allowed; a dashboard that reads only has none, and so nothing to call.
It has connections of its own, beside the poller's, and is used by the runner's thread alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rediq_cli.saving import SaveFile
from rediq_core.admin import TAKES, Conduct, MoveVerb
from rediq_core.model.state import TaskState
from rediq_core.model.where import Where

if TYPE_CHECKING:
    from rediq_core.admin import Admin
    from rediq_core.client import SyncClient
    from rediq_core.model.operations import BulkOrder
    from rediq_core.model.views import MoveReport, TaskView

# Tasks that are looked at to count what a filter picks: a second or two.
COUNT_BUDGET = 50_000


@dataclass(frozen=True, slots=True)
class Given:
    """What the answer to a question added.

    Attributes:
        save: File for copies of the tasks, or "".
        rate: Most tasks in a time, such as "5/s", or "".
        asked_ms: Server time of the question: what came later was not asked about and is not
            touched; 0 where nothing was counted.
    """

    save: str = ""
    rate: str = ""
    asked_ms: int = 0


NOTHING_GIVEN = Given()


@dataclass(frozen=True, slots=True)
class Counted:
    """How many tasks a deed would act on now.

    Attributes:
        by_state: Tasks a state.
        is_complete: False if there may be more: not all could be looked at.
        at_ms: When they were counted, on the server's clock.
    """

    by_state: Mapping[TaskState, int] = field(default_factory=dict)
    is_complete: bool = True
    at_ms: int = 0

    @property
    def number(self) -> int:
        """Tasks altogether."""
        return sum(self.by_state.values())


class Reader:
    """What reads tasks besides the poller: whole payloads and copies. Changes nothing.

    Its admin is private, so that what only reads leads to nothing that writes.
    """

    def __init__(self, admin: Admin) -> None:
        """Take an admin that cannot write; closed with the reader."""
        self._admin = admin

    def close(self) -> None:
        """Close the connections."""
        self._admin.close()

    def task(self, task_id: str) -> TaskView:
        """Return a task as it is now.

        Raises:
            TaskNotFound: It is gone.
        """
        return self._admin.task(task_id)

    def export(self, where: Where, path: str) -> int:
        """Write copies of tasks to a new file; returns how many.

        Raises:
            InvalidOption: The file is there already or cannot be written.
        """
        with SaveFile(path) as file:
            for line in self._admin.transfers.export(where):
                file.write([line])
            return file.count


class Hands:
    """What can change something.

    Attributes:
        admin: Acts on queues, tasks, workers and schedules.
        client: Enqueues, over the same connections.
        by: Who acts, as "user@host".
    """

    def __init__(self, admin: Admin, client: SyncClient, by: str) -> None:
        self.admin = admin
        self.client = client
        self.by = by

    def close(self) -> None:
        """Close the connections."""
        self.admin.close()

    def count(self, where: Where, verb: MoveVerb) -> Counted:
        """Count what a verb would act on; with terms, of the first 50,000 looked at.

        Raises:
            QueueNotFound: The selector's queue does not exist.
        """
        tally = self.admin.tally(where, budget=COUNT_BUDGET)
        taken = {state: n for state, n in tally.by_state.items() if state in TAKES[verb]}
        return Counted(taken, tally.is_complete, self.admin.access.now_ms())

    def carry_out(
        self, orders: Sequence[BulkOrder], conduct: Conduct, given: Given
    ) -> list[MoveReport]:
        """Act on the tasks of orders; copies go to a file first, if one was given.

        Raises:
            RediqError: As `bulk.carry_out`.
            InvalidOption: The file is there already or cannot be written.
        """
        orders = [replace(order, by=self.by, rate=given.rate) for order in orders]
        conduct = replace(conduct, cutoff_ms=given.asked_ms)
        run = self.admin.operations.carry_out
        if not given.save:
            return [run(order, conduct) for order in orders]
        with SaveFile(given.save) as file:

            def keep(queue: str, ids: Sequence[str]) -> None:
                file.write(self.admin.transfers.export_ids(queue, ids))

            return [run(order, replace(conduct, before_batch=keep)) for order in orders]
