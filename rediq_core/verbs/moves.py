"""Moves: what an operator does to tasks, each checked and moved alone, and queue policy.

Pure functions. Which tasks to act on, how to ask for confirmation and how to batch belong to the
admin floor; the legal sources and targets of each verb are decided in moves.lua.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rediq_core.connection.raw import Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Ids of one call.
MAX_MOVES = 500
# How long deleted tasks can be restored, in milliseconds: a day.
TRASH_MS = 86_400_000


class MoveVerb(StrEnum):
    """What an operator can do to tasks."""

    RETRY = "retry"
    RUN = "run"
    CANCEL = "cancel"
    DELETE = "delete"
    RESTORE = "restore"
    RESCHEDULE = "reschedule"


class Audited(NamedTuple):
    """One operation's entry in the audit of one queue, which each of its calls replaces.

    Attributes:
        row: The entry, "" before the first call that did something.
        done: Tasks that it was done to so far.
        total: Tasks that it is meant for here, 0 for those of this call.
        first: The first task.
    """

    row: str = ""
    done: int = 0
    total: int = 0
    first: str = ""


NOT_AUDITED = Audited()


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts, and how.

    Attributes:
        verb: What to do.
        by: Who does it, as "user@host".
        reason: Why, or "".
        operation: Names this act in the audit and for undo. It acts on each task once: sent again,
            also in other batches, it leaves what it has done as it became. "" for no name.
        expect: Act only on tasks in this state; "" for any the verb takes.
        purge_ms: For delete: time in trash; 0 deletes for good.
        due_ms: For reschedule: when, in epoch ms.
        of: For restore: only what this operation put into trash; "" for all.
        cutoff_ms: Leave what came into retry or delayed after that; 0 for none.
        is_forced: For cancel: kill what does not stop by itself.
        audited: How the operation stands in this queue's audit; a call of it makes the next one.
    """

    verb: MoveVerb
    by: str
    reason: str = ""
    operation: str = ""
    expect: str = ""
    purge_ms: int = TRASH_MS
    due_ms: int = 0
    of: str = ""
    cutoff_ms: int = 0
    is_forced: bool = False
    audited: Audited = NOT_AUDITED

    def note(self) -> str:
        """Return who and why as the JSON that timelines and the audit keep."""
        note: dict[str, object] = {"by": self.by}
        if self.reason:
            note["why"] = self.reason
        if self.is_forced:
            note["force"] = True
        return json.dumps(note, separators=(",", ":"))


def is_forced(note: bytes) -> bool:
    """Say of a note that `Act.note` made whether what does not stop by itself may be killed."""
    try:
        return json.loads(note).get("force") is True
    except (ValueError, AttributeError):
        return False


@dataclass(frozen=True, slots=True)
class Moved:
    """What one call did.

    Attributes:
        now_ms: Server time.
        words: For each id in order: moved, already, intent, unknown, unique, or the state it was
            left in.
        deliver: Parents whose children must be told now.
        audited: What the operation's next call in this queue is given.
    """

    now_ms: int
    words: tuple[str, ...]
    deliver: tuple[str, ...]
    audited: Audited = NOT_AUDITED


def move(space: Space, queue: str, act: Act, ids: Sequence[str], *, minute: int) -> Call[Moved]:
    """Act on up to MAX_MOVES tasks of one queue: one round trip, O(log n) each."""
    args = [
        act.verb.value,
        act.expect,
        act.note(),
        act.operation,
        _request_of(act, ids) if act.operation else "",
        act.purge_ms,
        act.due_ms,
        act.of,
        act.cutoff_ms,
        act.audited.row,
        act.audited.done,
        act.audited.total,
        act.audited.first,
        len(ids),
        *ids,
    ]

    def read(reply: Reply) -> Moved:
        now_ms, deliver, row, *words = reply
        parents = tuple(deliver.decode().split(",")) if deliver else ()
        said = tuple(word.decode() for word in words)
        before = act.audited
        done = before.done + said.count("moved") + said.count("intent")
        first = before.first or (ids[0] if row and ids else "")
        audited = before._replace(row=row.decode(), done=done, first=first)
        return Moved(now_ms, said, parents, audited)

    return space.call(load("moves"), queue, args, read, minute=minute)


def _request_of(act: Act, ids: Sequence[str]) -> str:
    """Name one batch by all that is asked of it, so that no other batch reads as its repeat."""
    asked = "\n".join([act.verb, act.expect, str(act.purge_ms), str(act.due_ms), act.of, *ids])
    digest = hashlib.sha1(asked.encode("utf-8", "backslashreplace"), usedforsecurity=False)
    return f"{act.operation}/{digest.hexdigest()[:16]}"


def pause(space: Space, queue: str, *, by: str, reason: str = "", until_ms: int = 0) -> Call[bool]:
    """Stop handing out tasks of a queue; returns whether it was paused before. One round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        by: Who pauses it.
        reason: Why, or "".
        until_ms: When it resumes by itself, in epoch ms; 0 for never.
    """
    return space.call(load("pause"), queue, ["1", by, reason, until_ms], _read_was_paused)


def resume(space: Space, queue: str, *, by: str) -> Call[bool]:
    """Hand out tasks of a queue again; returns whether it was paused. One round trip."""
    return space.call(load("pause"), queue, ["0", by, "", 0], _read_was_paused)


def _read_was_paused(reply: Reply) -> bool:
    return bool(reply[1])
