"""Edit: another payload for a task that nobody runs, unless somebody else was quicker."""

from __future__ import annotations

from rediq_core import keys
from rediq_core.admin.access import Access
from rediq_core.admin.bulk import new_operation
from rediq_core.admin.lookup import task_not_found
from rediq_core.errors import WrongState
from rediq_core.model.codec import encode
from rediq_core.model.views import TaskView
from rediq_core.verbs.editing import edit

# Fields of a stored task before what an edit replaces: revision, priority, place, expiry.
_HEAD_FIELDS = 4


def edit_payload(access: Access, task: TaskView, payload: object, *, by: str, reason: str) -> str:
    """Give a task another payload: 2 round trips.

    Args:
        access: Where.
        task: The task as it was seen; if its payload is another by now, nothing is changed.
        payload: The new one.
        by: Who does it, as "user@host".
        reason: Why, or "".

    Returns:
        The operation's id.

    Raises:
        InvalidPayload: The payload is not JSON.
        PayloadTooLarge: It is over the limit.
        TaskNotFound: The task is not there any more.
        WrongState: It is running, or was edited meanwhile.
        Refused: Read-only.
    """
    access.require_writable(f"edit {task.id}")
    payload_json = encode(payload)
    tasks = keys.queue_key(access.namespace, task.queue, "tasks")
    (stored,) = access.commands([("HGET", tasks, task.id)], key=tasks)
    if stored is None:
        raise task_not_found(task.id)
    before = stored.split(b"|", _HEAD_FIELDS)[-1]
    options, _, seen = before.partition(b"\n")
    operation = new_operation()
    word = "changed"
    if seen == task.payload_json:
        word = access.run(
            edit(
                access.space,
                task.queue,
                task.id,
                before=before,
                after=options + b"\n" + payload_json,
                by=by,
                reason=reason,
                operation=operation,
            )
        )
    if word == "unknown":
        raise task_not_found(task.id)
    if word in ("active", "changed"):
        raise _refusal(task.id, word)
    return operation


def _refusal(task_id: str, word: str) -> WrongState:
    if word == "active":
        return WrongState(
            f"task {task_id} is active, so it was not edited.",
            task_id=task_id,
            state="active",
            cause="A worker has its payload already.",
            next_step=f"Cancel it first: rediq task cancel {task_id}",
        )
    return WrongState(
        f"task {task_id} was changed meanwhile, so it was not edited.",
        task_id=task_id,
        next_step=f"Look at it again: rediq task inspect {task_id}",
    )
