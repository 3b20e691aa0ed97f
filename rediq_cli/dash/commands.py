"""The `:` line and the palette: one table of commands, one parser.

A command is a word and perhaps an argument. What it does is a `Command` that the app carries out;
nothing here touches the screen, so that the same words can be tested, completed and listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rediq_cli.dash.deed_words import DEED_WORDS
from rediq_cli.dash.history import RANGES
from rediq_cli.dash.view_model import Place, ViewName
from rediq_cli.dash.words import Command, Known, Word, unknown
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import duration_ms
from rediq_core.model.state import STATE_WORDS, TaskState

_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)


def _view(view: ViewName) -> Word:
    return Word(
        view.value,
        "[FILTER]",
        f"show {view.value}",
        lambda argument, _: Command("goto", Place(view, filter=argument)),
    )


def _queues(known: Known) -> Sequence[str]:
    return known.queues


def _queue(argument: str, known: Known) -> Command:
    if not argument:
        return Command("goto", Place(ViewName.OVERVIEW))
    if argument not in known.queues:
        raise unknown(f"there is no queue {argument!r}.", argument, known.queues)
    return Command("goto", Place(ViewName.TASKS, argument))


def _state(state: TaskState) -> Callable[[str, Known], Command]:
    def parse(argument: str, known: Known) -> Command:
        queue, _, rest = argument.partition(" ")
        if not queue:
            queue = known.place.queue
        if not queue or queue == "*":
            return Command("goto", Place(ViewName.TASKS, filter=f"{state.value} {rest}".strip()))
        if queue not in known.queues:
            raise unknown(f"there is no queue {queue!r}.", queue, known.queues)
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
        raise unknown(f"there is no theme {argument!r}.", argument, known.themes)
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


WORDS: dict[str, Word] = {
    word.name: word
    for word in (
        Word(
            "q",
            "[QUEUE]",
            "open a queue; alone: quit",
            lambda argument, known: _queue(argument, known) if argument else Command("quit"),
            _queues,
        ),
        Word("queue", "QUEUE", "open a queue", _queue, _queues),
        *(
            Word(state, "[QUEUE]", f"{state} tasks of a queue", _state(TaskState(state)), _queues)
            for state in STATE_WORDS
        ),
        Word("task", "ID", "find a task", _task),
        Word("fail", "[TEXT]", "failures with this in their error", _fail),
        *map(_view, ViewName),
        Word("range", "RANGE", "time range of the charts", _range, lambda _: tuple(RANGES)),
        Word("theme", "NAME", "colours", _theme, lambda known: known.themes),
        Word("goto", "TIME", "a time of day of a recording", _moment),
        Word("set", "refresh 2s", "time between readings", _set, lambda _: ("refresh 2s",)),
        *DEED_WORDS,
        Word("undo", "", "take back the last deletion", lambda *_: Command("key", text="undo")),
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
    raise unknown(f"there is no command {name!r}.", name, [*WORDS, *known.queues])


__all__ = ["WORDS", "Command", "Known", "Word", "complete", "parse"]


def complete(line: str, known: Known) -> list[str]:
    """Return the lines that a line can be completed to."""
    name, space, argument = line.partition(" ")
    if not space:
        return [word for word in (*WORDS, *known.queues) if word.startswith(name) and word != name]
    word = WORDS.get(name)
    if word is None or word.offers is None:
        return []
    offers = word.offers(known)
    return [
        f"{name} {offer}" for offer in offers if offer.startswith(argument) and offer != argument
    ]
