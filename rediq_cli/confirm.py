"""Ask before something is lost; without a person to ask, say which flag answers.

Two questions: y/N for what can be repaired, a typed name for what is large or final. `--yes`
answers only the first, `--confirm NAME` only the second. Off a terminal nothing is ever asked.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from rediq_cli.output.neutralise import safe
from rediq_core.errors import Refused


def ask_yes(question: str, *, is_yes: bool, command: Sequence[str]) -> None:
    """Return if the answer is yes.

    Args:
        question: What would happen, ending with a question mark.
        is_yes: True if --yes was given.
        command: The words of this command, for the text that says what to add.

    Raises:
        Refused: The answer is no, or nobody can be asked.
    """
    if is_yes:
        return
    if not _can_ask():
        raise _unanswered(question, [*command, "--yes"])
    if _answer(f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise Refused(
            "not confirmed; nothing was changed.",
            cause="The answer was not yes.",
            next_step="Do it again and answer y, or pass --yes.",
        )


def ask_name(question: str, name: str, *, given: str | None, command: Sequence[str]) -> None:
    """Return if the name was typed, or given with --confirm.

    Args:
        question: What would happen, ending with a question mark.
        name: The name that confirms it.
        given: What --confirm said, or None.
        command: The words of this command, for the text that says what to add.

    Raises:
        Refused: Another name was given or typed, or nobody can be asked.
    """
    if given is not None:
        if given == name:
            return
        raise Refused(
            f"--confirm says {given!r}, but this is {name!r}; nothing was changed.",
            next_step=f"To go on: --confirm {shlex.quote(name)}",
        )
    if not _can_ask():
        raise _unanswered(question, [*command, "--confirm", name])
    if _answer(f"{question} Type {safe(name)} to go on: ") != name:
        raise Refused(
            "not confirmed; nothing was changed.",
            cause="What was typed is not the name.",
            next_step=f"Do it again and type {safe(name)}, or pass --confirm {safe(name)}.",
        )


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _unanswered(question: str, command: Sequence[str]) -> Refused:
    return Refused(
        f"not confirmed: {question[:1].lower()}{question[1:]}",
        cause="There is no terminal to ask on.",
        next_step=f"To go on: {shlex.join(command)}",
    )


def _answer(prompt: str) -> str:
    sys.stderr.write(safe(prompt, limit=0))
    sys.stderr.flush()
    return sys.stdin.readline().strip()
