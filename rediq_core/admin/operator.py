"""Admin: everything an operator sees and does, one object for command line and dashboard.

Blocking, and safe to share between threads. Reads never write; nothing lists keys or reads a range
without a bound. What asks for confirmation, and how things look, belongs to the front ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from rediq_core import keys
from rediq_core.admin import bulk, editing, history, lookup, search, snapshot, workers
from rediq_core.admin.access import Access, Deliver
from rediq_core.admin.books import BookAdmin
from rediq_core.admin.bulk import Conduct, OnProgress
from rediq_core.admin.explaining import ExplainingAdmin
from rediq_core.admin.operations import Operations
from rediq_core.admin.policies import PolicyAdmin
from rediq_core.admin.schedules import ScheduleAdmin
from rediq_core.admin.search import DEFAULT_BUDGET, Search, Selection, Tally
from rediq_core.admin.snapshot import Overview
from rediq_core.admin.telling import deliver_at_once
from rediq_core.admin.transfers import Transfers
from rediq_core.model.history import HOUR_MS, History
from rediq_core.model.operations import BulkOrder
from rediq_core.model.state import TaskState
from rediq_core.model.views import MoveReport, Page, QueueView, TaskView, WorkerView
from rediq_core.model.where import Where
from rediq_core.scripts.executor import DEFAULT_DEADLINE_S, SyncExecutor
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.presence import Do


class Admin(PolicyAdmin, ScheduleAdmin, ExplainingAdmin, BookAdmin):
    """Look at queues, tasks and workers of one namespace, and act on them.

    Every method may raise RedisUnavailable; every one that writes may raise Refused.

    Attributes:
        access: What the methods stand on; `close` closes its link.
    """

    def __init__(
        self,
        executor: SyncExecutor,
        namespace: str = keys.DEFAULT_NAMESPACE,
        *,
        deadline_s: float = DEFAULT_DEADLINE_S,
        is_read_only: bool = False,
        deliver: Deliver | None = None,
    ) -> None:
        """Take an executor; the first call connects.

        Args:
            executor: Sends calls; `close` closes its link.
            namespace: Prefix of every key.
            deadline_s: Seconds for each call, all tries together.
            is_read_only: Refuse everything that writes.
            deliver: Told of finished parents whose children wait; None to tell these at once.
        """
        deliver = deliver or deliver_at_once(executor, namespace, deadline_s)
        self.access = Access(executor, namespace, deadline_s, is_read_only, deliver)

    def __enter__(self) -> Admin:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        self.access.executor.link.close()

    @property
    def operations(self) -> Operations:
        """What was done to many tasks, and the way to do more, stop, resume and undo it."""
        return Operations(self.access)

    @property
    def transfers(self) -> Transfers:
        """Tasks as lines of JSON, out of their queues and back into them."""
        return Transfers(self.access)

    # Queues.

    def queue_names(self) -> list[str]:
        """Return all queues in order: 1 round trip."""
        return self.access.queue_names()

    def queues(self) -> list[QueueView]:
        """Return the numbers of all queues, in order: 4 round trips, O(queues + workers)."""
        return snapshot.read_queues(self.access)

    def overview(self) -> Overview:
        """Return all queues and all workers: 4 round trips, O(queues + workers)."""
        return snapshot.read_overview(self.access)

    def queue(self, name: str) -> QueueView:
        """Return the numbers of one queue: 4 round trips.

        Raises:
            QueueNotFound: It does not exist.
        """
        return snapshot.read_one_queue(self.access, name)

    def history(
        self,
        queues: Sequence[str] | None = None,
        range_ms: int = HOUR_MS,
        *,
        step_ms: int | None = None,
    ) -> list[History]:
        """Return what queues did, in buckets up to now. See `history.read_history`.

        Args:
            queues: Which, in this order; None for all.
            range_ms: How far back: 1 minute to 90 days.
            step_ms: A minute, an hour or a day; None for what fits the range.

        Raises:
            QueueNotFound: One of them does not exist.
            InvalidOption: The range, or the range at this step, is not kept.
        """
        return history.read_history(self.access, queues, range_ms, step_ms)

    def page(
        self,
        queue: str,
        state: TaskState | str,
        *,
        start: int = 0,
        limit: int = 50,
        is_reversed: bool = False,
    ) -> Page:
        """Return tasks of one state of a queue, by rank: 2 round trips.

        Pending tasks are those in line, then suspects, then held ones, as if they were one list.

        Args:
            queue: The queue.
            state: The state.
            start: Rank of the first task, from 0.
            limit: Tasks at most, up to 500; a page is also bounded by 4 MiB.
            is_reversed: Latest first.

        Raises:
            QueueNotFound: The queue does not exist.
        """
        self.access.require_queue(queue)
        return snapshot.page_of_state(
            self.access,
            queue,
            TaskState(state),
            start=start,
            limit=limit,
            is_reversed=is_reversed,
        )

    def pause(self, queue: str, by: str, reason: str = "", until_ms: int = 0) -> bool:
        """Stop handing out tasks of a queue; returns whether it was paused before.

        Args:
            queue: The queue.
            by: Who pauses it, as "user@host".
            reason: Why, or "".
            until_ms: When it resumes by itself, in epoch ms; 0 for never.

        Raises:
            QueueNotFound: It does not exist.
        """
        return snapshot.pause_queue(self.access, queue, by=by, reason=reason, until_ms=until_ms)

    def resume(self, queue: str, by: str) -> bool:
        """Hand out tasks of a queue again; returns whether it was paused.

        Raises:
            QueueNotFound: It does not exist.
        """
        return snapshot.resume_queue(self.access, queue, by=by)

    # Tasks.

    def task(self, id_or_end: str) -> TaskView:
        """Return the one task that an id, or its last 6 or more characters, means.

        Raises:
            TaskNotFound: There is none.
            InvalidOption: Several have this end, or not all ids could be looked at.
        """
        return lookup.find_task(self.access, id_or_end)

    def select(
        self,
        where: Where,
        *,
        limit: int = 50,
        budget: int = DEFAULT_BUDGET,
        cursor: str = "",
        is_reversed: bool = False,
    ) -> Selection:
        """Return a bounded piece of what a WHERE picks, and how far it came. See `search.select`.

        Raises:
            QueueNotFound: The selector's queue does not exist.
            TaskNotFound: An id means no task.
            InvalidOption: An id is not unique, or the cursor is none of ours.
        """
        return search.select(
            self.access,
            where,
            limit=limit,
            budget=budget,
            cursor=cursor,
            is_reversed=is_reversed,
        )

    def search(
        self,
        where: Where,
        *,
        limit: int,
        budget: int,
        is_reversed: bool = False,
        on_look: Callable[[Search], None] | None = None,
    ) -> Search:
        """Begin a search that yields hits as it finds them; see `Search`. Not by ids.

        Raises:
            QueueNotFound: The selector's queue does not exist.
        """
        return Search(
            self.access,
            where,
            limit=limit,
            budget=budget,
            is_reversed=is_reversed,
            on_look=on_look,
        )

    def counts(self, where: Where, *, verb: MoveVerb | str | None = None) -> dict[TaskState, int]:
        """Return how many tasks a WHERE picks in each state that has any.

        Four round trips without terms. With terms every task of the selection is read: bound that
        with `tally`.

        Args:
            where: What to count.
            verb: Count only what `move` with this verb would act on.

        Raises:
            QueueNotFound: The selector's queue does not exist.
            InvalidOption, WrongState: As `move` with this verb.
        """
        if verb is None:
            return dict(search.tally(self.access, where).by_state)
        states = bulk.states_taken(self.access, MoveVerb(verb), where)
        return dict(search.tally(self.access, where, states=states).by_state)

    def tally(self, where: Where, *, budget: int | None = None) -> Tally:
        """Count what a WHERE picks, looking at `budget` tasks at most. See `search.tally`."""
        return search.tally(self.access, where, budget=budget)

    def move(
        self,
        verb: MoveVerb | str,
        where_or_ids: Where | Sequence[str],
        *,
        by: str,
        reason: str = "",
        expect: str = "",
        hard: bool = False,
        force: bool = False,
        due_ms: int = 0,
        on_progress: OnProgress | None = None,
    ) -> MoveReport:
        """Act on all tasks that a WHERE or ids mean; each is checked again where it lies.

        Args:
            verb: retry, run, cancel, delete, restore or reschedule.
            where_or_ids: A WHERE, or ids and ends of ids; unknown ones are reported as skipped.
            by: Who does it, as "user@host".
            reason: Why, or "".
            expect: For ids: act only on tasks in this state; "" for any that the verb takes.
            hard: For delete: for good, not to trash.
            force: For cancel: kill what does not stop by itself.
            due_ms: For reschedule: when, in epoch ms.
            on_progress: Told after each batch: tasks handled so far, tasks altogether.

        Returns:
            What happened to each task. Running tasks that were told to stop are its `intents`.

        Raises:
            QueueNotFound: The selector's queue does not exist.
            InvalidOption: A queue without a state, an id that is not unique, or no due time.
            WrongState: The selector's state is none that the verb takes.
        """
        is_named = not isinstance(where_or_ids, Where) or bool(where_or_ids.ids)
        where = where_or_ids if isinstance(where_or_ids, Where) else Where(ids=tuple(where_or_ids))
        order = BulkOrder(
            str(verb),
            MoveVerb(verb).value,
            where,
            by,
            reason,
            is_named,
            expect,
            is_hard=hard,
            is_forced=force,
            due_ms=due_ms,
        )
        return self.operations.carry_out(order, Conduct(on_progress=on_progress))

    def flush(
        self,
        where: Where,
        *,
        by: str,
        reason: str = "",
        hard: bool = False,
        on_progress: OnProgress | None = None,
    ) -> MoveReport:
        """Delete all tasks of a selection that are in it now; a queue alone: its pending tasks.

        Args:
            where: What to delete.
            by: Who does it, as "user@host".
            reason: Why, or "".
            hard: Remove everything of them at once; else they can be restored for a day.
            on_progress: Told after each batch: tasks handled so far, tasks altogether.

        Raises:
            QueueNotFound: The selector's queue does not exist.
            WrongState: The selector names active tasks or trash.
        """
        order = BulkOrder("flush", "delete", where.for_flush(), by, reason, is_hard=hard)
        return self.operations.carry_out(order, Conduct(on_progress=on_progress))

    def edit(self, task: TaskView, payload: object, *, by: str, reason: str = "") -> str:
        """Give a task another payload, if it is still as it was seen. See `editing`.

        Raises:
            TaskNotFound, WrongState: It is gone, running, or was edited meanwhile.
            InvalidPayload, PayloadTooLarge: The payload cannot be one.
        """
        return editing.edit_payload(self.access, task, payload, by=by, reason=reason)

    # Workers.

    def workers(self) -> list[WorkerView]:
        """Return the workers of the last day, lost ones too, latest beats first: 2 round trips."""
        return list(workers.read_roster(self.access).workers)

    def worker(self, id_or_part: str) -> WorkerView:
        """Return the one worker with this id, or with this in its id: 2 round trips.

        Raises:
            WorkerNotFound: There is none.
            InvalidOption: There are several.
        """
        return workers.find_worker(self.access, id_or_part)

    def tell_worker(self, id_or_part: str, do: Do | str, *, by: str = "") -> WorkerView:
        """Tell a worker to pause, resume or stop, and return at once: 3 round trips.

        Returns:
            The worker as it was; `wait_for_worker` waits until it has obeyed.

        Raises:
            WorkerNotFound: There is none.
            InvalidOption: There are several, or it is lost.
        """
        return workers.order_worker(self.access, id_or_part, Do(do), by=by)
