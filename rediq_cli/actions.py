"""What an operator can do to tasks: how dangerous it is, how it asks, what it says afterwards.

One table for the command line and the dashboard, so both ask the same question and refuse with
the same words. Which states a verb takes is the engine's answer; the deed itself is a call of the
engine, which checks every task again. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from rediq_cli.output.humanise import count
from rediq_core.admin import TAKES, MoveVerb
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
        move: What the engine is asked for.
        is_removal: True if the tasks go to trash, or for good.
    """

    verb: str
    past: str
    move: MoveVerb
    is_removal: bool = False

    @property
    def takes(self) -> tuple[TaskState, ...]:
        """The states that it takes tasks from, in reading order."""
        return tuple(state for state in TaskState if state in TAKES[self.move])

    def asks(self, number: int, *, is_named: bool, is_hard: bool, is_protected: bool) -> Asking:
        """Return what is asked before so many tasks are acted on.

        Args:
            number: How many tasks.
            is_named: True if each was named by its id.
            is_hard: True if they cannot be restored.
            is_protected: True if the profile is protected.
        """
        if is_protected and (self.is_removal or not is_named):
            return Asking.NAME
        if self.is_removal:
            return Asking.NAME if is_hard or number > LARGE_COUNT else Asking.NOTHING
        return Asking.NOTHING if is_named else Asking.YES

    def question(self, number: int, target: str, *, is_hard: bool = False) -> str:
        """Return the question, such as "Retry 12 tasks of dead:payment?"."""
        how = " for good" if is_hard else ""
        return f"{self.verb.capitalize()} {count(number, 'task')} of {target}{how}?"

    def states_of(self, where: Where, *, is_hard: bool = False) -> tuple[TaskState, ...]:
        """Return the states that a selector means for this verb.

        Args:
            where: The selector.
            is_hard: True if tasks are removed for good; then the trash can be named too.

        Raises:
            WrongState: The selector names a state that the verb does not take.
        """
        if where.state is None:
            return self.takes
        if is_hard and self.is_removal and where.state is TaskState.TRASH:
            return (where.state,)
        if where.state not in self.takes:
            raise wrong_state(self, where.state, " ".join(where.words()), is_selector=True)
        return (where.state,)


def _actions(*actions: Action) -> dict[str, Action]:
    return {action.verb: action for action in actions}


ACTIONS = _actions(
    Action("retry", "retried", MoveVerb.RETRY),
    Action("run", "made due", MoveVerb.RUN),
    Action("cancel", "cancelled", MoveVerb.CANCEL),
    Action("delete", "deleted", MoveVerb.DELETE, is_removal=True),
    Action("restore", "restored", MoveVerb.RESTORE),
    Action("reschedule", "rescheduled", MoveVerb.RESCHEDULE),
)
FLUSH = Action("flush", "flushed", MoveVerb.DELETE, is_removal=True)

# For a state that a verb does not take: the verb that does what was probably meant.
_INSTEAD: dict[tuple[str, TaskState], str] = {
    ("retry", _S.DELAYED): "To run it now: rediq task run {target}",
    ("retry", _S.ACTIVE): "It is running. To stop it: rediq task cancel {target}",
    ("retry", _S.TRASH): "Take it out of the trash: rediq task restore {target}",
    ("run", _S.DEAD): "To run it again with fresh attempts: rediq task retry {target}",
    ("run", _S.CANCELLED): "To run it again with fresh attempts: rediq task retry {target}",
    ("cancel", _S.DEAD): "It will not run by itself. To remove it: rediq task delete {target}",
    ("cancel", _S.COMPLETED): "It has finished. To remove it: rediq task delete {target}",
    ("delete", _S.ACTIVE): "Cancel it first: rediq task cancel {target}",
    ("reschedule", _S.ACTIVE): "It is running. To stop it: rediq task cancel {target}",
    ("reschedule", _S.DEAD): "To run it again with fresh attempts: rediq task retry {target}",
    ("flush", _S.ACTIVE): "Cancel them first: rediq task cancel {target}",
}


def wrong_state(
    action: Action, state: TaskState, target: str, *, is_selector: bool = False
) -> WrongState:
    """Return the error for tasks in a state that an action does not take.

    Args:
        action: What was asked for.
        state: The state they are in.
        target: The id or the selector that was named.
        is_selector: It is a selector.
    """
    message = (
        f"{action.verb} takes no {state.value} tasks, so nothing of {target} was {action.past}."
        if is_selector
        else f"task {target} is {state.value}, so it was not {action.past}."
    )
    return WrongState(
        message,
        task_id=target,
        state=state.value,
        cause=f"{action.verb.capitalize()} takes {', '.join(action.takes)}.",
        next_step=_INSTEAD.get((action.verb, state), "").format(target=target),
    )


def needs_state(action: Action, queue: str, counts: Mapping[TaskState, int]) -> InvalidOption:
    """Return the error for a queue's name alone, where a state is needed."""
    taken = [state for state in action.takes if counts.get(state)] or list(action.takes)
    return InvalidOption(
        f"{action.verb} needs a state, and {queue} is a whole queue.",
        cause=f"It has {counts_text(counts)}.",
        next_step=f"Name one: rediq task {action.verb} {taken[0]}:{queue}"
        f"     Or all that it takes: all:{queue}",
    )


def counts_text(counts: Mapping[TaskState, int]) -> str:
    """Return counts in words, such as "12 retry, 3 dead", or "no tasks"."""
    parts = [f"{number:,} {state.value}" for state, number in counts.items() if number]
    return ", ".join(parts) or "no tasks"
