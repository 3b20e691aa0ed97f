"""Start, meet, describe and stop the one private server of a data directory.

Any number of processes may call any of these at once. Starting and stopping are serialised by the
operation lock; whether a server lives is decided by its life lock (see `place`), never by a pid,
and it is stopped by SHUTDOWN over its own socket, never by a signal. If a caller dies here, the
locks are freed by the kernel: at worst a server runs that nobody has noted yet, and the next
caller meets it. The server has its own session, so Ctrl-C in the terminal does not reach it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.embedded.engine import Engine, find_engine, running_engine
from rediq_core.embedded.place import ANOTHER_PLACE, Place, place_of, try_lock, write_private
from rediq_core.embedded.wire import Answer, ask, fields_of
from rediq_core.errors import ConfigError, RediqError, RedisUnavailable

# A start takes 0.1 s; the rest is for a loaded machine and for data that has to be read first.
TIMEOUT_S = 15.0
# A healthy server answers within milliseconds; one under a long script within this, or not at all.
ANSWER_TIMEOUT_S = 1.0
POLL_S = 0.02
# Two starts' worth of log is enough to explain the last one.
LOG_LIMIT_BYTES = 1 << 20
LOG_TAIL_CHARS = 1_500

PathLike = str | os.PathLike[str]

_children: set[int] = set()


@dataclass(frozen=True, slots=True)
class Running:
    """A private server that answers.

    Attributes:
        url: Where clients connect, `unix://…?db=0`.
        pid: Its process id, as it says itself. Only to be shown.
        started: True if this call started it.
        engine: What runs.
        data_dir: The directory given to `ensure`, or the user's own.
        socket_path: The Unix socket in `url`.
    """

    url: str
    pid: int
    started: bool
    engine: Engine
    data_dir: Path
    socket_path: Path


class _Deadline:
    """How long a call may still wait."""

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        self._ends_s = clock.monotonic() + timeout_s

    def pause(self) -> bool:
        """Wait a little and return True, or return False at the end of the time."""
        if self._clock.monotonic() >= self._ends_s:
            return False
        time.sleep(POLL_S)  # noqa: TID251  # a synchronous call; nothing here runs on a loop
        return True


def ensure(
    data_dir: PathLike | None = None, *, timeout_s: float = TIMEOUT_S, clock: Clock = SYSTEM_CLOCK
) -> Running:
    """Return the server of this directory, started now if none runs.

    Costs one round trip when a server runs. Otherwise about 0.1 s.

    Args:
        data_dir: Its directory; None is `$REDIQ_HOME/embedded`, else the user's data directory.
        timeout_s: How long to wait for other starters, for its answer, and for its data to load.
        clock: For the waiting.

    Raises:
        ConfigError: There is no usable engine or directory, or another engine wrote the data.
        RedisUnavailable: The server ended at once (its log is in the text) or does not answer.
    """
    place = place_of(data_dir)
    deadline = _Deadline(clock, timeout_s)
    with _file_errors(place):
        place.prepare()
        met = _describe(place)
        if met is not None and _is_alive(place):
            return met
        _reap_children()
        with _operation(place, deadline):
            return _start_or_meet(place, deadline)


def status(data_dir: PathLike | None = None) -> Running | None:
    """Describe the server of this directory; None if none answers. Starts and creates nothing."""
    return _describe(place_of(data_dir))


def running_url(data_dir: PathLike | None = None) -> str | None:
    """Return the URL of the server of this directory if one answers; one round trip."""
    place = place_of(data_dir)
    return _url(place) if _ask(place, "PING") is not None else None


def stop(
    data_dir: PathLike | None = None, *, timeout_s: float = TIMEOUT_S, clock: Clock = SYSTEM_CLOCK
) -> bool:
    """Stop the server of this directory, its data written; False if none runs.

    Raises:
        ConfigError: The directory cannot be used.
        RedisUnavailable: It refused, or was still there after `timeout_s` seconds.
    """
    place = place_of(data_dir)
    deadline = _Deadline(clock, timeout_s)
    with _file_errors(place):
        if not place.life_lock.exists():
            return False
        place.prepare()
        with _operation(place, deadline):
            was_running = _shut_down(place, deadline)
    _reap_children()
    return was_running


@contextlib.contextmanager
def _file_errors(place: Place) -> Iterator[None]:
    """Tell a file that cannot be read or written as what it is: a directory of no use."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot use {place.root} for the embedded server.",
            cause=f"{error.strerror}: {error.filename}",
            next_step=ANOTHER_PLACE,
        ) from error


@contextlib.contextmanager
def _operation(place: Place, deadline: _Deadline) -> Iterator[None]:
    """Hold the operation lock: nobody else starts or stops this server meanwhile."""
    while True:
        with try_lock(place.operation_lock) as descriptor:
            if descriptor is not None:
                yield
                return
        if not deadline.pause():
            raise RedisUnavailable(
                "another process is still starting or stopping the embedded server.",
                cause=f"It holds {place.operation_lock}.",
                next_step="Try again; if it lasts, end that process.",
            )


def _start_or_meet(place: Place, deadline: _Deadline) -> Running:
    while True:
        with try_lock(place.life_lock) as life:
            if life is not None:
                return _start(place, life, deadline)
        met = _describe(place)
        if met is not None:
            return met
        # Held without an answer: it is starting, was just killed while a child of it still
        # rewrites the append-only file (0.7 s seen), or hangs.
        if not deadline.pause():
            raise _silent(place)


