"""Find or start a private server, so that Rediq runs on a machine that has none.

One data directory has one server: whoever calls `ensure` first starts it, everybody else meets it
there, and it outlives them all. It listens on a Unix socket in a directory only its owner can
enter, and keeps its data in an append-only file. It is not for production over a network, and it
never touches a server it did not start. POSIX only.

Example:
    running = ensure()
    client = Client(running.url)
"""

from __future__ import annotations

from rediq_core.embedded.engine import Engine, find_engine
from rediq_core.embedded.server import Running, ensure, running_url, status, stop

__all__ = ["Engine", "Running", "ensure", "find_engine", "running_url", "status", "stop"]
