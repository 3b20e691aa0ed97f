"""Questions about a server URL that must be answered before anything connects.

The URL is taken apart here by its delimiters, because general URL parsers quote parts of a
password in their errors and read `/zero` as database 0. Which connection a URL leads to is
decided below the scripts, not here.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from rediq_core.config.redact import redact_url
from rediq_core.errors import InvalidOption

SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
)
DEFAULT_URL = "redis://localhost:6379/0"

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s,]+)(?::(\d{1,5}))?")
_DATABASE = re.compile(r"/?|/\d{1,5}")
_SENTINEL_PATH = re.compile(r"/[^/]+(?:/\d{1,5})?/?")
_OFF = frozenset({"none", "false", "no", "0"})
_VERIFYING = ("ssl_cert_reqs", "ssl_check_hostname")


class ServerUrl(NamedTuple):
    """A URL by its delimiters, nothing decoded.

    Attributes:
        scheme: In lower case.
        credentials: What stands before the last `@` of the authority, or None without one.
        hosts: The rest of the authority; empty for a socket.
        path: With its leading slash.
        query: Without the question mark.
    """

    scheme: str
    credentials: str | None
    hosts: str
    path: str
    query: str


def split_url(url: str) -> ServerUrl:
    """Take a URL apart.

    Raises:
        InvalidOption: It has no scheme, a fragment, or an `@` after its authority, which is what
            a password with a raw `/`, `?` or `#` looks like.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise _refused(url, "It must start with a scheme, such as redis://")
    scheme, authority, path, query, fragment = match.groups(default="")
    credentials, at, hosts = authority.rpartition("@")
    is_socket = scheme.lower() == "unix" and not authority
    if fragment or ("@" in path and not is_socket):
        raise _refused(
            url,
            "A / ? # or @ inside a user name or password must be percent-encoded"
            " (%2F %3F %23 %40), and nothing may follow a #.",
        )
    return ServerUrl(scheme.lower(), credentials if at else None, hosts, path, query)


def check_url(url: str) -> str:
    """Return a server URL unchanged, or refuse it.

    Raises:
        InvalidOption: Its scheme is unknown, its credentials are not percent-encoded, a port or
            database is not a number, or hosts, path or service name do not fit the scheme. The
            text shows the URL redacted.
    """
    parts = split_url(url)
    if parts.scheme not in SCHEMES:
        raise _refused(url, f"The scheme must be one of {', '.join(SCHEMES)}.")
    if re.search(r"[\s\x00-\x1f]", url):
        raise _refused(url, "It holds a space or a control character.")
    if parts.scheme == "unix":
        if not parts.path.strip("/") or parts.hosts:
            raise _refused(url, "A socket is written unix:///path/to/socket, with three slashes.")
        return url
    _check_hosts(url, parts)
    _check_path(url, parts)
    return url


def _check_hosts(url: str, parts: ServerUrl) -> None:
    hosts = parts.hosts.split(",")
    if len(hosts) > 1 and "+" not in parts.scheme:
        raise _refused(url, "Several hosts need redis+cluster:// or redis+sentinel://")
    for host in hosts:
        match = _HOST.fullmatch(host)
        if match is None or int(match.group(2) or 0) > 65_535:
            raise _refused(url, "Each host is a name or address, and a port from 1 to 65535.")


def _check_path(url: str, parts: ServerUrl) -> None:
    if parts.scheme.endswith("+sentinel"):
        if not _SENTINEL_PATH.fullmatch(parts.path):
            raise _refused(
                url, "Sentinel needs its service name: redis+sentinel://h1,h2/mymaster/0"
            )
    elif parts.scheme.endswith("+cluster"):
        if parts.path not in {"", "/", "/0"}:
            raise _refused(url, "A cluster has database 0 only.")
    elif not _DATABASE.fullmatch(parts.path):
        raise _refused(url, "The path of a Redis URL is a database number, such as /0")


def password_of(url: str) -> str | None:
    """Return the decoded password in the credentials of a URL, None without one."""
    credentials = split_url(url).credentials
    _, colon, password = (credentials or "").partition(":")
    return unquote(password) if colon and password else None


def with_password(url: str, password: str) -> str:
    """Return a URL whose credentials hold this password, percent-encoded; the user stays."""
    parts = split_url(url)
    user = (parts.credentials or "").partition(":")[0]
    query = f"?{parts.query}" if parts.query else ""
    secret = quote(password, safe="")
    return f"{parts.scheme}://{user}:{secret}@{parts.hosts}{parts.path}{query}"


def hosts_of(url: str) -> tuple[str, ...]:
    """Return the host names of a URL without ports; empty for a socket."""
    matches = (_HOST.fullmatch(host) for host in split_url(url).hosts.split(","))
    return tuple(match.group(1).strip("[]").lower() for match in matches if match)


def disables_verification(url: str) -> bool:
    """Say whether a parameter of the URL switches off the check of certificate or host name."""
    parameters = parse_qsl(split_url(url).query, keep_blank_values=True)
    return any(name.lower() in _VERIFYING and value.lower() in _OFF for name, value in parameters)


def _refused(url: str, cause: str) -> InvalidOption:
    return InvalidOption(
        f"{redact_url(url)} is not the URL of a Redis server.",
        cause=cause,
        next_step="Write it as redis://host:6379/0, if needed with user:password@ before the host.",
    )
