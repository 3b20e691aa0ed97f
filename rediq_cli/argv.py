"""Let global options stand before the command: they are moved behind it.

Typer takes an option only where it was declared, which is on each command. So the options that
stand before the noun, or between noun and verb, are taken off here and handed on behind the
verb. Words after the verb are never looked at: there a value may look like an option, and `--`
means what it says.
"""

from __future__ import annotations

from collections.abc import Sequence

VALUE_OPTIONS = ("--url", "--config", "-c", "--profile", "-P", "--output", "-o")
FLAG_OPTIONS = ("--json", "--no-color", "--quiet", "-q", "--debug", "--read-only")


def take_globals(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split words into the global options they begin with and the rest.

    An option whose value is missing is taken as it is: the parser behind says so better.
    """
    taken = 0
    while taken < len(words):
        size = _option_size(words[taken])
        if not size:
            break
        taken += size
    return list(words[:taken]), list(words[taken:])


def _option_size(word: str) -> int:
    """Return how many words a global option takes, 0 for any other word."""
    if word in FLAG_OPTIONS:
        return 1
    if word in VALUE_OPTIONS:
        return 2
    return 1 if _has_value_attached(word) else 0


def _has_value_attached(word: str) -> bool:
    if word.startswith("--"):
        return "=" in word and word.partition("=")[0] in VALUE_OPTIONS
    return len(word) > 2 and word[:2] in VALUE_OPTIONS
