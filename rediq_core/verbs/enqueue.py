"""Enqueue: from a producer's Task to the one script call that takes it.

Pure functions; the client decides when to send and what to do with each task's outcome.
A task that depends on others was written down at its parents before (verbs/dependencies.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import DuplicateTask, QueueFull, RediqError, WrongState
from rediq_core.model.codec import MAX_PAYLOAD_BYTES, encode
from rediq_core.model.durations import duration_ms
from rediq_core.model.header import header_tail
from rediq_core.model.task import Task
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Most tasks of one call, and most bytes of their payloads together: a call blocks the server.
MAX_TASKS = 500
MAX_BYTES = 4 * 1024 * 1024

_TAKEN, _REPEAT = "1", "2"
_DUPLICATE = {"return": ";ot", "replace": ";op", "raise": ""}


class EncodedTask(NamedTuple):
    """A task as the script takes it.

    Attributes:
        id: The task's id.
        options: Priority, then what only some tasks have (see enqueue.lua).
        tail: The stored form after `expires_ms`.
    """

    id: str
    options: str
    tail: bytes


class EnqueueStatus(IntEnum):
    """How a script took a batch; after UNREGISTERED and NOT_PLAIN it has done nothing."""

    UNREGISTERED = 0  # the queue is not in the set of queues
    DONE = 1
    NOT_PLAIN = 2  # it needs what only the whole script does


@dataclass(frozen=True, slots=True)
class EnqueueReply:
    """What became of a batch.

    Attributes:
        status: How it was taken.
        now_ms: Server time.
        codes: One letter a task, see enqueue.lua.
        owners: Owner ids of refused duplicates, in order.
        deliver: Replaced tasks whose children must be told now.
    """

    status: EnqueueStatus
    now_ms: int
    codes: str
    owners: tuple[str, ...]
    deliver: tuple[str, ...] = ()


def encode_task(
    task: Task[object], *, limit_bytes: int = MAX_PAYLOAD_BYTES, trace: str = ""
) -> EncodedTask:
    """Encode a task for its queue.

    Args:
        task: The task.
        limit_bytes: Largest payload taken.
        trace: The trace it is enqueued in, as the header holds it; "" for none.

    Raises:
        InvalidPayload: The payload is not JSON.
        PayloadTooLarge: It is over the limit.
    """
    tail = header_tail(task, encode(task.payload, limit_bytes=limit_bytes), trace)
    if task.is_plain:
        return EncodedTask(task.id, str(task.priority), tail)
    return EncodedTask(task.id, _options(task), tail)


def _options(task: Task[object]) -> str:
    options = str(task.priority)
    if task.unique_key is not None:
        options += ";u"
    if task.delay is not None:
        options += f";d{duration_ms(task.delay, 'delay')}"
    if task.at is not None:
        options += f";a{max(round(task.at.timestamp() * 1000), 0)}"
    if task.expires_in is not None:
        options += f";e{duration_ms(task.expires_in, 'expires_in')}"
    if task.unique_for is not None:
        options += f";f{duration_ms(task.unique_for, 'unique_for')}"
    options += _DUPLICATE[task.on_duplicate]
    if task.group is not None:
        options += ";g"
    if task.depends_on:
        options += ";n" + ",".join(dict.fromkeys(task.parent_ids))
    return options


def enqueue(
    space: Space,
    queue: str,
    tasks: Sequence[EncodedTask],
    *,
    minute: int,
    is_registering: bool = False,
) -> Call[EnqueueReply]:
    """Take tasks into a queue: one round trip, O(log n) a task. Safe to repeat by id.

    Args:
        space: Namespace and clock.
        queue: The tasks' queue.
        tasks: 1 to MAX_TASKS of them.
        minute: Number of the server's minute, for the counters.
        is_registering: The queue's name is in the global set by now.
    """
    args: list[Arg] = ["R" if is_registering else "", len(tasks)]
    for task in tasks:
        args += task
    return space.call(load("enqueue"), queue, args, _read, minute=minute)


def is_plain(tasks: Sequence[EncodedTask]) -> bool:
    """Say whether each of these tasks has a priority and no more."""
    return all(task.options.isdecimal() for task in tasks)


def enqueue_plain(
    space: Space, queue: str, tasks: Sequence[EncodedTask], *, minute: int
) -> Call[EnqueueReply]:
    """Take plain tasks into a queue that is known: half the server's time of `enqueue`.

    One round trip, O(log n) a task. Safe to repeat: what is known already is NOT_PLAIN.

    Args:
        space: Namespace and clock.
        queue: The tasks' queue.
        tasks: 1 to MAX_TASKS of them, all plain.
        minute: Number of the server's minute, for the counters.
    """
    args: list[Arg] = [len(tasks)]
    for task in tasks:
        args += task
    return space.call(load("enqueue_plain"), queue, args, _read, minute=minute)


def _read(reply: Reply) -> EnqueueReply:
    status, now_ms, codes, deliver, *owners = reply
    return EnqueueReply(
        EnqueueStatus(status),
        now_ms,
        codes.decode(),
        tuple(owner.decode() for owner in owners),
        tuple(deliver.decode().split(",")) if deliver else (),
    )


def outcomes(tasks: Sequence[Task[object]], reply: EnqueueReply) -> list[str | RediqError]:
    """Return for each task its id, its owner's id, or the error that refused it."""
    if reply.codes.count(_TAKEN) == len(tasks):
        return [task.id for task in tasks]
    owners = iter(reply.owners)
    return [
        _outcome(task, code, next(owners) if code in "46" else "")
        for task, code in zip(tasks, reply.codes, strict=True)
    ]


def _outcome(task: Task[object], code: str, owner: str) -> str | RediqError:
    if code in (_TAKEN, _REPEAT):
        return task.id
    if code == "4" and task.on_duplicate == "return":
        return owner
    return _REFUSALS[code](task, owner)


def _id_is_known(task: Task[object], _: str) -> RediqError:
    return DuplicateTask(
        f"Task {task.id} is already known with other content.",
        owner_id=task.id,
        cause="One Task is one piece of work; an id is never used for another.",
        next_step="Enqueue task.copy(…), which gets a new id.",
    )


def _key_is_taken(task: Task[object], owner: str) -> RediqError:
    return DuplicateTask(
        f"Unique key {task.unique_key!r} of queue {task.queue} is held by task {owner}.",
        owner_id=owner,
        cause="That task has not finished.",
        next_step=f'Use on_duplicate="return", or look: rediq task inspect {owner}',
    )


def _queue_is_full(task: Task[object], _: str) -> RediqError:
    return QueueFull(
        f"Queue {task.queue} is full, so {task.type} was not taken.",
        cause="It holds as many unfinished tasks as its max_len allows.",
        next_step=f"Let it drain, or raise it: rediq queue limit {task.queue} --max-len N",
    )


def _owner_is_active(task: Task[object], owner: str) -> RediqError:
    return WrongState(
        f"Task {owner} holds unique key {task.unique_key!r} and is active, so it was not replaced.",
        task_id=owner,
        state="active",
        cause="A running task cannot be replaced.",
        next_step=f"Cancel it first: rediq task cancel {owner}",
    )


_REFUSALS = {
    "3": _id_is_known,
    "4": _key_is_taken,
    "5": _queue_is_full,
    "6": _owner_is_active,
}
