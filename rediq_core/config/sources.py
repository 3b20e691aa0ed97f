"""Every place a setting can come from, merged once, with the origin of each value kept.

Precedence: flag, environment, `.env` beside the file, file, a person's own profiles, default. The
fast path and the full loader both start from a `Sources`, so they cannot disagree about where a
value comes from. Values are as written; their meaning is checked later.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from rediq_core.config.envvars import (
    INSECURE_VARIABLE,
    is_true,
    settings_from,
    unknown_variables,
)
from rediq_core.config.files import find_file, parse_toml, read_config_text, read_env_file
from rediq_core.config.keypaths import KeyPath, key_lines, line_of, split_key
from rediq_core.config.profiles import OwnProfiles, read_own
from rediq_core.errors import ConfigError

# Settings of a file in which ${NAME} is replaced by a variable: secrets, and rates, which differ
# from one deployment to the next while everything else about a queue stays.
_EXPANDED = re.compile(r"redis\.(url|password)|profiles\..*\.url|queues\..*\.rate")
# ${NAME}, or ${NAME:-what holds where it is not set}.
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^{}]*))?\}")


class Level(IntEnum):
    """How strong the place is that a value comes from."""

    DEFAULT = 0
    OWN_FILE = 1
    FILE = 2
    ENV_FILE = 3
    ENVIRONMENT = 4
    FLAG = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    Attributes:
        level: Its strength.
        text: For people: "flag", "argument", "environment REDIQ_URL", ".env REDIS_URL",
            "file config.toml line 9", "default".
    """

    level: Level
    text: str


DEFAULT = Origin(Level.DEFAULT, "default")


@dataclass(frozen=True)
class Sources:
    """What the places said, merged.

    Attributes:
        path: The configuration file, or None.
        values: The merged document, as TOML would give it.
        text: The text of the file.
        set_elsewhere: Origins of what a flag or the environment sets.
        env_file: Variables of the `.env` beside the file, also those that set nothing here.
        cwd: The current folder, or None for a library that may look at none.
        warnings: What was skipped and why, for stderr.
        own_path: A person's own file of profiles, or None.
    """

    path: Path | None
    values: dict[str, object] = field(repr=False)
    text: str = field(repr=False)
    set_elsewhere: Mapping[KeyPath, Origin]
    env_file: Mapping[str, str] = field(repr=False)
    cwd: Path | None
    warnings: tuple[str, ...] = ()
    own_path: Path | None = None

    def get(self, *parts: str) -> object:
        """Return the merged value of a setting, or None if nothing sets it."""
        value: object = self.values
        for part in parts:
            if not isinstance(value, dict) or part not in value:
                return None
            value = value[part]
        return value

    def origin_of(self, parts: Sequence[str]) -> Origin:
        """Say where a setting comes from; what no place sets is the default."""
        path = tuple(parts)
        for length in range(len(path), 0, -1):
            if path[:length] in self.set_elsewhere:
                return self.set_elsewhere[path[:length]]
        if self.path is None or not self._is_in_file(path):
            return DEFAULT
        line = line_of(self.lines, path)
        return Origin(Level.FILE, f"file {self.path.name}" + (f" line {line}" if line else ""))

    def _is_in_file(self, path: KeyPath) -> bool:
        value: object = self.values
        for part in path:
            if not isinstance(value, dict):
                return True  # the short form of a table, such as a list of delays
            if part not in value:
                return False
            value = value[part]
        return True

    @cached_property
    def lines(self) -> Mapping[KeyPath, int]:
        """Line of each key of the file, found on first use."""
        return key_lines(self.text)

    def folder_of(self, origin: Origin) -> Path:
        """Return the folder in which a relative path from this origin is looked up."""
        if origin.level is Level.FILE and self.path is not None:
            return self.path.parent
        if origin.level is Level.OWN_FILE and self.own_path is not None:
            return self.own_path.parent
        return self.cwd if self.cwd is not None else Path()


