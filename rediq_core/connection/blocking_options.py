"""What a blocking connection of redis-py is opened with.

redis-py's defaults differ by constructor (0 or 10 retries, 5 s timeouts, maintenance
notifications; 8.1.0), and its own retries re-send commands that may have run, so each option is
set here and none is inherited.
"""

from __future__ import annotations

import ssl
from typing import Any, cast

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from rediq_core.connection.lines import Line
from rediq_core.connection.options import keepalive_options, ssl_context
from rediq_core.connection.topology import Address, Topology


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
