"""Write help: what it is for, examples first, then how it is called.

Own text layout, because Typer's needs Rich or lists thirty options in no order. It reads the
table of nouns and the declarations of commands; it connects to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rediq_cli.topics import TOPICS
from rediq_cli.tree import NOUNS, VERB_ALIASES, Noun

INDENT = "  "
# A longer left column pushes its text to the next line instead of everyone's text to the right.
MAX_FIRST_CELLS = 44

GLOBAL_OPTIONS = """\
Global options, before or after the command:
  --url URL             the Redis server; else REDIQ_URL, REDIS_URL, the file, a local one
  -c, --config FILE     configuration file; else REDIQ_CONFIG, else ./rediq.toml
  --profile NAME        a named server of the configuration
  -o, --output FORMAT   table, wide, json, jsonl or ids; --json is short for -o json
  --no-color            no colour; NO_COLOR does the same
  -q, --quiet           only results and problems
  --read-only           refuse everything that would change something
  --debug               show where an error comes from"""


@dataclass(frozen=True, slots=True)
class ParameterHelp:
    """One argument or option as help shows it.

    Attributes:
        usage: How an argument stands in the usage line; "" for an option.
        names: How it is written, such as "--reason TEXT".
        text: What it does.
    """

    usage: str
    names: str
    text: str


@dataclass(frozen=True, slots=True)
class LeafHelp:
    """What the help of one command says.

    Attributes:
        path: The words that call it, without "rediq".
        description: Its docstring: a sentence, and perhaps more lines.
        examples: Command lines without "rediq", each with what it does or "".
        parameters: Its arguments and own options.
    """

    path: str
    description: str
    examples: Sequence[tuple[str, str]]
    parameters: Sequence[ParameterHelp]

    @property
    def summary(self) -> str:
        """Return the first line of the description, without its full stop."""
        return _lower_first(self.description.partition("\n")[0].rstrip("."))

    @property
    def usage(self) -> str:
        """Return the usage line after the command's words."""
        arguments = [parameter.usage for parameter in self.parameters if parameter.usage]
        has_options = any(not parameter.usage for parameter in self.parameters)
        return "".join(f" {word}" for word in [*arguments, *["[options]"] * has_options])

    @property
    def usage_words(self) -> str:
        """Return the last word of the path with its arguments, for a list of commands."""
        arguments = [parameter.usage for parameter in self.parameters if parameter.usage]
        return " ".join([self.path.split()[-1], *arguments])


def root_help(version: str) -> str:
    """Return the whole first page."""
    return "\n".join(
        [
            *_opening(version),
            "",
            GLOBAL_OPTIONS,
            "",
            "More: rediq COMMAND --help",
            f"      rediq help {'|'.join(TOPICS)}",
        ]
    )


def short_help(version: str) -> str:
    """Return what a bare `rediq` says."""
    return "\n".join([*_opening(version), "", "Options and topics: rediq --help"])


def noun_help(noun: Noun, leaves: Iterable[LeafHelp]) -> str:
    """Return the help of a group of commands."""
    rows = [(leaf.usage_words, leaf.summary) for leaf in leaves]
    lines = [f"rediq {noun.name}: {noun.summary}", "", "Commands:", *_two_columns(rows)]
    aliases = [f"{short} for {verb}" for verb, short in VERB_ALIASES.items() if verb in noun.verbs]
    if aliases:
        lines += ["", f"Short forms: {', '.join(aliases)}"]
    return "\n".join([*lines, "", f"More: rediq {noun.name} COMMAND --help"])


def leaf_help(leaf: LeafHelp) -> str:
    """Return the help of one command: purpose, examples, usage, options."""
    lines = [f"rediq {leaf.path}: {_lower_first(leaf.description)}"]
    if leaf.examples:
        lines += ["", "Examples:"]
        lines += _two_columns([(f"rediq {line}", comment) for line, comment in leaf.examples])
    lines += ["", f"Usage: rediq {leaf.path}{leaf.usage}"]
    rows = [(parameter.names, parameter.text) for parameter in leaf.parameters]
    lines += ["", *_two_columns(rows)] if rows else []
    return "\n".join([*lines, "", GLOBAL_OPTIONS])


def _opening(version: str) -> Iterator[str]:
    yield f"rediq {version}: a Redis task queue, and the terminal that shows and repairs it"
    sections = dict.fromkeys(noun.section for noun in NOUNS.values())
    for section in sections:
        yield ""
        yield f"{section}:"
        nouns = [noun for noun in NOUNS.values() if noun.section == section]
        yield from _two_columns([(noun.name, _noun_line(noun)) for noun in nouns], least=8)


def _noun_line(noun: Noun) -> str:
    return f"{noun.summary}: {', '.join(noun.verbs)}" if noun.verbs else noun.summary


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _two_columns(rows: Sequence[tuple[str, str]], least: int = 0) -> Iterator[str]:
    """Align the second column; a first one that is too long stands on a line of its own."""
    fitting = [len(first) for first, _ in rows if len(first) <= MAX_FIRST_CELLS]
    width = max([least, *fitting])
    for first, second in rows:
        if len(first) > width:
            yield INDENT + first
            if second:
                yield f"{INDENT}{'':<{width}}{INDENT}{second}"
        else:
            yield f"{INDENT}{first:<{width}}{INDENT}{second}".rstrip()
