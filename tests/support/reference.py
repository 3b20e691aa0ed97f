"""Write docs/cli.md from the commands themselves: purpose, examples, usage, options.

Run it by `make reference`; a test holds the file to what it would write.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from rediq_cli.exit_codes import ExitCode
from rediq_cli.help import GLOBAL_OPTIONS, LeafHelp
from rediq_cli.topics import TOPICS
from rediq_cli.tree import NOUN_ALIASES, NOUNS, VERB_ALIASES, Noun, load

FILE = Path(__file__).parents[2] / "docs" / "cli.md"
OPENING = """\
# Command line reference

Written by `make reference` from the commands themselves. `rediq COMMAND --help` says the same.
What each command prints with `--json` is in [json.md](json.md).
"""


def reference() -> str:
    """Return the whole page."""
    return "\n".join([OPENING, *_contents(), *_common(), *_commands()])


def _contents() -> Iterator[str]:
    sections = dict.fromkeys(noun.section for noun in NOUNS.values())
    for section in sections:
        names = (noun.name for noun in NOUNS.values() if noun.section == section)
        yield f"* {section}: {', '.join(f'[{name}](#rediq-{name})' for name in names)}"
    yield ""


def _common() -> Iterator[str]:
    title, _, options = GLOBAL_OPTIONS.partition("\n")
    yield from ("## For every command", "", f"{title}", "", "```", options, "```", "")
    shorts = ", ".join(f"`{short}` for `{verb}`" for verb, short in VERB_ALIASES.items())
    nouns = ", ".join(f"`{short}` for `{noun}`" for short, noun in NOUN_ALIASES.items())
    yield from (f"Short forms: {shorts}; {nouns}.", "")
    for name in TOPICS:
        yield from ("```", TOPICS[name], "```", "")
    assert all(str(int(code)) in TOPICS["exit-codes"] for code in ExitCode)


def _commands() -> Iterator[str]:
    for noun in NOUNS.values():
        yield from (f"## rediq {noun.name}", "")
        if noun.verbs:
            yield from (f"{_sentence(noun.summary)}", "")
        yield from _leaves(noun)


def _leaves(noun: Noun) -> Iterator[str]:
    for leaf in load(noun).leaves.values():
        if noun.verbs:
            yield from (f"### rediq {leaf.help.path}", "")
        yield from _leaf(leaf.help)


def _leaf(leaf: LeafHelp) -> Iterator[str]:
    yield from (leaf.description, "", "```console")
    for line, comment in leaf.examples:
        called = line if _is_whole(line) else f"rediq {line}"
        yield f"$ {called}" + (f"    # {comment}" if comment else "")
    yield from ("```", "", f"Usage: `rediq {leaf.path}{leaf.usage}`", "")
    if leaf.parameters:
        yield from ("| | |", "|---|---|")
        for parameter in leaf.parameters:
            yield f"| `{_cell(parameter.names)}` | {_cell(parameter.text)} |"
        yield ""


def _is_whole(line: str) -> bool:
    """Return True for an example that says `rediq` itself, such as one with a variable before."""
    return "rediq" in shlex.split(line)[:2]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    FILE.write_text(reference())
