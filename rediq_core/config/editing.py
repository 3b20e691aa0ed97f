"""Write a configuration file: the commented one to start from, and single settings.

A file is replaced whole and atomically, and only by one that is valid. Editing does not keep
comments: the writer of TOML used here (tomli-w) writes values alone.
"""

from __future__ import annotations

import copy
import os
import stat
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import tomli_w

from rediq_core.config.files import parse_toml, read_config_text
from rediq_core.config.keypaths import KeyPath, join_key, split_key
from rediq_core.config.loader import check_sources
from rediq_core.config.sources import Sources
from rediq_core.errors import ConfigError

EXAMPLE_FILE = "config.example.toml"
# A new file may come to hold a password.
_NEW_MODE = 0o600


def init_text() -> str:
    """Return the commented example, which names every setting with its default."""
    return resources.files("rediq_core.config").joinpath(EXAMPLE_FILE).read_text(encoding="utf-8")


def init_file(path: Path) -> None:
    """Write the commented example to a new file, readable by its owner alone.

    Raises:
        ConfigError: The file exists, or the folder cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW_MODE), "w") as file:
            file.write(init_text())
    except FileExistsError as error:
        raise ConfigError(
            f"{path} exists, so it was left as it is.",
            next_step="Choose another name, or change it: rediq config set KEY VALUE",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}.",
            cause=f"{error.strerror}.",
            next_step="Name a file that you may write: -c FILE",
        ) from error


def set_key(path: Path, dotted_key: str, value: object) -> object:
    """Set one setting in a file, which is created if it is not there.

    Comments and layout of the file are lost: tomli-w writes values alone. The mode is kept, a
    symbolic link is followed, and a reader sees the old file or the new one, never a part.

    Args:
        path: The file.
        dotted_key: Such as `worker.lease`, `queues.payment.rate` or `queues."a.b".weight`.
        value: The value, or its text as typed: TOML (`10`, `true`, `["a"]`) if that is accepted
            there, else the text itself (`10s`, `payment`).

    Returns:
        The value as written.

    Raises:
        ConfigError: The file cannot be read or written, or would not be valid; it is unchanged.
    """
    target = path.resolve()
    text = read_config_text(target) if target.exists() else ""
    document = parse_toml(text, target)
    key = split_key(dotted_key)
    chosen, edited = _first_valid(document, key, _readings_of(value), target)
    _replace(target, tomli_w.dumps(edited))
    return chosen


def _readings_of(value: object) -> list[object]:
    """Return what a typed value may mean, the most special first."""
    if not isinstance(value, str):
        return [list(value) if isinstance(value, tuple) else value]
    try:
        table = parse_toml(f"value = {value}", Path("value"))
    except ConfigError:
        return [value]
    return [table["value"], value] if list(table) == ["value"] else [value]


def _first_valid(
    document: Mapping[str, object], key: KeyPath, readings: list[object], target: Path
) -> tuple[object, dict[str, object]]:
    first_error: ConfigError | None = None
    for reading in readings:
        edited = copy.deepcopy(dict(document))
        _put(edited, key, reading)
        try:
            check_sources(Sources(target, edited, "", {}, {}, None))
        except ConfigError as error:
            first_error = first_error or error
        else:
            return reading, edited
    raise first_error or ConfigError("there is no value to set.")


def _put(document: dict[str, object], key: KeyPath, value: object) -> None:
    table = document
    for depth, part in enumerate(key[:-1], start=1):
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"{join_key(key[:depth])} is a value, not a table, so nothing can be set in it.",
                next_step="See what there is: rediq config show",
            )
        table = inner
    table[key[-1]] = value


def _replace(target: Path, text: str) -> None:
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _NEW_MODE
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write {target}.",
            cause=f"{error.strerror}.",
            next_step="Name a file that you may write: -c FILE",
        ) from error
