"""What an operator can do to tasks: which states it takes, how dangerous it is, how it asks.

One table for the command line and the dashboard, so both ask the same question and refuse with
the same words. The deed itself is a call of the engine, which checks every task again; nothing
here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rediq_cli.output.humanise import count
from rediq_core.errors import InvalidOption, WrongState
from rediq_core.model.state import TaskState
from rediq_core.model.where import Where

# Moving more than this many tasks to trash asks for a typed name.
LARGE_COUNT = 1_000

_S = TaskState


class Asking(Enum):
    """What stands between the command and the deed."""

    NOTHING = "nothing"
    YES = "yes"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Action:
    """One verb on tasks.

    Attributes:
        verb: What is typed, such as "retry".
        past: What is said afterwards, such as "retried".
        takes: States that it takes tasks from.
        is_removal: True if the tasks go to trash, or for good.
    """

    verb: str
    past: str
    takes: frozenset[TaskState]
    is_removal: bool = False

    def asks(self, number: int, *, is_single: bool, is_hard: bool, is_protected: bool) -> Asking:
        """Return what is asked before so many tasks are acted on.

        Args:
            number: How many tasks.
            is_single: True if they were named by their ids.
            is_hard: True if they cannot be restored.
            is_protected: True if the profile is protected.
        """
        if is_protected and (number > 1 or self.is_removal):
            return Asking.NAME
        if self.is_removal:
            return Asking.NAME if is_hard or number > LARGE_COUNT else Asking.NOTHING
        return Asking.NOTHING if is_single else Asking.YES

    def question(self, number: int, where: Where, *, is_hard: bool) -> str:
        """Return the question, such as "Retry 12 tasks of dead:payment?"."""
        how = " for good" if is_hard else ""
        return f"{self.verb.capitalize()} {count(number, 'task')} of {where}{how}?"

    def states_of(self, where: Where) -> tuple[TaskState, ...]:
        """Return the states to look in.

        Raises:
            InvalidOption: The selector is a queue's name alone.
            WrongState: The selector names a state that the verb does not take.
        """
        if where.is_bare_queue:
            raise InvalidOption(
                f"{self.verb} needs a state, and {where.queue!r} is a whole queue.",
                next_step=f"Name one: rediq task {self.verb} {self._default_state()}:{where.queue}"
                f"     Or all that it takes: all:{where.queue}",
            )
        if where.state is None:
            return tuple(state for state in TaskState if state in self.takes)
        if where.state not in self.takes:
            raise wrong_state(self, where.state, str(where))
        return (where.state,)

    def _default_state(self) -> str:
        return "dead" if _S.DEAD in self.takes else "retry"


ACTIONS = {
    action.verb: action
    for action in (
        Action("retry", "retried", frozenset({_S.DEAD, _S.RETRY, _S.CANCELLED})),
        Action(
            "cancel",
            "cancelled",
            frozenset({_S.PENDING, _S.DELAYED, _S.RETRY, _S.WAITING, _S.ACTIVE}),
        ),
        Action(
            "delete",
            "deleted",
            frozenset(set(TaskState) - {_S.ACTIVE, _S.TRASH}),
            is_removal=True,
        ),
    )
}
FLUSH = Action(
    "flush", "flushed", frozenset(set(TaskState) - {_S.ACTIVE, _S.TRASH}), is_removal=True
)

# For a state that a verb does not take: the verb that does what was probably meant.
_INSTEAD: dict[tuple[str, TaskState], str] = {
    ("retry", _S.ACTIVE): "It is running. Stop it first: rediq task cancel {target}",
    ("delete", _S.ACTIVE): "Cancel it first: rediq task cancel {target}",
    ("flush", _S.ACTIVE): "Cancel them first: rediq task cancel {target}",
    ("cancel", _S.DEAD): "It will not run again by itself. Remove it: rediq task delete {target}",
    ("cancel", _S.COMPLETED): "It has finished. Remove it: rediq task delete {target}",
}


def wrong_state(action: Action, state: TaskState, target: str) -> WrongState:
    """Return the error for tasks in a state that an action does not take.

    Args:
        action: What was asked for.
        state: The state they are in.
        target: The id or the selector that was named.
    """
    takes = ", ".join(state.value for state in TaskState if state in action.takes)
    return WrongState(
        f"{target} is {state.value}, so it was not {action.past}.",
        state=state.value,
        cause=f"{action.verb.capitalize()} takes {takes}.",
        next_step=_INSTEAD.get((action.verb, state), "").format(target=target),
    )
