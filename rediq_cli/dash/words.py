"""What a `:` command is: a word, what follows it, and what the app then does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rediq_cli.dash.deeds import Wish
from rediq_cli.dash.view_model import Place
from rediq_core.errors import InvalidOption


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
        kind: "goto", "theme", "range", "interval", "moment", "quit", "key" or "wish": which field
            counts.
        place: For goto.
        text: The theme, the range, the time of day, or the id of a key to press.
        interval_s: For interval.
        wish: What is to be done.
    """

    kind: str
    place: Place = field(default_factory=Place)
    text: str = ""
    interval_s: float = 0.0
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """One command.

    Attributes:
        name: What is typed.
        argument: What follows, such as "QUEUE", or "".
        text: What it does.
        parse: From the argument to the command.
        offers: What the argument can be completed to; None for nothing.
    """

    name: str
    argument: str
    text: str
    parse: Callable[[str, Known], Command]
    offers: Callable[[Known], Sequence[str]] | None = None


def unknown(message: str, word: str, known: Sequence[str]) -> InvalidOption:
    """Return the error for a word that is none, with the one that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return InvalidOption(message, next_step=f"Did you mean {near[0]}?" if near else "")
