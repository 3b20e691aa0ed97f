"""Where Redis is: a parsed URL, and nothing that talks to it.

The URL is parsed here and not by redis-py, whose errors quote parts of a password and which reads
`/zero` as database 0. What this module raises never holds a piece of the text between the scheme
and the `@`. It decides neither routing (router.py) nor socket options (options.py).

Example:
    topology = parse_url("redis+sentinel://10.0.0.1,10.0.0.2/mymaster/0", password=secret)
    topology.redacted   # "redis+sentinel://:***@10.0.0.1:26379,10.0.0.2:26379/mymaster/0"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote

from rediq_core.errors import ConfigError

REDIS_PORT = 6379
SENTINEL_PORT = 26379
# A process holds at most this many command connections to one node.
DEFAULT_POOL_SIZE = 20
# Seconds for a TCP or TLS connect with its handshake, and for one reply. Two seconds outlast any
# bounded script and any fork pause, and keep a call during a failover under 2.5 s.
DEFAULT_CONNECT_TIMEOUT_S = 2.0
DEFAULT_REPLY_TIMEOUT_S = 2.0
# Sentinels and Cluster nodes that are asked for a map answer at once or are passed over.
SURVEY_TIMEOUT_S = 0.5

_SCHEMES = "redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster and rediss+cluster"
_TLS_PARAMETERS = (
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)
_PARAMETERS = ("db", "sentinel_username", "sentinel_password", *_TLS_PARAMETERS)


class Mode(StrEnum):
    """How many servers there are and who decides which one takes a write."""

    STANDALONE = "standalone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Address(NamedTuple):
    """One server: host and port, or the path of a Unix socket with port 0.

    Attributes:
        host: Host name, IP address without brackets, or an absolute socket path.
        port: 1 to 65,535, or 0 for a Unix socket.
    """

    host: str
    port: int

    @property
    def is_unix(self) -> bool:
        """True if this is a Unix socket path."""
        return self.port == 0

    def __str__(self) -> str:
        if self.is_unix:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How the server's certificate is checked and which one we show.

    Attributes:
        ca: Path of a PEM file with the authorities to trust, or "" for the system's.
        cert: Path of our certificate (mutual TLS), or "".
        key: Path of its private key, or "" if it is in `cert`.
        is_insecure: True switches the checks of certificate and host name off.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    is_insecure: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password that no repr shows.

    Attributes:
        username: ACL user, or "" for the default user.
        password: Its password, or "" for none.
    """

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything needed to connect, checked.

    Attributes:
        mode: Standalone, Sentinel or Cluster.
        nodes: The server; the Sentinels; or some nodes of the Cluster. Never empty.
        db: Database number; always 0 in Cluster mode.
        credentials: For the data servers.
        sentinel_credentials: For the Sentinels themselves, which often have none.
        service: Name of the master the Sentinels watch, or "".
        tls: None for plain connections.
        pool_size: Command connections to one node, at least 1.
        connect_timeout_s: Seconds for connect and handshake.
        reply_timeout_s: Seconds for one reply, before a connection is given up.
        address_map: What Sentinel or Cluster announces, and what to connect to instead (NAT).
        client_name: What `CLIENT LIST` shows, or "".
    """

    mode: Mode
    nodes: tuple[Address, ...]
    db: int = 0
    credentials: Credentials = Credentials()
    sentinel_credentials: Credentials = Credentials()
    service: str = ""
    tls: TlsOptions | None = None
    pool_size: int = DEFAULT_POOL_SIZE
    connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S
    reply_timeout_s: float = DEFAULT_REPLY_TIMEOUT_S
    address_map: tuple[tuple[Address, Address], ...] = ()
    client_name: str = ""

    @property
    def redacted(self) -> str:
        """The URL with `***` for the password; safe for logs, errors, screens and metrics."""
        if self.nodes[0].is_unix:
            scheme, tail = "unix", self.nodes[0].host + (f"?db={self.db}" if self.db else "")
        else:
            scheme = "rediss" if self.tls else "redis"
            tail = ",".join(str(node) for node in self.nodes)
            match self.mode:
                case Mode.STANDALONE:
                    tail += f"/{self.db}"
                case Mode.SENTINEL:
                    scheme, tail = f"{scheme}+sentinel", f"{tail}/{self.service}/{self.db}"
                case Mode.CLUSTER:
                    scheme = f"{scheme}+cluster"
        user = self.credentials.username
        login = f"{user}:***@" if self.credentials.password else f"{user}@" if user else ""
        return f"{scheme}://{login}{tail}"

    def __str__(self) -> str:
        return self.redacted

    def for_survey(self) -> Topology:
        """Return how to ask Sentinels for the master, or nodes for the map: soon, or not at all."""
        is_sentinel = self.mode is Mode.SENTINEL
        return replace(
            self,
            credentials=self.sentinel_credentials if is_sentinel else self.credentials,
            db=0,
            connect_timeout_s=SURVEY_TIMEOUT_S,
            reply_timeout_s=SURVEY_TIMEOUT_S,
        )

    def reach(self, announced: Address) -> Address:
        """Return the address to connect to for one that a server announced."""
        return dict(self.address_map).get(announced, announced)


def parse_url(
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    tls: TlsOptions | None = None,
    pool_size: int = DEFAULT_POOL_SIZE,
    client_name: str = "",
) -> Topology:
    """Read a Redis URL of any of the seven schemes; no I/O.

    Args:
        url: `redis://[user[:password]@]host[:port][/db]`, `rediss://`, `unix:///path[?db=n]`,
            `redis+sentinel://h1[:port],h2/service[/db]` or `redis+cluster://h1[:port],h2`, the
            last two also with `rediss`. Reserved characters of a password are percent-encoded.
        username: Used instead of the URL's when not None.
        password: Used instead of the URL's when not None, taken as it is.
        tls: Options for `rediss` schemes; the URL's `ssl_*` parameters win over its paths.
        pool_size: Command connections to one node, at least 1.
        client_name: Printable ASCII without spaces, or "".

    Raises:
        ConfigError: The URL cannot be read, or asks for what is not allowed. Its text holds
            nothing of the user name or password.
    """
    scheme, separator, rest = url.strip().partition("://")
    family, _, flavour = scheme.lower().partition("+")
    if not separator or (family, flavour) not in _KNOWN_SCHEMES:
        raise _bad_url(
            "the Redis URL has an unknown scheme",
            cause=f"Known are {_SCHEMES}.",
            next_step="An example: redis://localhost:6379/0",
        )
    if pool_size < 1:
        raise _bad_url("a connection pool needs at least 1 connection")
    rest, found = _take_login(rest, is_unix=family == "unix")
    credentials = Credentials(
        found.username if username is None else username,
        found.password if password is None else password,
    )
    rest, parameters = _take_parameters(rest)
    topology = Topology(
        mode=Mode(flavour or "standalone"),
        nodes=(),
        credentials=credentials,
        sentinel_credentials=Credentials(
            parameters.get("sentinel_username", ""), parameters.get("sentinel_password", "")
        ),
        tls=_tls_of(parameters, tls, is_tls=family == "rediss"),
        pool_size=pool_size,
        client_name=client_name,
    )
    return _with_place(topology, rest, family=family, parameters=parameters)


_KNOWN_SCHEMES = {
    ("redis", ""),
    ("rediss", ""),
    ("unix", ""),
    ("redis", "sentinel"),
    ("rediss", "sentinel"),
    ("redis", "cluster"),
    ("rediss", "cluster"),
}


def _with_place(
    topology: Topology, rest: str, *, family: str, parameters: Mapping[str, str]
) -> Topology:
    """Fill in nodes, service and database from what follows the login."""
    if family == "unix":
        path = unquote(rest)
        if not path.startswith("/"):
            raise _bad_url("a unix:// URL needs an absolute path, as in unix:///run/redis.sock")
        db = _database(parameters.get("db", ""))
        return replace(topology, nodes=(Address(path, 0),), db=db)
    hosts, _, tail = rest.partition("/")
    parts = [unquote(part) for part in tail.split("/") if part]
    service = ""
    default_port = REDIS_PORT
    if topology.mode is Mode.SENTINEL:
        if not parts:
            raise _bad_url(
                "a Sentinel URL needs the name of the master",
                next_step="As in redis+sentinel://host1:26379,host2:26379/mymaster/0",
            )
        service, default_port = parts.pop(0), SENTINEL_PORT
    if len(parts) > 1:
        raise _bad_url("the Redis URL has more path than a database number")
    db = _database(parts[0] if parts else parameters.get("db", ""))
    if topology.mode is Mode.CLUSTER and db:
        raise _bad_url(
            "a Redis Cluster has only database 0", next_step="Leave the database out of the URL."
        )
    nodes = tuple(_address(host, default_port) for host in hosts.split(","))
    if topology.mode is Mode.STANDALONE and len(nodes) > 1:
        raise _bad_url(
            "a redis:// URL names one server",
            next_step="For several use redis+cluster:// or redis+sentinel://.",
        )
    return replace(topology, nodes=nodes, service=service, db=db)


def _take_login(rest: str, *, is_unix: bool) -> tuple[str, Credentials]:
    # The path of a socket may hold an @, so there the first one ends the login.
    login, at, place = rest.partition("@") if is_unix else rest.rpartition("@")
    if not at or (is_unix and rest.startswith("/")):
        return rest, Credentials()
    if any(sign in login for sign in "/?#"):
        raise _bad_url(
            "the user name or password in the Redis URL holds a sign that must be escaped",
            cause="Before the @, write / as %2F, ? as %3F, # as %23 and @ as %40.",
            next_step="Or keep the password out of the URL: REDIQ_REDIS_PASSWORD, password_file.",
        )
    username, _, password = login.partition(":")
    return place, Credentials(unquote(username), unquote(password))


def _take_parameters(rest: str) -> tuple[str, dict[str, str]]:
    place, _, query = rest.partition("?")
    parameters: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, text = pair.partition("=")
        if name not in _PARAMETERS:
            raise _bad_url(
                f"the Redis URL has a parameter that Rediq does not know: {name[:40]!r}",
                cause=f"Known are {', '.join(_PARAMETERS)}.",
            )
        parameters[name] = unquote(text)
    return place, parameters


def _tls_of(
    parameters: Mapping[str, str], given: TlsOptions | None, *, is_tls: bool
) -> TlsOptions | None:
    asked = [name for name in _TLS_PARAMETERS if name in parameters]
    if not is_tls:
        if asked:
            raise _bad_url(
                f"{asked[0]} needs a TLS connection", next_step="Write rediss:// for redis://."
            )
        return None
    options = given or TlsOptions()
    verify = parameters.get("ssl_cert_reqs", "required").lower()
    check_host = parameters.get("ssl_check_hostname", "true").lower()
    if (verify, check_host) != ("required", "true") and not options.is_insecure:
        raise _bad_url(
            "the Redis URL switches certificate checks off",
            cause="Anybody between here and the server could then read and change every task.",
            next_step="Name the authority instead ([redis.tls] ca), or set verify = false there.",
        )
    return replace(
        options,
        ca=parameters.get("ssl_ca_certs", options.ca),
        cert=parameters.get("ssl_certfile", options.cert),
        key=parameters.get("ssl_keyfile", options.key),
    )


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise _bad_url(
            "the database in the Redis URL is not a number", next_step="As in redis://localhost/0"
        )
    return int(text)


def _address(text: str, default_port: int) -> Address:
    host, bracket, after = text.strip().partition("]")
    if bracket:
        host, port_text = host.removeprefix("["), after.removeprefix(":")
        has_port = after.startswith(":")
    else:
        host, colon, port_text = text.strip().partition(":")
        has_port = bool(colon)
    if not host:
        raise _bad_url("the Redis URL has no host", next_step="As in redis://localhost:6379/0")
    if not has_port:
        return Address(unquote(host), default_port)
    is_number = port_text.isascii() and port_text.isdigit() and len(port_text) <= 5
    if not is_number or not 1 <= int(port_text) <= 65_535:
        raise _bad_url(
            "the port in the Redis URL is not a number from 1 to 65535",
            next_step="An IPv6 address goes in brackets: redis://[::1]:6379/0",
        )
    return Address(unquote(host), int(port_text))


def _bad_url(message: str, *, cause: str = "", next_step: str = "") -> ConfigError:
    return ConfigError(f"{message}.", cause=cause, next_step=next_step)
