"""Read the two files of a configuration, after checking who else could have written or read them.

A configuration names modules that a worker imports, so whoever can write it can run code: a file
that others may write is refused. A `.env` holds secrets, so one that others may read is skipped.
What the settings mean is not decided here.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from rediq_core.config.envvars import CONFIG_VARIABLE, INSECURE_VARIABLE
from rediq_core.errors import ConfigError

DEFAULT_FILE = "rediq.toml"
ENV_FILE = ".env"
# Largest configuration read, in bytes: far above any real one, far below what fills memory.
MAX_FILE_BYTES = 4 * 1024 * 1024

_ENV_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*")
_ENV_COMMENT = re.compile(r"\s+#.*$")


def find_file(
    config_path: Path | None, environ: Mapping[str, str], cwd: Path | None
) -> Path | None:
    """Choose the configuration file: named, else REDIQ_CONFIG, else ./rediq.toml if it exists.

    Args:
        config_path: The file a flag names; a relative one is looked up in `cwd`.
        environ: Environment variables.
        cwd: The current folder, or None to look at no file that was not named.

    Returns:
        The path, or None if none was named and there is none.

    Raises:
        ConfigError: A file was named and does not exist.
    """
    base = cwd if cwd is not None else Path()
    named = environ.get(CONFIG_VARIABLE, "").strip()
    if config_path is not None:
        return _existing(base / config_path.expanduser(), "-c")
    if named:
        return _existing(base / Path(named).expanduser(), CONFIG_VARIABLE)
    default = base / DEFAULT_FILE
    return default if cwd is not None and default.is_file() else None


def _existing(path: Path, named_by: str) -> Path:
    if not path.exists():
        raise ConfigError(
            f"there is no configuration file {path} (named by {named_by}).",
            next_step="Check the path, or write one: rediq config init",
        )
    return path


def read_config_text(path: Path, *, allow_insecure: bool = False) -> str:
    """Read a configuration file.

    Args:
        path: An existing file.
        allow_insecure: Read it even if others may write it.

    Returns:
        Its text, with plain line feeds and no byte order mark.

    Raises:
        ConfigError: It cannot be read, is not UTF-8, is over 4 MiB, or others may write it.
    """
    try:
        status = path.stat()
        if not allow_insecure:
            _refuse_writable_by_others(path, status.st_mode, status.st_uid, status.st_gid)
        if status.st_size > MAX_FILE_BYTES:
            raise ConfigError(
                f"{path} is over {MAX_FILE_BYTES} bytes, so it was not read.",
                cause="No configuration is that long; it may be another file.",
                next_step="Name the right one: -c FILE. A new one: rediq config init",
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 text.",
            cause=f"Byte {error.start} does not fit.",
            next_step="Save it as UTF-8, or name another one: -c FILE",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}.",
            cause=f"{error.strerror or type(error).__name__}.",
            next_step="Name another one: -c FILE. A new one: rediq config init",
        ) from error


def _refuse_writable_by_others(path: Path, mode: int, uid: int, gid: int) -> None:
    by_others = bool(mode & stat.S_IWOTH)
    by_group = bool(mode & stat.S_IWGRP) and not _is_private_group(uid, gid)
    if by_others or by_group:
        who = "everybody" if by_others else "its group"
        raise ConfigError(
            f"{path} may be written by {who} (mode {stat.S_IMODE(mode):04o}), so it was not read.",
            cause="It names modules to import: whoever can change it can run code in a worker.",
            next_step=f"Fix it: chmod go-w {path}     Or set {INSECURE_VARIABLE}=1",
        )


def _is_private_group(uid: int, gid: int) -> bool:
    """Say whether the file's group has no member but its owner.

    Many systems give each user an own group and a umask of 002, so there every file is writable
    by its group and nobody else is meant.
    """
    try:
        import grp  # noqa: PLC0415 - exists on POSIX only, where modes mean anything
        import pwd  # noqa: PLC0415 - as above

        owner, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except (ImportError, KeyError):
        return False
    return (
        owner.pw_gid == gid
        and owner.pw_name == group.gr_name
        and not (set(group.gr_mem) - {owner.pw_name})
    )


def parse_toml(text: str, path: Path) -> dict[str, object]:
    """Read a TOML document.

    Raises:
        ConfigError: It is not TOML; the text says where.
    """
    import tomllib  # noqa: PLC0415 - half of a fast start, and needed only where a file exists

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = f" line {found.group(1)}" if found else ""
        raise ConfigError(
            f"{path.name}{line} is not TOML.", cause=f"{error}.", next_step=f"Correct it: {path}"
        ) from error


def read_env_file(folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read the `.env` of a folder, unless others may read or write it.

    Returns:
        Its variables, not interpolated, and warnings: that it was skipped and why, or which lines
        were not understood. Both are empty without such a file.
    """
    path = folder / ENV_FILE
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            advice = f"others may read it (mode {stat.S_IMODE(mode):04o}). Fix it: chmod 600 {path}"
            return {}, (f"{path} was not read: {advice}",)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}, ()
    except (OSError, UnicodeDecodeError) as error:
        return {}, (f"{path} was not read: {type(error).__name__}.",)
    return _env_values(lines, path)


def _env_values(lines: list[str], path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    values: dict[str, str] = {}
    warnings: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ENV_LINE.fullmatch(line)
        if match is None:
            warnings.append(f"{path} line {number} is not NAME=value, so it was skipped.")
        else:
            values[match.group(1)] = _env_value(match.group(2))
    return values, tuple(warnings)


def _env_value(raw: str) -> str:
    quoted = re.fullmatch(r"""(["'])(.*)\1(?:\s+#.*)?""", raw)
    if quoted is not None:
        return quoted.group(2)
    return "" if raw.startswith("#") else _ENV_COMMENT.sub("", raw)