def collect(
    config_path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    cwd: Path | None,
    *,
    allow_insecure_config: bool = False,
) -> Sources:
    """Read the file and its `.env`, and lay environment and flags over them.

    Args:
        config_path: The file that a flag names, or None.
        environ: Environment variables; nothing else is read from the environment.
        overrides: Flags by dotted key; None means the flag was not given.
        cwd: The current folder, or None to read no file that was not named.
        allow_insecure_config: Read a file that others may write.

    Returns:
        The merged sources. Redis is not asked.

    Raises:
        ConfigError: The file is missing, unreadable, not TOML, or writable by others, or it uses
            a variable that is not set.
    """
    path = find_file(config_path, environ, cwd)
    insecure = allow_insecure_config or is_true(environ.get(INSECURE_VARIABLE, ""))
    own = OwnProfiles() if cwd is None else read_own(environ, allow_insecure=insecure)
    text = ""
    document: dict[str, object] = {}
    env_file: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    if path is not None:
        text = read_config_text(path, allow_insecure=insecure)
        document = parse_toml(text, path)
        env_file, warnings = read_env_file(path.parent)
    merged, own_origins = _with_own(document, own)
    values = _expanded(merged, {**env_file, **environ}, path)
    layers = [
        *_environment(env_file, Level.ENV_FILE),
        *_environment(environ, Level.ENVIRONMENT),
        *_flags(overrides, "flag" if cwd is not None else "argument"),
    ]
    unknown = unknown_variables({**env_file, **environ})
    return Sources(
        path=path,
        values=values,
        text=text,
        set_elsewhere={**own_origins, **_lay_over(values, layers)},
        env_file=env_file,
        cwd=cwd,
        warnings=(
            *warnings,
            *own.warnings,
            *(f"{name} is set, but no setting has that name." for name in unknown),
        ),
        own_path=own.path,
    )


def _with_own(
    document: dict[str, object], own: OwnProfiles
) -> tuple[dict[str, object], dict[KeyPath, Origin]]:
    """Add a person's profiles whose names the file does not use; returns their origins too."""
    named = document.get("profiles", {})
    if not own.profiles or not isinstance(named, dict):
        return document, {}
    added = {name: table for name, table in own.profiles.items() if name not in named}
    keys: list[KeyPath] = [("profiles", name) for name in added]
    keys += [
        ("profiles", name, key)
        for name, table in added.items()
        if isinstance(table, dict)
        for key in table
    ]
    origins = {key: Origin(Level.OWN_FILE, own.place_of(key)) for key in keys}
    return {**document, "profiles": {**added, **named}}, origins


_Layer = tuple[KeyPath, object, Origin]


def _environment(environ: Mapping[str, str], level: Level) -> list[_Layer]:
    place = "environment" if level is Level.ENVIRONMENT else ".env"
    return [
        (key, value, Origin(level, f"{place} {variable}"))
        for key, value, variable in settings_from(environ)
    ]


def _flags(overrides: Mapping[str, object], place: str) -> list[_Layer]:
    origin = Origin(Level.FLAG, place)
    return [
        (split_key(key), list(value) if isinstance(value, tuple) else value, origin)
        for key, value in overrides.items()
        if value is not None
    ]


def _lay_over(values: dict[str, object], layers: Sequence[_Layer]) -> dict[KeyPath, Origin]:
    """Write each layer into the document, the strongest last, and return the origins."""
    origins: dict[KeyPath, Origin] = {}
    for key, value, origin in layers:
        table = values
        for part in key[:-1]:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                break  # the file says something else than a table here; its check will refuse that
            table = inner
        else:
            table[key[-1]] = value
            origins[key] = origin
    return origins


def _expanded(
    document: dict[str, object], environ: Mapping[str, str], path: Path | None
) -> dict[str, object]:
    values = copy.deepcopy(document)
    tables: list[tuple[KeyPath, dict[str, object]]] = [((), values)]
    while tables:
        prefix, table = tables.pop()
        for key, value in table.items():
            here = (*prefix, key)
            if isinstance(value, dict):
                tables.append((here, value))
            elif isinstance(value, str) and "${" in value and _EXPANDED.fullmatch(".".join(here)):
                table[key] = _with_variables(value, environ, here, path)
    return values


def _with_variables(text: str, environ: Mapping[str, str], key: KeyPath, path: Path | None) -> str:
    """Replace ${NAME}; inside a longer text of a URL the value is percent-encoded."""

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        return environ[name] if default is None else environ.get(name) or default

    missing = [
        match[1]
        for match in _VARIABLE.finditer(text)
        if match[2] is None and match[1] not in environ
    ]
    if missing:
        raise ConfigError(
            f"{missing[0]} is not set ([{'.'.join(key[:-1])}] {key[-1]}, {path and path.name}).",
            cause="The setting uses it as ${" + missing[0] + "}.",
            next_step="Set it in the environment, or in a .env beside it that only you may read.",
        )
    if _VARIABLE.fullmatch(text) or key[-1] != "url":
        return _VARIABLE.sub(value_of, text)
    return _VARIABLE.sub(lambda match: quote(value_of(match), safe=""), text)