def _start(place: Place, life: int, deadline: _Deadline) -> Running:
    """Start the server; the caller holds both locks, so whatever lies here is stale."""
    place.socket.unlink(missing_ok=True)
    writer = place.read_writer()
    engine = find_engine(writer)
    if writer is not None and not engine.can_open(writer):
        raise _foreign_data(place, writer, engine)
    # Before the first byte: data whose writer is unknown could never be opened again.
    place.note_writer(engine)
    process = None
    try:
        process = _spawn(place, engine, life)
        running = _await_answer(place, process, deadline)
    except RediqError:
        has_ended = process is None or process.returncode is not None
        if has_ended and (writer is not None or not place.has_data()):
            place.note_writer(writer)
        raise
    finally:
        if process is not None:
            _let_go(process)
    note = {
        "pid": running.pid,
        "socket": str(running.socket_path),
        "engine": running.engine.label,
        "started_at_ms": SYSTEM_CLOCK.now_ms(),
    }
    write_private(place.instance, json.dumps(note, indent=2) + "\n")
    return replace(running, started=True)


def _spawn(place: Place, engine: Engine, life: int) -> subprocess.Popen[bytes]:
    command = [
        engine.path,
        *("--port", "0"),
        *("--unixsocket", str(place.socket), "--unixsocketperm", "700"),
        *("--dir", str(place.data)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--logfile", ""),
    ]
    with contextlib.suppress(FileNotFoundError):
        if place.log.stat().st_size > LOG_LIMIT_BYTES:
            place.log.replace(place.log.with_suffix(".log.1"))
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603  # found by find_engine, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.data,
            pass_fds=(life,),
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        raise ConfigError(
            f"cannot run {engine.path}.",
            cause=error.strerror or str(error),
            next_step="Name another server program: REDIQ_SERVER_BIN=/path/to/valkey-server",
        ) from error
    finally:
        os.close(log)


def _await_answer(place: Place, process: subprocess.Popen[bytes], deadline: _Deadline) -> Running:
    """Wait until the server answers and has read its data; late, an answer is enough."""
    while True:
        running = _describe(place)
        ping = _ask(place, "PING")
        if running is not None and ping is not None and not ping.is_loading:
            return running
        if process.poll() is not None:
            raise RedisUnavailable(
                f"the embedded server ended at once (exit code {process.returncode}).",
                cause=f"The end of {place.log}:\n{_log_tail(place)}",
                next_step="Name another server program: REDIQ_SERVER_BIN=/path/to/valkey-server",
            )
        if not deadline.pause():
            if running is None:
                raise _silent(place)
            return running


def _shut_down(place: Place, deadline: _Deadline) -> bool:
    was_running = False
    while True:
        with try_lock(place.life_lock) as life:
            if life is not None:  # nobody lives here: what is left is stale
                place.socket.unlink(missing_ok=True)
                place.instance.unlink(missing_ok=True)
                return was_running
        was_running = True
        answer = _ask(place, "SHUTDOWN")
        if answer is not None and answer.is_error:
            raise RedisUnavailable(
                "the embedded server refused to stop.",
                cause=answer.text,
                next_step=f"Read {place.log}",
            )
        if not deadline.pause():
            raise _silent(place)


def _is_alive(place: Place) -> bool:
    with try_lock(place.life_lock) as life:
        return life is None


def _ask(place: Place, *words: str) -> Answer | None:
    """Ask the server of this place; None if nobody answers there.

    Whoever could have made the directory could answer in the server's place, so it must be ours.
    """
    if not place.is_private():
        return None
    try:
        return ask(place.socket, *words, timeout_s=ANSWER_TIMEOUT_S)
    except OSError:
        return None


def _describe(place: Place) -> Running | None:
    answer = _ask(place, "INFO", "server")
    if answer is None or answer.is_error or answer.is_end:
        return None
    fields = fields_of(answer.text)
    return Running(
        url=_url(place),
        pid=int(fields.get("process_id", "0")),
        started=False,
        engine=running_engine(fields),
        data_dir=place.root,
        socket_path=place.socket,
    )


def _url(place: Place) -> str:
    return f"unix://{quote(str(place.socket))}?db=0"


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Drop the handle of a server that is to outlive this process, without a warning."""
    if process.returncode is None:
        _children.add(process.pid)
        process.returncode = 0


def _reap_children() -> None:
    """Collect the exit codes of servers that this process started and that have ended."""
    for pid in tuple(_children):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # a forked copy of the starter: not its children
            ended = pid
        if ended:
            _children.discard(pid)


def _log_tail(place: Place) -> str:
    return place.log.read_text(errors="replace").strip()[-LOG_TAIL_CHARS:]


def _silent(place: Place) -> RedisUnavailable:
    return RedisUnavailable(
        f"the embedded server in {place.root} is running but does not answer.",
        cause=f"Something holds {place.life_lock}, and nothing answers on {place.socket}.",
        next_step=f"See {place.instance} for its process and {place.log} for what it does.",
    )


def _foreign_data(place: Place, writer: Engine, engine: Engine) -> ConfigError:
    return ConfigError(
        f"the data in {place.data} was written by {writer.label}; "
        f"{engine.label} ({engine.path}) must not open it.",
        cause="Data files do not move between engines: some refuse them, some start empty.",
        next_step=f"Use that engine, or a newer one of its kind: "
        f"REDIQ_SERVER_BIN=/path/to/{writer.product}-server     {ANOTHER_PLACE}",
    )
