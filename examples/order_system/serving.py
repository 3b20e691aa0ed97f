"""Serve the API on a thread of this process, on any free port: for the demo and the tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from order_system.api import app

# Seconds for requests that are under way when it ends.
GRACE_S = 5


@contextmanager
def serve() -> Iterator[str]:
    """Serve for the length of a with-block; yields the URL. REDIQ_URL and ORDER_LEDGER count."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, log_level="error", lifespan="on", timeout_graceful_shutdown=GRACE_S
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            host, port = listener.getsockname()
            yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            thread.join()
