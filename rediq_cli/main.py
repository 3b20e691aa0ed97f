"""The `rediq` command: find the noun, load its commands, let Typer parse the rest.

What costs nothing is answered first, so help, typing errors and topics import no Typer. Every way
out leads through `diagnostics.guard`, which decides the exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from io import TextIOWrapper
from typing import TYPE_CHECKING

from rediq_cli import __version__
from rediq_cli.argv import take_globals
from rediq_cli.completion import HIDDEN_WORD, SCRIPTS, complete
from rediq_cli.diagnostics import DIAGNOSTICS, guard, usage
from rediq_cli.exit_codes import ExitCode
from rediq_cli.help import noun_help, root_help, short_help
from rediq_cli.importing import begin_imports
from rediq_cli.topics import TOPICS
from rediq_cli.tree import NOUN_ALIASES, NOUNS, Noun, load

if TYPE_CHECKING:
    from rediq_cli.leaf import Group

HELP_WORDS = ("-h", "--help")


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    begin_imports()
    _open_closed_streams()
    # A stream that cannot hold a character shows its escape instead of ending the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(guard(lambda: dispatch(sys.argv[1:])))


def _open_closed_streams() -> None:
    """Put nothing in the place of streams that whoever started this has closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - no pathlib at start-up; open to the end


def dispatch(words: Sequence[str]) -> int:
    """Run one command line.

    Args:
        words: The arguments after the program's name.

    Returns:
        The exit code.

    Raises:
        RediqError: The command failed, or the words cannot be read.
    """
    DIAGNOSTICS.configure(is_quiet=False, is_debug=False, no_color="--no-color" in words)
    before, rest = take_globals(words)
    if not rest:
        return _show(short_help(__version__))
    first, *behind = rest
    if first in HELP_WORDS:
        return _show(root_help(__version__))
    if first in ("--version", "-V"):
        return _show(f"rediq {__version__}")
    if first in EXTRA_WORDS:
        return EXTRA_WORDS[first](behind)
    return _run(_noun(first), [*before], behind)


def _show(text: str) -> int:
    sys.stdout.write(text + "\n")
    return ExitCode.OK


def _noun(word: str) -> Noun:
    name = NOUN_ALIASES.get(word, word)
    if name in NOUNS:
        return NOUNS[name]
    if word.startswith("-"):
        raise usage(f"there is no option {word!r}.", "rediq")
    near = get_close_matches(word, [*NOUNS, *NOUN_ALIASES, "help", "completion"], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise usage(f"there is no command {word!r}.{hint}", "rediq")


def _run(noun: Noun, options: Sequence[str], words: Sequence[str]) -> int:
    """Parse and run the words behind a noun; options that stood before it come behind the verb."""
    group = load(noun)
    if noun.is_monitor:
        return _monitored(group, [*options, *words], f"rediq {noun.name}")
    if not noun.verbs:
        return _invoke(group, [*options, *words], f"rediq {noun.name}")
    more, rest = take_globals(words)
    if not rest or rest[0] in HELP_WORDS:
        return _show(noun_help(noun, [leaf.help for leaf in group.leaves.values()]))
    verb, *behind = rest
    return _invoke(group, [verb, *options, *more, *behind], f"rediq {noun.name}")


def _invoke(group: Group, words: list[str], program: str) -> int:
    import typer  # noqa: PLC0415 - start-up: only a command that is run needs it

    try:
        code = group.app(words, prog_name=program, standalone_mode=False)
    except typer.TyperException as error:
        verb = f" {words[0]}" if words and words[0] in group.leaves else ""
        raise usage(_sentence(error.format_message()), program + verb) from error
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.OK


def _monitored(group: Group, words: list[str], program: str) -> int:
    """Run a command that keeps to the exit codes of monitoring plugins, also when it fails."""
    from rediq_cli.monitoring import undecided  # noqa: PLC0415 - start-up: only for this command
    from rediq_core.config.redact import redact_text  # noqa: PLC0415 - as above
    from rediq_core.errors import RediqError  # noqa: PLC0415 - as above

    try:
        return _invoke(group, words, program)
    except RediqError as error:
        line, status = undecided(error)
        DIAGNOSTICS.error(error)
        _show(redact_text(line))
        return status


def _sentence(text: str) -> str:
    """Write a parser's message as ours are written: lower case first, a full stop last."""
    text = text[:1].lower() + text[1:]
    return text if text.endswith((".", "?", ")")) else text + "."


def _help(words: Sequence[str]) -> int:
    if not words:
        return _show(root_help(__version__))
    if words[0] in TOPICS:
        return _show(TOPICS[words[0]])
    near = get_close_matches(words[0], [*TOPICS, *NOUNS, *NOUN_ALIASES], n=1)
    if words[0] in NOUNS or words[0] in NOUN_ALIASES:
        return _run(_noun(words[0]), [], [*words[1:2], "--help"])
    hint = f" Did you mean {near[0]}?" if near else f" Topics are {', '.join(TOPICS)}."
    raise usage(f"there is no help on {words[0]!r}.{hint}", "rediq")


def _completion(words: Sequence[str]) -> int:
    if len(words) == 1 and words[0] in SCRIPTS:
        return _show(SCRIPTS[words[0]].rstrip("\n"))
    if not words or words[0] in HELP_WORDS:
        return _show(f"Usage: rediq completion {'|'.join(SCRIPTS)}")
    raise usage(f"there is no completion for {' '.join(words)!r}.", "rediq completion")


def _complete(words: Sequence[str]) -> int:
    sys.stdout.writelines(f"{line}\n" for line in complete(words))
    return ExitCode.OK


# First words that are no nouns.
EXTRA_WORDS: dict[str, Callable[[Sequence[str]], int]] = {
    "help": _help,
    "completion": _completion,
    HIDDEN_WORD: _complete,
}
