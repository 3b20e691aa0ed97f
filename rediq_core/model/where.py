"""WHERE: the one grammar that picks tasks, for command line, dashboard and library.

    WHERE     = ID… TERM…  |  [SELECTOR] TERM…
    SELECTOR  = QUEUE | STATE:QUEUE | STATE | STATE:* | all:QUEUE | all
    TERM      = KEY:VALUE | a bare word, searched as text

A first word that is a term needs no selector. A word with a colon that is no known term is
refused, as is an empty value: a typing error must never widen what is picked. This file parses
and matches; where tasks are read from, and how many of them, is the search's business. It does
no I/O and reads no clock.

Example:
    where = parse_where(["dead:payment", "error:timeout", "older:1h"])
    where.matches(view, now_ms=now_ms)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import takewhile

from rediq_core.errors import InvalidOption
from rediq_core.model.ids import ALPHABET, ID_LENGTH
from rediq_core.model.names import ALL_WORD, TERM_KEYS, check_name
from rediq_core.model.state import STATE_WORDS, TaskState
from rediq_core.model.terms import PATH_KEYS, Term, parse_term
from rediq_core.model.views import TaskView

# Fewest characters of the end of an id that stand for the whole id.
MIN_SUFFIX_LENGTH = 6

_WORD_HELP = "QUEUE, STATE:QUEUE, STATE, all:QUEUE or all, then terms such as type:order:* older:1h"
_TERM_HELP = " ".join(f"{key}.PATH:" if key in PATH_KEYS else f"{key}:" for key in TERM_KEYS)
_ID = re.compile(f"0[{ALPHABET}]{{{ID_LENGTH - 1}}}", re.IGNORECASE)
# Upper case only: a queue's name in lower case, such as "payment", must not read as an id.
_SUFFIX = re.compile(f"[{ALPHABET}]{{{MIN_SUFFIX_LENGTH},{ID_LENGTH - 1}}}")
_CRON_ID = re.compile(r"cron:.+:\d+")


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed WHERE. Equal text gives equal values; `words` gives the text back.

    Attributes:
        ids: Ids or unique ends of ids; if not empty, there is no selector.
        queue: The queue, or None for all queues.
        state: The state, or None for all states.
        is_bare_queue: True if the selector was a queue's name alone, which means the whole
            queue for reads, `pending` for a flush, and is refused by other bulk writes.
        terms: Conditions that all hold.
    """

    ids: tuple[str, ...] = ()
    queue: str | None = None
    state: TaskState | None = None
    is_bare_queue: bool = False
    terms: tuple[Term, ...] = field(default=())

    def matches(self, task: TaskView, now_ms: int) -> bool:
        """Return True if the selector and every term hold for a task.

        Args:
            task: The task as it was read.
            now_ms: The server's time, for `older:` and `newer:`.
        """
        if self.ids and not any(task.id == id_ or task.id.endswith(id_) for id_ in self.ids):
            return False
        if self.queue is not None and task.queue != self.queue:
            return False
        if self.state is not None and task.state != self.state:
            return False
        return all(term.matches(task, now_ms) for term in self.terms)

    def for_flush(self) -> Where:
        """Return what a flush takes: of a bare queue, its pending tasks."""
        if not self.is_bare_queue:
            return self
        return replace(self, state=TaskState.PENDING, is_bare_queue=False)

    def words(self) -> list[str]:
        """Return the words that parse to this value, one argument each."""
        if self.ids:
            selector = list(self.ids)
        elif self.is_bare_queue:
            selector = [self.queue or ALL_WORD]
        else:
            selector = [f"{self.state or ALL_WORD}:{self.queue or '*'}"]
        return [*selector, *(term.word for term in self.terms)]

    def __str__(self) -> str:
        return " ".join(self.words())


def parse_where(words: Sequence[str]) -> Where:
    """Read the words of a WHERE.

    Args:
        words: One argument each, as the shell split them. None at all means everything.

    Raises:
        InvalidOption: A word has an unknown key or an empty value, or names no possible queue.
    """
    ids = list(takewhile(is_id_like, words))
    if ids:
        whole = dict.fromkeys(word.upper() if _ID.fullmatch(word) else word for word in ids)
        return Where(ids=tuple(whole), terms=_terms(words[len(ids) :]))
    if not words or _is_term(words[0]):
        return Where(terms=_terms(words))
    return replace(_selector(words[0]), terms=_terms(words[1:]))


def is_id_like(word: str) -> bool:
    """Return True for a whole id, a scheduled task's id, or the end of an id in upper case."""
    return bool(_ID.fullmatch(word) or _SUFFIX.fullmatch(word) or _CRON_ID.fullmatch(word))


def _is_term(word: str) -> bool:
    key = word.partition(":")[0]
    return ":" in word and (key in TERM_KEYS or key.partition(".")[0] in PATH_KEYS)


def _selector(word: str) -> Where:
    key, colon, name = word.partition(":")
    if key != ALL_WORD and key not in STATE_WORDS:
        check_name("queue", word)
        return Where(queue=word, is_bare_queue=True)
    state = None if key == ALL_WORD else TaskState(key)
    if not colon or name == "*":
        return Where(state=state)
    if not name:
        raise InvalidOption(
            f"{word!r} names no queue.",
            cause=f"A selector is {_WORD_HELP}.",
            next_step=f"All queues: {key}",
        )
    check_name("queue", name)
    return Where(queue=name, state=state)


def _terms(words: Sequence[str]) -> tuple[Term, ...]:
    return tuple(_term(word) for word in words)


def _term(word: str) -> Term:
    key, colon, value = word.partition(":")
    if not colon:
        return parse_term("text", word)
    if _is_term(word):
        return parse_term(key, value)
    if key in (*STATE_WORDS, ALL_WORD):
        raise InvalidOption(
            f"{word!r} stands after other words.",
            cause="A selector comes first, and there is only one.",
            next_step=f"Put it first: {word} …",
        )
    near = get_close_matches(key, TERM_KEYS, n=1)
    raise InvalidOption(
        f"{key!r} is not something to search by.",
        cause=f"Terms are {_TERM_HELP}.",
        next_step=f"Did you mean {near[0]}:{value}"
        if near
        else f"To find the text itself: text:{word}",
    )
