"""Names of settings (`worker.lease`, `queues."a.b".weight`) and the lines that set them.

`tomllib` keeps no positions, so the lines are found here: a scanner that reads statements and
skips values, not a parser. It is given only text that `tomllib` has accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from rediq_core.errors import ConfigError

KeyPath = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*({_DOTTED})[ \t]*\]")
# One step through a value: a string of any of the four kinds, a comment, a bracket, or other text.
_VALUE = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}\n]|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
# A key as typed by a person: quoted parts, or anything without a dot or a quote.
_TYPED_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^."'\s]+)\s*(\.|$)""")


def join_key(parts: Sequence[str]) -> str:
    """Write a path as a TOML key, quoting the parts that need it."""
    return ".".join(
        part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False) for part in parts
    )


def split_key(text: str) -> KeyPath:
    """Read a key as typed: dotted, parts with dots in quotes, `order:x` without.

    Raises:
        ConfigError: It is empty, or a part is empty or not closed.
    """
    parts: list[str] = []
    position = 0
    while position < len(text) or not parts:
        match = _TYPED_PART.match(text, position)
        if match is None or (match.group(2) == "." and match.end() == len(text)):
            raise ConfigError(
                f"{json.dumps(text[:80])} is not the name of a setting.",
                cause='A name is dotted, such as worker.lease or queues."a.b".weight.',
                next_step="List them: rediq config show",
            )
        parts.append(_unquote(match.group(1)))
        position = match.end()
    return tuple(parts)


def _unquote(part: str) -> str:
    if part.startswith("'"):
        return part[1:-1]
    if not part.startswith('"'):
        return part
    try:
        return str(json.loads(part, strict=False))
    except ValueError:
        # TOML knows escapes that JSON does not (\U0001f600); the text itself still finds its line.
        return part[1:-1]


def key_lines(text: str) -> dict[KeyPath, int]:
    """Find the line, counted from 1, of each table header and key of a TOML document.

    Args:
        text: A document that `tomllib` accepts.

    Returns:
        Path to line, for what stands at the start of a statement; keys inside an inline table
        are not listed, `line_of` answers with the line of the table.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for position, statement in _statements(text):
        line = text.count("\n", 0, position) + 1
        header = _HEADER.match(statement)
        key = _KEY.match(statement)
        if header is not None:
            table = _parts(header.group(1))
            lines.setdefault(table, line)
        elif key is not None:
            lines.setdefault(table + _parts(key.group(1)), line)
    return lines


def line_of(lines: Mapping[KeyPath, int], parts: Sequence[str]) -> int:
    """Answer the line of a setting, else of the nearest table around or under it, else 0."""
    path = tuple(parts)
    for length in range(len(path), 0, -1):
        prefix = path[:length]
        if prefix in lines:
            return lines[prefix]
        under = [line for key, line in lines.items() if key[:length] == prefix]
        if under:
            return min(under)
    return 0


def _parts(dotted: str) -> KeyPath:
    return tuple(_unquote(part) for part in re.findall(_PART, dotted))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset and first line of each statement, stepping over values of many lines."""
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        first_line = text[position:] if end < 0 else text[position:end]
        yield position, first_line
        key = _KEY.match(first_line)
        if key is None:
            position += len(first_line) + 1
        else:
            position = _after_value(text, position + key.end())


def _after_value(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        match = _VALUE.match(text, position)
        if match is None:
            return text.find("\n", position) + 1 or len(text)
        position = match.end()
        sign = match.group()
        if sign in {"[", "{"}:
            depth += 1
        elif sign in {"]", "}"}:
            depth -= 1
        elif sign == "\n" and depth <= 0:
            break
    return position
