"""What every connection is opened with, asyncio and blocking alike: keepalive and TLS.

The protocol is RESP2 everywhere: all replies have the shapes that scripts give, and no push frame
can come between a call and its reply.
"""

from __future__ import annotations

import socket
import ssl

from rediq_core.connection.topology import TlsOptions
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
