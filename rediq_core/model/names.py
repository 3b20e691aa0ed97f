"""Which names queues, types, groups and schedules may have.

Names stand in key names, in selectors such as `dead:payment`, and on terminals. So the alphabet is
small, and a queue may not be called what a selector would read as something else. This is not the
selector grammar; it only keeps that grammar free of ambiguity.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from rediq_core.errors import InvalidOption
from rediq_core.model.state import STATE_WORDS

# Longest name, in characters: keeps keys, table columns and metric labels bounded.
MAX_NAME_LENGTH = 128
# Words that open a term of a WHERE, such as `older:1h`.
TERM_KEYS = (
    "type",
    "error",
    "cause",
    "payload",
    "extra",
    "worker",
    "group",
    "older",
    "newer",
    "attempts",
    "text",
)
# Selects every state; never a queue.
ALL_WORD = "all"

_NAME = re.compile(rf"[A-Za-z0-9._:-]{{1,{MAX_NAME_LENGTH}}}")
_RESERVED_QUEUES = frozenset({*STATE_WORDS, ALL_WORD})
_RESERVED_PREFIXES = frozenset({*_RESERVED_QUEUES, *TERM_KEYS})
# Characters of a refused name that an error repeats.
_SHOWN_CHARACTERS = 48


def check_name(kind: str, value: object) -> str:
    """Return a name unchanged, or refuse it.

    Args:
        kind: What is named: "queue", "type", "group", "schedule" and so on. It stands in the
            error; "queue" also refuses the words that a selector reads otherwise.
        value: The name: 1 to 128 of `A-Z a-z 0-9 . _ : -`.

    Returns:
        The same name.

    Raises:
        InvalidOption: It is not text, is too short or too long, has another character, or is a
            queue named like a state, `all`, or with one of these or a term key and a colon first.
    """
    try:
        return _checked(kind, value)
    except TypeError:  # what cannot be hashed is no name
        return _checked.__wrapped__(kind, value)


@lru_cache(maxsize=4096)
def _checked(kind: str, value: object) -> str:
    """Check once: a producer says the same few names for each task. Refusals are not kept."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidOption(
            f"{kind} name {_shown(value)} is not allowed.",
            cause=f"A name is 1 to {MAX_NAME_LENGTH} characters of A-Z a-z 0-9 . _ : -",
            next_step="Choose another name.",
        )
    if kind == "queue":
        _check_queue_words(value)
    return value


def _check_queue_words(name: str) -> None:
    first, colon, _ = name.partition(":")
    if name in _RESERVED_QUEUES:
        raise InvalidOption(
            f'queue name "{name}" is not allowed.',
            cause=f'Commands read "{name}" as a selector, not as a queue.',
            next_step=f'Choose another name, such as "{name}-queue".',
        )
    if colon and first in _RESERVED_PREFIXES:
        raise InvalidOption(
            f'queue name "{name}" is not allowed.',
            cause=f'Commands read what starts with "{first}:" as a selector or a search term.',
            next_step=f'Choose another name, such as "{name.replace(":", "-", 1)}".',
        )


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    cut = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(cut)
