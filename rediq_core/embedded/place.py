"""Lay out the directory of one private server: its files, their permissions, its two locks.

    embedded/          0700, owned by the caller
      data/            the append-only file; ENGINE says who wrote it
      s.sock           0700; elsewhere if this path is too long for a socket
      op.lock          held by whoever starts or stops the server
      server.lock      held by the server process itself, for its whole life
      instance.json    0600, for people: nothing is decided by it
      server.log       0600

The life lock replaces a pid file: the starter locks `server.lock` and lets the server inherit the
open file, so the lock is held exactly as long as the server, or a child of it that is still
rewriting the append-only file, lives. The kernel frees it on SIGKILL, and a pid that was given to
another process cannot deceive. Nothing else prevents two servers on one directory: the servers
themselves do not lock it, and a second one on the same socket path takes it over silently.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rediq_core.embedded.engine import Engine, read_label
from rediq_core.errors import ConfigError

# Linux allows 107 bytes, macOS 103; the rest is room for the server's own temporary names.
SOCKET_PATH_LIMIT_BYTES = 100
PRIVATE = 0o700
# Not TMPDIR: two callers with different ones would look for one server in two places.
SHORT_DIRECTORY = "/tmp"  # noqa: S108  # a directory of our own in it, 0700, owner checked
ANOTHER_PLACE = "Or keep the data elsewhere: REDIQ_HOME=DIR"


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one private server. Cheap to make: touches no file.

    Attributes:
        root: The `embedded` directory, absolute, symbolic links resolved.
    """

    root: Path

    @property
    def data(self) -> Path:
        """Where the server keeps its append-only file."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.root / "server.log"

    @property
    def instance(self) -> Path:
        """A note about the running server, for people."""
        return self.root / "instance.json"

    @property
    def operation_lock(self) -> Path:
        """Held while somebody starts or stops the server."""
        return self.root / "op.lock"

    @property
    def life_lock(self) -> Path:
        """Held by the server process."""
        return self.root / "server.lock"

    @property
    def socket(self) -> Path:
        """The Unix socket: in the directory, or in a short one if the path would be too long."""
        path = self.root / "s.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(SHORT_DIRECTORY, f"rediq-{os.geteuid()}", f"{digest}.sock")

    def prepare(self) -> None:
        """Make the directories, only for the owner.

        Raises:
            ConfigError: One belongs to somebody else.
            OSError: One cannot be made.
        """
        for directory in (self.root, self.data, self.socket.parent):
            _make_private(directory)

    def is_private(self) -> bool:
        """Say whether the socket's directory is there and only its owner, us, may enter it."""
        try:
            found = self.socket.parent.lstat()
        except OSError:
            return False
        return _is_ours(found) and stat.S_IMODE(found.st_mode) == PRIVATE

    def read_writer(self) -> Engine | None:
        """Return the engine that wrote the data; None if there is no data yet.

        Raises:
            ConfigError: There is data, and nothing says who wrote it.
        """
        note = self.data / "ENGINE"
        if note.exists():
            writer = read_label(note.read_text(errors="replace"))
            if writer is not None:
                return writer
        elif not self.has_data():
            return None
        raise ConfigError(
            f"{self.data} holds data, but {note.name} does not say which engine wrote it.",
            cause="Data files do not move between engines: some refuse them, some start empty.",
            next_step=f"If you know it, write it there, as in: valkey 9.1.2     {ANOTHER_PLACE}",
        )

    def note_writer(self, writer: Engine | None) -> None:
        """Record who writes the data from now on; None takes the record away."""
        note = self.data / "ENGINE"
        if writer is None:
            note.unlink(missing_ok=True)
        else:
            write_private(note, f"{writer.label}\n")

    def has_data(self) -> bool:
        """Say whether a server has ever written here."""
        return any(entry.name != "ENGINE" for entry in self.data.iterdir())


def place_of(
    data_dir: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ
) -> Place:
    """Return the place for an explicit directory, else the user's own.

    `$REDIQ_HOME/embedded`, else the user's data directory: `$XDG_DATA_HOME/rediq/embedded`,
    `~/.local/share/rediq/embedded`, on macOS `~/Library/Application Support/rediq/embedded`.
    """
    try:
        if data_dir is not None:
            return Place(Path(data_dir).expanduser().resolve())
        if home := environ.get("REDIQ_HOME"):
            return Place((Path(home).expanduser() / "embedded").resolve())
        return Place((_user_data(environ) / "rediq" / "embedded").resolve())
    except RuntimeError as error:  # no home directory to be found
        raise ConfigError(
            "cannot tell where to keep the embedded server's data.",
            cause=str(error),
            next_step="Name a directory: REDIQ_HOME=DIR",
        ) from error


def _user_data(environ: Mapping[str, str]) -> Path:
    given = Path(environ.get("XDG_DATA_HOME", ""))
    if given.is_absolute():  # a relative one is to be ignored (XDG base directories 0.8)
        return given
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "share"


def _make_private(directory: Path) -> None:
    """Make `directory` for its owner alone, or refuse one that others could have prepared."""
    directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    found = directory.lstat()
    if not _is_ours(found):
        raise ConfigError(
            f"{directory} is not a directory of yours, so no server is started in it.",
            cause="Whoever owns it could read the tasks, or take the server's place.",
            next_step=ANOTHER_PLACE,
        )
    if stat.S_IMODE(found.st_mode) != PRIVATE:
        directory.chmod(PRIVATE)


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[int | None]:
    """Lock a file without waiting; yield its descriptor, or None if somebody holds it.

    Leaving closes the descriptor and does not unlock: a process that inherited the open file
    keeps the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)
