"""Lua scripts by name: includes joined, headers read, KEYS and ARGV given names.

A script file starts with `#!lua` and its flags, then comment lines with its name and sentence,
KEYS, ARGV, RETURNS and MOVES. From the header the loader makes one line of locals (`k_pending`,
`a_want`), so that neither Lua nor Python counts positions. The body is constant text: no caller's
value ever becomes part of it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from rediq_core.keys import GLOBAL_ROWS, GLOBAL_TYPES, QUEUE_KEYS

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)
_SHEBANG = re.compile(r"#!lua(?: flags=([a-z,-]+))?\n")


@dataclass(frozen=True, slots=True)
class Script:
    """A loaded script.

    Attributes:
        name: File name without ending.
        purpose: Its first sentence.
        keys: Names of KEYS in order, all of the key schema.
        args: Names of the leading ARGV in order.
        returns: What the header says it returns.
        moves: State moves as written in the header.
        is_read_only: Declared as writing nothing.
        body: Text for Redis 7 and later.
        sha: Its SHA-1.
        legacy_body: The same without the `#!lua` line, for Redis 6.
        legacy_sha: Its SHA-1.
    """

    name: str
    purpose: str
    keys: tuple[str, ...]
    args: tuple[str, ...]
    returns: str
    moves: str
    is_read_only: bool
    body: str
    sha: str
    legacy_body: str
    legacy_sha: str


class ScriptError(Exception):
    """A script file breaks the header contract: a mistake in this package, not in data."""


@cache
def load(name: str) -> Script:
    """Return the script of this name, read and checked once per process.

    Raises:
        ScriptError: Its header is incomplete or names a key outside the schema.
    """
    return parse(name, _read(f"{name}.lua"))


def parse(name: str, text: str) -> Script:
    """Check a script's header and put its parts together.

    Raises:
        ScriptError: See `load`.
    """
    shebang = _SHEBANG.match(text)
    if shebang is None:
        raise ScriptError(f"{name}.lua does not start with #!lua")
    rest = text[shebang.end() :]
    purpose = re.match(rf"-- {name}: (.+)\n", rest)
    keys, args = (
        tuple(_words(rest, "KEYS")),
        tuple(word.split(":")[0] for word in _words(rest, "ARGV")),
    )
    returns, moves = _line(rest, "RETURNS"), _line(rest, "MOVES")
    if purpose is None or not keys or not returns or not moves:
        raise ScriptError(f"{name}.lua lacks its sentence, KEYS, RETURNS or MOVES")
    # All of one queue, or all of none: only keys of one hash tag may meet in a script.
    of_none = GLOBAL_TYPES.keys() | GLOBAL_ROWS.keys()
    unknown = set(keys) - (of_none if keys[0] in of_none else QUEUE_KEYS)
    if unknown or len(set(keys)) != len(keys) or "minute" in keys[:-1]:
        raise ScriptError(
            f"{name}.lua: KEYS not in the schema, twice, or minute not last: {unknown}"
        )
    locals_line = f"local {','.join('k_' + key for key in keys)}={_numbered('KEYS', len(keys))}"
    if args:
        locals_line += (
            f" local {','.join('a_' + arg for arg in args)}={_numbered('ARGV', len(args))}"
        )
    flags = (shebang[1] or "").split(",")
    legacy = locals_line + "\n" + _INCLUDE.sub(lambda match: _read(f"lib/{match[1]}.lua"), rest)
    body = shebang.group() + legacy
    if "allow-oom" in flags:
        # Redis 6 knows no flags, but lets a script go on at maxmemory once it has written. This
        # writes nothing: no key that is the first of a script has a time to live.
        legacy = legacy.replace("\n", "\nredis.call('PERSIST', KEYS[1])\n", 1)
    return Script(
        name,
        purpose[1],
        keys,
        args,
        returns,
        moves,
        "no-writes" in flags,
        body,
        _sha1(body),
        legacy,
        _sha1(legacy),
    )


def script_names() -> list[str]:
    """Return the names of all scripts of the package."""
    folder = resources.files("rediq_core.scripts") / "lua"
    return sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".lua"))


def _read(path: str) -> str:
    return (resources.files("rediq_core.scripts") / "lua" / path).read_text(encoding="utf-8")


def _words(text: str, label: str) -> list[str]:
    lines = re.findall(rf"^-- {label} (.+)$", text, re.MULTILINE)
    return [word for line in lines for word in line.split()]


def _line(text: str, label: str) -> str:
    found = re.search(rf"^-- {label} (.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def _numbered(table: str, count: int) -> str:
    return ",".join(f"{table}[{i}]" for i in range(1, count + 1))


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
