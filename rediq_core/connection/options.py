"""What every connection is opened with, async and sync alike.

redis-py's defaults differ by constructor (0 or 10 retries, 5 s timeouts, maintenance
notifications; 8.1.0), and its own retries re-send commands that may have run, so each option is
set here and none is inherited. The protocol is RESP2: all replies have the shapes that scripts
give, and no push frame can come between a call and its reply.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, cast

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from rediq_core.connection.lines import Line
from rediq_core.connection.topology import Address, TlsOptions, Topology
from rediq_core.errors import ConfigError

# Find a dead peer on an idle connection within 45 s: probe after 30 s, each 5 s, three times.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


def keepalive_options() -> dict[int, int]:
    """Return the TCP keepalive options that this system knows."""
    return {getattr(socket, name): value for name, value in _KEEPALIVE if hasattr(socket, name)}


def ssl_context(tls: TlsOptions) -> ssl.SSLContext:
    """Return a client context that checks certificate and host name, TLS 1.2 or newer.

    Made for each connection, because certificate files are renewed while a process runs.

    Raises:
        ConfigError: A certificate file is missing or not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except OSError as error:  # ssl.SSLError is one
        is_system = not isinstance(error, ssl.SSLError)
        reason = error.strerror if is_system else "it holds no certificate or no key"
        raise ConfigError(
            f"a file of [redis.tls] cannot be used ({reason}).", next_step="Check ca, cert and key."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def blocking_connection(topology: Topology, address: Address, *, connect_timeout_s: float) -> Line:
    """Return a redis-py connection that is not open yet.

    Args:
        topology: For login, database, TLS and the reply timeout.
        address: The server, TCP or Unix.
        connect_timeout_s: Seconds for the connect.

    Raises:
        ConfigError: A certificate file cannot be used.
    """
    options: dict[str, Any] = {
        "db": topology.db,
        "username": topology.credentials.username or None,
        "password": topology.credentials.password or None,
        "socket_timeout": topology.reply_timeout_s,
        "socket_connect_timeout": connect_timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "decode_responses": False,
        "protocol": 2,
        "driver_info": None,
        "client_name": topology.client_name or None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    kind: Any = UnixDomainSocketConnection
    if address.is_unix:
        options["path"] = address.host
    else:
        kind = Connection
        options |= {
            "host": address.host,
            "port": address.port,
            "socket_keepalive": True,
            "socket_keepalive_options": keepalive_options(),
        }
    if topology.tls is not None and not address.is_unix:
        _ = ssl_context(topology.tls)  # a bad file must not look like a server that is away
        kind = SSLConnection
        options |= {
            "ssl_cert_reqs": "none" if topology.tls.is_insecure else "required",
            "ssl_check_hostname": not topology.tls.is_insecure,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
            "ssl_ca_certs": topology.tls.ca or None,
            "ssl_certfile": topology.tls.cert or None,
            "ssl_keyfile": topology.tls.key or None,
        }
    # redis-py's constructors are untyped (8.1.0), so this is the one cast.
    return cast("Line", kind(**options))
