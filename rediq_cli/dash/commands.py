"""The `:` line and the palette: one table of commands, one parser.

A command is a word and perhaps an argument. What it does is a `Command` that the app carries out;
nothing here touches the screen, so that the same words can be tested, completed and listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rediq_cli.dash.history import RANGES
from rediq_cli.dash.view_model import Place, ViewName
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import duration_ms
from rediq_core.model.state import STATE_WORDS, TaskState

_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)


class Known(NamedTuple):
    """What can be completed to.

    Attributes:
        queues: Names of queues.
        themes: Names of themes.
        place: Where the person is.
    """

    queues: Sequence[str] = ()
    themes: Sequence[str] = ()
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Command:
    """What a line means.

    Attributes:
        kind: "goto", "theme", "range", "interval", "moment", "quit" or "key": which field counts.
        place: For goto.
        text: The theme, the range, the time of day, or the id of a key to press.
        interval_s: For interval.
    """

    kind: str
    place: Place = field(default_factory=Place)
    text: str = ""
    interval_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Word:
    """One command.

    Attributes:
        name: What is typed.
        argument: What follows, such as "QUEUE", or "".
        text: What it does.
        parse: From the argument to the command.
    """

    name: str
    argument: str
    text: str
    parse: Callable[[str, Known], Command]


def _view(view: ViewName) -> Word:
    return Word(
        view.value,
        "[FILTER]",
        f"show {view.value}",
        lambda argument, _: Command("goto", Place(view, filter=argument)),
    )


def _queue(argument: str, known: Known) -> Command:
    if not argument:
        return Command("goto", Place(ViewName.OVERVIEW))
    if argument not in known.queues:
        raise _unknown(f"there is no queue {argument!r}.", argument, known.queues)
    return Command("goto", Place(ViewName.TASKS, argument))


def _state(state: TaskState) -> Callable[[str, Known], Command]:
    def parse(argument: str, known: Known) -> Command:
        queue, _, rest = argument.partition(" ")
        if not queue:
            queue = known.place.queue
        if not queue or queue == "*":
            return Command("goto", Place(ViewName.TASKS, filter=f"{state.value} {rest}".strip()))
        if queue not in known.queues:
            raise _unknown(f"there is no queue {queue!r}.", queue, known.queues)
        return Command("goto", Place(ViewName.TASKS, queue, state, filter=rest))

    return parse


def _task(argument: str, known: Known) -> Command:
    del known
    if not argument:
        raise InvalidOption("which task?", next_step="Give its id, or the end of it.")
    return Command("goto", Place(ViewName.TASKS, filter=argument))


def _fail(argument: str, known: Known) -> Command:
    del known
    return Command("goto", Place(ViewName.FAILURES, filter=argument))


def _range(argument: str, known: Known) -> Command:
    del known
    if argument not in RANGES:
        raise InvalidOption(f"there is no range {argument!r}: {' '.join(RANGES)}.")
    return Command("range", text=argument)


def _theme(argument: str, known: Known) -> Command:
    if argument not in known.themes:
        raise _unknown(f"there is no theme {argument!r}.", argument, known.themes)
    return Command("theme", text=argument)


def _set(argument: str, known: Known) -> Command:
    del known
    name, _, value = argument.partition(" ")
    if name != "refresh":
        raise InvalidOption("only the refresh can be set.", next_step="set refresh 2s")
    return Command("interval", interval_s=max(duration_ms(value, "refresh") / 1_000, 0.2))


def _moment(argument: str, known: Known) -> Command:
    del known
    if not _TIME.fullmatch(argument):
        raise InvalidOption(f"{argument!r} is no time of day.", next_step="goto 14:01")
    return Command("moment", text=argument)


def _unknown(message: str, word: str, known: Sequence[str]) -> InvalidOption:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return InvalidOption(message, next_step=f"Did you mean {near[0]}?" if near else "")


WORDS: dict[str, Word] = {
    word.name: word
    for word in (
        Word(
            "q",
            "[QUEUE]",
            "open a queue; alone: quit",
            lambda argument, known: _queue(argument, known) if argument else Command("quit"),
        ),
        Word("queue", "QUEUE", "open a queue", _queue),
        *(
            Word(state, "[QUEUE]", f"{state} tasks of a queue", _state(TaskState(state)))
            for state in STATE_WORDS
        ),
        Word("task", "ID", "find a task", _task),
        Word("fail", "[TEXT]", "failures with this in their error", _fail),
        *map(_view, ViewName),
        Word("range", "RANGE", "time range of the charts", _range),
        Word("theme", "NAME", "colours", _theme),
        Word("goto", "TIME", "a time of day of a recording", _moment),
        Word("set", "refresh 2s", "time between readings", _set),
        Word("help", "", "all keys", lambda *_: Command("key", text="help")),
        Word("freeze", "", "freeze the display", lambda *_: Command("key", text="freeze")),
        Word("quit", "", "leave", lambda *_: Command("quit")),
    )
}


def parse(line: str, known: Known) -> Command:
    """Return what a line means.

    Raises:
        InvalidOption: The first word is no command, or what follows cannot be used.
    """
    name, _, argument = line.strip().partition(" ")
    argument = argument.strip()
    word = WORDS.get(name)
    if word is not None:
        return word.parse(argument, known)
    state, colon, queue = name.partition(":")
    if colon and state in STATE_WORDS:
        return WORDS[state].parse(f"{queue} {argument}".strip(), known)
    if name in known.queues:
        return _queue(name, known)
    raise _unknown(f"there is no command {name!r}.", name, [*WORDS, *known.queues])


def complete(line: str, known: Known) -> list[str]:
    """Return the lines that a line can be completed to."""
    name, space, argument = line.partition(" ")
    if not space:
        return [word for word in (*WORDS, *known.queues) if word.startswith(name) and word != name]
    word = WORDS.get(name)
    offers: Sequence[str] = ()
    if name in ("q", "queue", *STATE_WORDS):
        offers = known.queues
    elif name == "range":
        offers = tuple(RANGES)
    elif name == "theme":
        offers = known.themes
    elif name == "set":
        offers = ("refresh 2s",)
    if word is None:
        return []
    return [
        f"{name} {offer}" for offer in offers if offer.startswith(argument) and offer != argument
    ]
