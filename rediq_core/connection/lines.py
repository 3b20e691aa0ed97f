"""The blocking connections to one server: taken by one thread at a time, last used first.

redis-py's own pools either raise at once when all are taken or lock twice a call; here the common
case is one `list.pop` and one `list.append`, both atomic (1.5 times the calls of redis-py's
client, one thread, loopback). A connection that breaks takes the idle ones with it: after a
restart all of them are dead, and a retry must not try each in turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from redis.exceptions import AuthenticationError, BusyLoadingError, InvalidResponse, RedisError
from redis.exceptions import ResponseError as RedisResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rediq_core.connection.failures import (
    ConnectionClosed,
    LinkFailure,
    NoReply,
    NotRedis,
    error_reply,
)
from rediq_core.connection.raw import Reply


class Line(Protocol):
    """What is used of a redis-py connection; blocking_options.py casts to it."""

    @property
    def is_connected(self) -> bool:
        """Whether its socket is open on this side."""
        ...

    def connect(self) -> None:
        """Open it and log in."""
        ...

    def disconnect(self) -> None:
        """Close it; wakes a thread that reads from it."""
        ...

    def send_packed_command(self, command: list[bytes], check_health: bool = True) -> None:
        """Write bytes."""
        ...

    def read_response(self, *, timeout: float = ...) -> Reply:
        """Read one reply; raises an error reply."""
        ...


class Lines:
    """Keep up to `size` connections to one server. Shared by threads, not by processes."""

    def __init__(self, make: Callable[[float], Line], size: int) -> None:
        """Prepare; nothing is opened yet.

        Args:
            make: Returns a connection that is not open, given the seconds its connect may take.
            size: Connections at most, idle or taken.
        """
        self._make = make
        self._size = size
        self._idle: list[Line] = []
        self._open: set[Line] = set()
        self._sleepers = 0
        self._change = threading.Condition()
        self._is_closed = False

    def take_idle(self) -> Line | None:
        """Return an open connection if one is idle."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def take(self, timeout_s: float) -> Line:
        """Return an open connection, opening one or waiting for one.

        Raises:
            LinkFailure: It could not be opened.
            OSError: It could not be opened, or (TimeoutError) none came free in time.
        """
        line = self.take_idle()
        if line is not None:
            return line
        with self._change:
            self._sleepers += 1
            try:
                is_free = self._change.wait_for(
                    lambda: self._idle or len(self._open) < self._size, timeout_s
                )
                if not is_free:
                    raise TimeoutError("all connections are taken")
                line = self.take_idle()
                if line is not None:
                    return line
                line = self._make(timeout_s)
                self._open.add(line)
            finally:
                self._sleepers -= 1
        try:
            connect(line)
        except BaseException:
            self._lose(line)
            raise
        return line

    def give_back(self, line: Line) -> None:
        """Return a taken connection; a broken one is dropped, and the idle ones with it."""
        if not line.is_connected:
            self._lose(line)
            self.drop_idle()
            return
        self._idle.append(line)
        # A sleeper counts itself before it looks, so one of the two sees the other.
        if self._sleepers:
            with self._change:
                self._change.notify()
        if self._is_closed:
            self.drop_idle()

    def drop_idle(self) -> None:
        """Close the connections that nobody has taken."""
        while (line := self.take_idle()) is not None:
            self._lose(line)

    def close(self) -> None:
        """Close the idle ones now and the others when they come back; safe to call twice."""
        self._is_closed = True
        self.drop_idle()

    def abort(self) -> None:
        """Close all now; a thread that reads from one gets a connection error."""
        self.close()
        for line in list(self._open):
            line.disconnect()

    def _lose(self, line: Line) -> None:
        line.disconnect()
        with self._change:
            self._open.discard(line)
            self._change.notify()


def connect(line: Line) -> None:
    """Open a connection and log in.

    Raises:
        LinkFailure: The server refused it, or broke it off.
        OSError: The system did.
    """
    try:
        line.connect()
    except RedisError as error:
        raise failure_of(error) from error


def write(line: Line, packed: bytes) -> None:
    """Write bytes.

    Raises:
        LinkFailure: The connection broke.
        OSError: Likewise.
    """
    try:
        line.send_packed_command([packed], check_health=False)
    except RedisError as error:
        raise failure_of(error) from error


def ask(line: Line, packed: bytes, *, timeout_s: float | None = None) -> Reply:
    """Make one round trip; failures are values, and break the connection unless Redis sent them.

    Args:
        line: A taken connection.
        packed: One command.
        timeout_s: Seconds for the reply, or None for the connection's own timeout.
    """
    try:
        line.send_packed_command([packed], check_health=False)
        return line.read_response() if timeout_s is None else line.read_response(timeout=timeout_s)
    except RedisError as error:
        return failure_of(error)
    except OSError as error:
        return error
    except BaseException:  # such as KeyboardInterrupt: an unread reply would meet the next caller
        line.disconnect()
        raise


def read(line: Line, *, timeout_s: float | None = None) -> Reply:
    """Read one more reply of a pipeline, as `ask` does."""
    try:
        return line.read_response() if timeout_s is None else line.read_response(timeout=timeout_s)
    except RedisError as error:
        return failure_of(error)
    except OSError as error:
        return error
    except BaseException:
        line.disconnect()
        raise


def failure_of(error: RedisError) -> LinkFailure:
    """Say what redis-py said in our own kinds; the system's error stays in the chain."""
    text = str(error)
    ours: LinkFailure
    if isinstance(error, RedisResponseError | AuthenticationError | BusyLoadingError):
        code = error.status_code
        ours = error_reply(f"{code} {text}" if code else text)
    elif _MAX_CLIENTS in text:
        ours = error_reply(f"ERR {text}")
    elif isinstance(error, RedisTimeoutError):
        ours = NoReply(text)
    elif isinstance(error, InvalidResponse):
        ours = NotRedis(text)
    else:
        ours = ConnectionClosed(text)
    ours.__cause__ = error
    return ours


# redis-py makes a broken connection of this refusal.
_MAX_CLIENTS = "max number of clients reached"
