"""From "which server?" to an open-able link: one place for client, worker and command line.

Joins what configuration decided (config/server.py), what is running here (embedded) and how to
reach it (connection). Nothing connects yet: links connect on first use.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rediq_core import embedded
from rediq_core.config.quick import resolve_server
from rediq_core.config.server import ServerChoice
from rediq_core.connection.topology import TlsOptions, Topology, parse_url

if TYPE_CHECKING:
    from rediq_core.connection.aio import AsyncLink
    from rediq_core.connection.reading import ReadingLink
    from rediq_core.connection.sync import SyncLink


def choose_for_library(url: str | None) -> ServerChoice:
    """Decide which server a library client uses; reads no file but REDIQ_CONFIG.

    Raises:
        ConfigError: The environment or that file asks for something impossible.
    """
    return resolve_server(url, os.environ, None, None, find_embedded=embedded.running_url)


def topology_of(
    choice: ServerChoice, *, pool_size: int | None = None, client_name: str = ""
) -> Topology:
    """Return how to reach a chosen server.

    Args:
        choice: The server and what is known of it.
        pool_size: Command connections to one node; None for the configured number.
        client_name: What `CLIENT LIST` shows, or "".

    Raises:
        ConfigError: Its URL cannot be read.
    """
    tls = TlsOptions(
        _path(choice.tls.ca), _path(choice.tls.cert), _path(choice.tls.key), not choice.tls.verify
    )
    topology = parse_url(
        choice.url,
        tls=tls,
        pool_size=choice.connection_pool_size if pool_size is None else pool_size,
        client_name=client_name,
    )
    return replace(topology, reply_timeout_s=choice.socket_timeout_ms / 1000)


def _path(path: Path | None) -> str:
    return "" if path is None else str(path)


def open_async(choice: ServerChoice, *, pool_size: int | None = None) -> AsyncLink:
    """Return a link for an event loop; its first call connects."""
    # Deferred, as below: each side loads a library that the other does not need.
    from rediq_core.connection.aio import AsyncLink  # noqa: PLC0415

    return AsyncLink(topology_of(choice, pool_size=pool_size))


def open_sync(choice: ServerChoice, *, pool_size: int | None = None) -> SyncLink:
    """Return a link for threads; its first call connects."""
    from rediq_core.connection.sync import SyncLink  # noqa: PLC0415

    return SyncLink(topology_of(choice, pool_size=pool_size))


def open_reading(choice: ServerChoice, *, pool_size: int | None = None) -> ReadingLink:
    """Return a link for threads that refuses what writes; its first call connects."""
    from rediq_core.connection.reading import ReadingLink  # noqa: PLC0415

    return ReadingLink(topology_of(choice, pool_size=pool_size))
