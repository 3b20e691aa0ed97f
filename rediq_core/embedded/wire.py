"""Speak just enough of the Redis protocol to ask the private server three questions.

The embedded server sits below every client library, and asks only PING, INFO and SHUTDOWN, so it
frames them by hand. One command is one connection. Not a client: no pipelines, no RESP3, no
arrays.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to one command.

    Attributes:
        text: The reply, or the error's text without its "-"; "" if the server hung up.
        is_error: True for an error reply.
        is_end: True if the server closed the connection in place of a reply, as SHUTDOWN does.
    """

    text: str
    is_error: bool = False
    is_end: bool = False

    @property
    def is_loading(self) -> bool:
        """Whether the server is still reading its data files."""
        return self.is_error and self.text.startswith("LOADING")


def ask(socket_path: Path, *words: str, timeout_s: float) -> Answer:
    """Send one command over a new connection and return the reply.

    Raises:
        OSError: Nobody listens there, or no answer came within `timeout_s`; `TimeoutError` is one.
    """
    frame = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(socket_path))
        connection.sendall(f"*{len(words)}\r\n{frame}".encode())
        with connection.makefile("rb") as stream:
            line = stream.readline().decode(errors="replace").rstrip("\r\n")
            kind, text = line[:1], line[1:]
            if kind == "$":
                text = stream.read(max(int(text), 0)).decode(errors="replace")
    return Answer(text, is_error=kind == "-", is_end=kind == "")


def fields_of(info: str) -> dict[str, str]:
    """Split the text of INFO into its `name:value` lines."""
    pairs = (line.partition(":") for line in info.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}
