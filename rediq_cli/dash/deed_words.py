"""The `:` commands that act. They take what the command line takes, and ask what the keys ask.

`retry dead:payment error:Timeout*` is the same WHERE as on the command line; a queue's name alone
is refused where a state is needed.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from rediq_cli.actions import ACTIONS, FLUSH, Action
from rediq_cli.dash import queue_deeds, task_deeds
from rediq_cli.dash.deeds import Wish
from rediq_cli.dash.words import Command, Known, Word, unknown
from rediq_core.errors import InvalidOption
from rediq_core.model.state import TaskState
from rediq_core.model.where import parse_where


def _command(make: Callable[[str, Known], Wish]) -> Callable[[str, Known], Command]:
    return lambda argument, known: Command("wish", wish=make(argument, known))


def _words(argument: str) -> list[str]:
    try:
        return shlex.split(argument)
    except ValueError as error:
        raise InvalidOption(f"{argument!r} cannot be read.", cause=f"{error}.") from error


def _queue_of(argument: str, known: Known) -> str:
    name = argument or known.place.queue
    if not name:
        raise InvalidOption("which queue?", next_step="Name one, or open it first.")
    if name not in known.queues:
        raise unknown(f"there is no queue {name!r}.", name, known.queues)
    return name


def _pause(argument: str, known: Known) -> Wish:
    name, *reason = _words(argument) or [""]
    return queue_deeds.pause([_queue_of(name, known)], " ".join(reason))


def _moves(action: Action) -> Callable[[str, Known], Wish]:
    def make(argument: str, known: Known) -> Wish:
        words = _words(argument)
        if not words:
            raise InvalidOption(
                f"{action.verb} what?", next_step=f"Such as {action.verb} dead:payment, or ids."
            )
        where = parse_where(words)
        if where.queue is not None and where.queue not in known.queues:
            raise unknown(f"there is no queue {where.queue!r}.", where.queue, known.queues)
        return task_deeds.on_all(action, where)

    return make


def _selectors(action: Action) -> Callable[[Known], Sequence[str]]:
    first = TaskState.DEAD if TaskState.DEAD in action.takes else action.takes[0]
    states = [first, *(state for state in action.takes if state is not first)]
    return lambda known: [f"{state}:{queue}" for state in states for queue in known.queues]


def _group(argument: str, known: Known) -> Wish:
    del known
    if argument.count("/") != 2:
        raise InvalidOption(
            "a group is written QUEUE/TYPE/GROUP.", next_step="See: rediq group list"
        )
    return queue_deeds.run_group(argument)


def _queues(known: Known) -> Sequence[str]:
    return known.queues


_ACTING = (*(ACTIONS[verb] for verb in ("retry", "run", "cancel", "delete", "restore")), FLUSH)

DEED_WORDS: tuple[Word, ...] = (
    Word("pause", "[QUEUE] [REASON]", "pause a queue", _command(_pause), _queues),
    Word(
        "resume",
        "[QUEUE]",
        "resume a queue",
        _command(lambda argument, known: queue_deeds.resume([_queue_of(argument, known)])),
        _queues,
    ),
    Word(
        "enqueue",
        "[QUEUE]",
        "enqueue a task in a queue",
        _command(lambda argument, known: queue_deeds.enqueue_form(_queue_of(argument, known))),
        _queues,
    ),
    *(
        Word(
            action.verb,
            "WHERE",
            f"{action.verb} all tasks of a WHERE, such as {action.takes[-1].value}:QUEUE",
            _command(_moves(action)),
            _selectors(action),
        )
        for action in (
            *(ACTIONS[verb] for verb in ("retry", "run", "cancel", "delete", "restore")),
            FLUSH,
        )
    ),
    Word("group", "QUEUE/TYPE/GROUP", "run a group with the members it has", _command(_group)),
)
