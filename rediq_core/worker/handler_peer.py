"""A handler process as its task process sees it: started, talked to, killed, reaped.

It is exec'd, not forked from here: a task process has a loop and threads. It leads a session and a
process group of its own, so a kill reaches what its handler has started. Its exit is noticed by a
pidfd on the event loop and it is reaped there and nowhere else, so no signal goes to a pid that the
system has given to somebody else. This neither knows runs nor chooses processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from pathlib import Path

import rediq_core
from rediq_core.errors import ConfigError
from rediq_core.worker.handler_frames import Frame, FrameError, pack, read_frame
from rediq_core.worker.handler_logs import level_wanted

# Run by the new interpreter; -P keeps the current folder out of its imports. The module path is
# known to a process from a checkout too.
_BOOTSTRAP = (
    "import sys; sys.path.append(sys.argv.pop());"
    " from rediq_core.worker.handler_process import main; main()"
)
# Seconds between looks at a process where the system has no pidfd.
_LOOK_S = 0.05
# Seconds from the end of the socket to a kill, and from an exit to the end of the socket: both come
# together unless somebody closed or kept one of them.
_LINGER_S = 0.5
# Seconds an idle process has to end by itself, and a killed one to be gone.
_CLOSE_S = 1.0
_REAP_S = 5.0


class HandlerProcessDied(Exception):  # noqa: N818  # what happened to a process
    """A handler process ended while it ran a task: the loss is that task's alone.

    Attributes:
        exit_status: Its exit status, or minus the signal that killed it.
    """

    def __init__(self, exit_status: int) -> None:
        super().__init__(f"The handler process {describe_status(exit_status)}.")
        self.exit_status = exit_status


def describe_status(exit_status: int) -> str:
    """Say how a process ended: "exited with status 3", "was killed by SIGSEGV"."""
    if exit_status >= 0:
        return f"exited with status {exit_status}"
    try:
        name = signal.Signals(-exit_status).name
    except ValueError:
        name = f"signal {-exit_status}"
    return f"was killed by {name}"


class Peer:
    """One handler process. Belongs to the event loop that started it.

    Attributes:
        pid: Its process id, also its group's.
        exited: Done when it was reaped; its exit status.
        is_spent: It was told to end; it takes no more runs.
        is_talking: Somebody reads what it sends.
        runs: Runs it was given.
    """

    def __init__(self, on_exit: Callable[[Peer], None]) -> None:
        """Start the process; blocks for about a millisecond.

        Raises:
            ConfigError: The system starts no more processes.
        """
        self._loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self._socket, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = _start(theirs.fileno(), lifeline)
        except OSError as error:
            self._socket.close()
            os.close(self._lifeline)
            raise ConfigError(
                "a handler process cannot be started.",
                cause=f"{error.strerror}.",
                next_step="Look at the limits for processes, files and memory.",
            ) from error
        finally:
            theirs.close()
            os.close(lifeline)
        self.pid = self._process.pid
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self.is_spent = False
        self.is_talking = True
        self.runs = 0
        self._reader: StreamReader | None = None
        self._writer: StreamWriter | None = None
        self._pidfd = -1
        self._linger: asyncio.TimerHandle | None = None
        self._watch()

    def __repr__(self) -> str:
        return f"<Peer {self.pid} runs {self.runs}{' spent' if self.is_spent else ''}>"

    @property
    def is_alive(self) -> bool:
        """Whether it can be given a run."""
        return not self.is_spent and not self.exited.done()

    async def open(self, specs: Sequence[str], root: str | None) -> None:
        """Connect, and tell it what to import."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        self.send(pack("start", specs=specs, root=root or "", path=sys.path, level=level_wanted()))

    def send(self, frame: bytes) -> None:
        """Send a frame, if it still listens."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frame)

    async def receive(self) -> Frame:
        """Return the next frame.

        Raises:
            HandlerProcessDied: There is none: it died, or broke the protocol and was killed.
        """
        if self._reader is None:
            raise HandlerProcessDied(await self.exited)
        try:
            return await read_frame(self._reader)
        except FrameError as error:
            raise await self.broke() from error
        except (asyncio.IncompleteReadError, OSError) as error:
            # A handler that closes all files goes on living; otherwise it is about to be reaped.
            self._hang_up()
            await asyncio.wait({self.exited}, timeout=_LINGER_S)
            raise await self.broke() from error

    async def broke(self) -> HandlerProcessDied:
        """End it for what it did, and return the error that says how it ended."""
        self.kill()
        return HandlerProcessDied(await asyncio.shield(self.exited))

    def rest(self) -> None:
        """Say that nobody reads what it sends any more."""
        self.is_talking = False
        if self.exited.done():
            self._hang_up()

    def kill(self) -> None:
        """Kill it and what it started; it is reaped by the loop."""
        self.is_spent = True
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone
                os.killpg(self.pid, signal.SIGKILL)

    def retire(self) -> None:
        """Let it end by itself, which an idle one does at once; kill it if it does not."""
        self.is_spent = True
        if self.exited.done():
            return
        if self._writer is None:
            self.kill()
        else:
            self._writer.close()
            killer = self._loop.call_later(_CLOSE_S, self.kill)
            self.exited.add_done_callback(lambda _: killer.cancel())

    async def gone(self) -> bool:
        """Wait until it was reaped; False if the system keeps it for seconds after a kill."""
        await asyncio.wait({self.exited}, timeout=_CLOSE_S + _REAP_S)
        return self.exited.done()

    def _watch(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, or a sandbox without it
            self._loop.call_later(_LOOK_S, self._look)
        else:
            self._loop.add_reader(self._pidfd, self._reap)

    def _look(self) -> None:
        if self._process.poll() is None:
            self._loop.call_later(_LOOK_S, self._look)
        else:
            self._reap()

    def _reap(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        # Before the pid is free again: what it started must not outlive it.
        self.kill()
        status = self._process.wait()
        os.close(self._lifeline)
        self.exited.set_result(status)
        if self.is_talking and self._writer is not None:
            # What it sent last is still read; a process that it left behind may hold its socket.
            self._linger = self._loop.call_later(_LINGER_S, self._hang_up)
        else:
            self._hang_up()
        self._on_exit(self)

    def _hang_up(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        if self._writer is None:
            self._socket.close()
        else:
            self._writer.transport.abort()


def _start(link_fd: int, lifeline: int) -> subprocess.Popen[bytes]:
    root = str(Path(rediq_core.__file__).parents[1])
    command = [sys.executable, "-P", "-c", _BOOTSTRAP, str(link_fd), str(lifeline)]
    return subprocess.Popen(  # noqa: S603  # our own interpreter with our own arguments
        [*command, str(os.getpid()), root],
        stdin=subprocess.DEVNULL,
        pass_fds=(link_fd, lifeline),
        start_new_session=True,
    )
