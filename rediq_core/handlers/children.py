"""The tasks that one run enqueues, under ids that a repeated run finds again.

A run may be repeated after its worker died, and must not enqueue its children twice. So a child's
id is derived from the parent's id and the child's ordinal. This makes ids; it enqueues nothing.
"""

from __future__ import annotations

from rediq_core.model.ids import derived_id, queue_tag, tag_of_queue
from rediq_core.model.task import Task


class Children:
    """The children of one run, in the order they were enqueued. Not thread-safe: callers lock."""

    __slots__ = ("_ids", "_parent_id")

    def __init__(self, parent_id: str) -> None:
        self._parent_id = parent_id
        # A Task's own id to the id it is enqueued under.
        self._ids: dict[str, str] = {}

    def adopt(self, task: Task[object]) -> Task[object]:
        """Return the task as it is to be enqueued.

        Its id is derived unless it was given by hand; an id that `Task` made leads to its queue,
        which one given by hand does once in a million. Parents among the earlier children are
        named by the ids they were enqueued under. The same Task is the same child each time.
        """
        own_id = task.id
        if own_id not in self._ids and queue_tag(own_id) == tag_of_queue(task.queue):
            self._ids[own_id] = derived_id(self._parent_id, len(self._ids), task.queue)
        changes: dict[str, object] = {"id": self._ids.get(own_id, own_id)}
        if task.depends_on:
            parents = task.parent_ids
            adopted = tuple(self._ids.get(parent, parent) for parent in parents)
            if adopted != parents:
                changes["depends_on"] = adopted
        return task if changes == {"id": own_id} else task.copy(**changes)
