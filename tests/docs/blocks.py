"""Read the code out of Markdown: fenced blocks, and command lines wherever they stand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.(?:py|toml))\n")
# A line of an indented block or a console that calls the command.
_COMMAND = re.compile(r"^(?:    |\$ )?(rediq .+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the file it says it is, or ""."""

    language: str
    text: str
    file: str


def documents() -> list[Path]:
    """Return every Markdown file that people read."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return sorted(found)


def blocks(document: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document."""
    for language, text in _BLOCK.findall(document.read_text()):
        named = _FILE.match(text)
        yield Block(language, text, named[1] if named else "")


def command_lines(document: Path) -> Iterator[list[str]]:
    """Yield the words behind `rediq` of every command in a document, also of each in a pipe."""
    for line in _COMMAND.findall(document.read_text()):
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("|") if "|" in words else len(words)
            if words[0] == "rediq":
                yield words[1:end]
            words = words[end + 1 :]
