"""Edit: give a task another payload, if it is still what was seen.

Pure functions over edit.lua. The options of the task stay what they are.
"""

from __future__ import annotations

import json

from rediq_core.connection.raw import Arg, Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load


def edit(
    space: Space,
    queue: str,
    task_id: str,
    *,
    before: bytes,
    after: bytes,
    by: str,
    reason: str,
    operation: str,
) -> Call[str]:
    """Replace the stored form of a task after `expires_ms`: one round trip. Safe to repeat.

    Args:
        space: Namespace and clock.
        queue: The task's queue.
        task_id: The task.
        before: What it must be now.
        after: What it becomes.
        by: Who does it.
        reason: Why, or "".
        operation: Names the edit in audit and timeline.

    Returns:
        A call that says edited, already, unknown, active or changed.
    """
    note = json.dumps({"by": by, **({"why": reason} if reason else {})}, separators=(",", ":"))

    def read(reply: Reply) -> str:
        return str(reply[1].decode())

    args: list[Arg] = [task_id, before, after, note, operation]
    return space.call(load("edit"), queue, args, read)
