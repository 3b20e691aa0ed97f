"""The states of a task and the moves between them that are legal.

A task is in exactly one state at any instant. The table below is the contract that scripts,
property tests and the command line share; it is not enforced here but in the scripts, which
refuse every other move.
"""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """Where a task is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    DELAYED = "delayed"
    RETRY = "retry"
    WAITING = "waiting"
    COMPLETED = "completed"
    DEAD = "dead"
    CANCELLED = "cancelled"
    TRASH = "trash"


FINAL_STATES = frozenset({TaskState.COMPLETED, TaskState.DEAD, TaskState.CANCELLED})
# Order in which states are listed wherever a person reads them.
STATE_WORDS = tuple(state.value for state in TaskState)

_S = TaskState
# From each state, the states that one script call may lead to.
LEGAL_MOVES: dict[TaskState, frozenset[TaskState]] = {
    _S.PENDING: frozenset({_S.ACTIVE, _S.DELAYED, _S.CANCELLED, _S.TRASH}),
    _S.ACTIVE: frozenset(
        {_S.COMPLETED, _S.RETRY, _S.DEAD, _S.DELAYED, _S.PENDING, _S.CANCELLED, _S.WAITING}
    ),
    _S.DELAYED: frozenset({_S.PENDING, _S.DELAYED, _S.CANCELLED, _S.TRASH}),
    _S.RETRY: frozenset({_S.PENDING, _S.DELAYED, _S.CANCELLED, _S.TRASH}),
    _S.WAITING: frozenset({_S.PENDING, _S.DELAYED, _S.CANCELLED, _S.DEAD, _S.TRASH}),
    _S.COMPLETED: frozenset({_S.TRASH}),
    _S.DEAD: frozenset({_S.PENDING, _S.WAITING, _S.TRASH}),
    _S.CANCELLED: frozenset({_S.PENDING, _S.WAITING, _S.TRASH}),
    _S.TRASH: frozenset(
        {_S.PENDING, _S.DELAYED, _S.RETRY, _S.WAITING, _S.COMPLETED, _S.DEAD, _S.CANCELLED}
    ),
}
