"""Everything that talks to Redis: parse a URL, open a link, run a call. Alone imports redis-py."""

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.channel import AsyncChannel
from rediq_core.connection.raw import Arg, RawCall, Reply
from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import (
    Address,
    Credentials,
    Mode,
    TlsOptions,
    Topology,
    parse_url,
)
from rediq_core.connection.waiter import Waiter

__all__ = [
    "Address",
    "Arg",
    "AsyncChannel",
    "AsyncLink",
    "Credentials",
    "Mode",
    "RawCall",
    "Reply",
    "SyncLink",
    "TlsOptions",
    "Topology",
    "Waiter",
    "parse_url",
]
