"""Which server to talk to, and as whom: the one answer for commands, workers and clients.

Order: flag or argument, the profile, REDIQ_URL, REDIS_URL, `[redis] url`, a running embedded
server, redis://localhost:6379/0. It is free of pydantic, because every command asks it. It finds
no embedded server itself (that lives above), and connects to nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from rediq_core.config.keypaths import KeyPath, join_key
from rediq_core.config.redact import SECRET_FIELDS, redact_url
from rediq_core.config.rules import size_bytes
from rediq_core.config.sources import DEFAULT, Level, Origin, Sources
from rediq_core.config.urls import (
    DEFAULT_URL,
    check_url,
    disables_verification,
    hosts_of,
    password_of,
    with_password,
)
from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.model.codec import MAX_PAYLOAD_BYTES
from rediq_core.model.durations import duration_ms

DEFAULT_NAMESPACE = "rediq"
DEFAULT_POOL_SIZE = 20
# Longest wait for one reply, in milliseconds; blocking reads add their own time to it.
DEFAULT_SOCKET_TIMEOUT_MS = 2_000
# How long a call is tried again before it fails, in milliseconds: spans a usual failover.
DEFAULT_DEADLINE_MS = 5_000

EMBEDDED_ORIGIN = "embedded server"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How a rediss:// connection proves who is who.

    Attributes:
        ca: File of authorities to trust instead of the system's, or None.
        cert: Our own certificate for the server, or None.
        key: Its private key, or None.
        verify: Check certificate and host name.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A server, how to reach it, and what may be done there.

    Attributes:
        url: With its password; not in `repr`. Show `safe_url` instead.
        origin: Where the URL comes from: "flag", "environment REDIQ_URL", "default" and so on.
        is_fallback: Nothing was configured: it is the embedded server or the default.
        namespace: First part of every key.
        tls: Certificates and whether they are checked.
        connection_pool_size: Most connections one client opens.
        socket_timeout_ms: Longest wait for one reply.
        deadline_ms: How long a call is tried again before it fails.
        max_payload_bytes: Largest encoded payload that producers take.
        profile: Name of the profile in use, or "".
        is_protected: Bulk writes ask for a typed name.
        is_read_only: Writes are refused.
        redact: Names of fields whose values are hidden.
        config_path: The configuration file, or None.
        warnings: For stderr: what was skipped, and what is unsafe here.
    """

    url: str = field(repr=False)
    origin: str
    is_fallback: bool
    namespace: str = DEFAULT_NAMESPACE
    tls: TlsOptions = TlsOptions()
    connection_pool_size: int = DEFAULT_POOL_SIZE
    socket_timeout_ms: int = DEFAULT_SOCKET_TIMEOUT_MS
    deadline_ms: int = DEFAULT_DEADLINE_MS
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    profile: str = ""
    is_protected: bool = False
    is_read_only: bool = False
    redact: tuple[str, ...] = SECRET_FIELDS
    config_path: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def safe_url(self) -> str:
        """The URL with its secrets hidden."""
        return redact_url(self.url)


# Answers the URL of a running embedded server, or None; asked only if nothing is configured.
EmbeddedFinder = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class _Named:
    """A URL that some place names, before its password is known."""

    url: str = field(repr=False)
    origin: Origin
    key: KeyPath
    is_fallback: bool = False


def choose_server(
    sources: Sources, profile: str = "", find_embedded: EmbeddedFinder | None = None
) -> ServerChoice:
    """Decide which server the sources lead to.

    Args:
        sources: Merged and checked sources.
        profile: Name under `[profiles]`, or "".
        find_embedded: Asked last but one; None if there can be none.

    Returns:
        The choice. Files with URL or password are read; Redis is not asked.

    Raises:
        ConfigError: The profile is unknown, a file cannot be read or holds no URL, or the URL
            switches verification off and `[redis.tls] insecure` does not allow it.
    """
    _check_profile(sources, profile)
    named = _named_url(sources, profile) or _fallback(find_embedded)
    url = _with_secret(sources, profile, named)
    tls = _tls_of(sources, url, named)
    safety_globs = _texts(sources.get("safety", "protected"))
    names = [name for name in (profile, *hosts_of(url)) if name]
    return ServerChoice(
        url=url,
        origin=named.origin.text,
        is_fallback=named.is_fallback,
        namespace=_first_text(
            sources.get("profiles", profile, "namespace"), sources.get("redis", "namespace")
        )
        or DEFAULT_NAMESPACE,
        tls=tls,
        connection_pool_size=_int_or(
            sources.get("redis", "connection_pool_size"), DEFAULT_POOL_SIZE
        ),
        socket_timeout_ms=_ms_or(sources.get("redis", "socket_timeout"), DEFAULT_SOCKET_TIMEOUT_MS),
        deadline_ms=_ms_or(sources.get("redis", "deadline"), DEFAULT_DEADLINE_MS),
        max_payload_bytes=_size_or(sources.get("safety", "max_payload"), MAX_PAYLOAD_BYTES),
        profile=profile,
        is_protected=sources.get("profiles", profile, "protected") is True
        or any(fnmatchcase(name, glob) for name in names for glob in safety_globs),
        is_read_only=sources.get("safety", "read_only") is True
        or sources.get("profiles", profile, "read_only") is True,
        redact=(*SECRET_FIELDS, *_texts(sources.get("safety", "redact"))),
        config_path=sources.path,
        warnings=(*sources.warnings, *_warnings(named, tls)),
    )


def _check_profile(sources: Sources, profile: str) -> None:
    known = sources.get("profiles")
    names = sorted(known) if isinstance(known, dict) else []
    if not profile or profile in names:
        return
    close = difflib.get_close_matches(profile, names, n=1)
    raise ConfigError(
        f'there is no profile "{profile}".',
        cause=f"Profiles are the tables of [profiles] in {_profile_files(sources)}"
        + (f": {', '.join(names)}." if names else "; there are none."),
        next_step=f"Did you mean {close[0]}?" if close else "",
    )


def _profile_files(sources: Sources) -> str:
    files = [str(path) for path in (sources.path, sources.own_path) if path is not None]
    return " and ".join(files) or "rediq.toml or ~/.config/rediq/config.toml"


def _named_url(sources: Sources, profile: str) -> _Named | None:
    """Find the strongest place that names a URL; --profile stands right below --url."""
    plain = _url_under(sources, ("redis",))
    if plain is not None and plain.origin.level is Level.FLAG:
        return plain
    return (_url_under(sources, ("profiles", profile)) if profile else None) or plain


def _url_under(sources: Sources, section: KeyPath) -> _Named | None:
    keys = [(*section, name) for name in ("url", "url_file")]
    found = [
        (sources.origin_of(key), key, text)
        for key in keys
        if (text := _first_text(sources.get(*key)))
    ]
    if not found:
        return None
    origin, key, text = max(found, key=lambda entry: entry[0].level)
    if len(found) > 1 and found[0][0].level == found[1][0].level:
        raise ConfigError(
            f"url and url_file name one thing twice ({place_of(found[1][1], found[1][0])}).",
            next_step="Set one of them.",
        )
    if key[-1] == "url_file":
        text = _read_secret(sources, key, text)
    try:
        return _Named(check_url(text), origin, key)
    except InvalidOption as error:
        raise ConfigError(
            f"{error.message.rstrip('.')} ({place_of(key, origin)}).",
            cause=error.cause,
            next_step=error.next_step,
        ) from error


def _fallback(find_embedded: EmbeddedFinder | None) -> _Named:
    embedded = find_embedded() if find_embedded is not None else None
    if embedded:
        return _Named(embedded, Origin(Level.DEFAULT, EMBEDDED_ORIGIN), (), is_fallback=True)
    return _Named(DEFAULT_URL, DEFAULT, (), is_fallback=True)


def _with_secret(sources: Sources, profile: str, named: _Named) -> str:
    """Put in the password that belongs to this URL.

    One from the environment fits any URL and beats one written in a weaker place. One from the
    file is sent only to the server that the file (or nobody) names, never to another host.
    """
    if named.origin.text == EMBEDDED_ORIGIN:
        return named.url
    is_profile = named.key[:1] == ("profiles",)
    has_none = password_of(named.url) is None
    own_file = ("profiles", profile, "password_file")
    if is_profile and has_none and (name := _first_text(sources.get(*own_file))):
        return with_password(named.url, _read_secret(sources, own_file, name))
    found = _password(sources)
    if found is None:
        return named.url
    password, level = found
    from_outside = level > Level.FILE
    if is_profile:
        is_meant = has_none and from_outside
    else:
        is_its_own = from_outside or named.origin.level <= Level.FILE
        is_meant = (has_none and is_its_own) or level > named.origin.level
    return with_password(named.url, password) if is_meant else named.url


def _password(sources: Sources) -> tuple[str, Level] | None:
    keys = [("redis", name) for name in ("password", "password_file")]
    found = [(sources.origin_of(key).level, key) for key in keys if sources.get(*key)]
    if not found:
        return None
    level, key = max(found, key=lambda entry: entry[0])
    text = _first_text(sources.get(*key))
    return (_read_secret(sources, key, text) if key[-1] == "password_file" else text), level


def _read_secret(sources: Sources, key: KeyPath, name: str) -> str:
    origin = sources.origin_of(key)
    path = sources.folder_of(origin) / Path(name).expanduser()
    try:
        secret = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(
            f"cannot read {path} ({place_of(key, origin)}).",
            cause=f"{reason}.",
            next_step="Let this user read it, or name another file.",
        ) from error
    if not secret:
        raise ConfigError(
            f"{path} is empty ({place_of(key, origin)}).",
            next_step="Write the password into it, in one line.",
        )
    return secret


def _tls_of(sources: Sources, url: str, named: _Named) -> TlsOptions:
    allowed = sources.get("redis", "tls", "insecure") is True
    by_url = disables_verification(url)
    if by_url and not allowed:
        raise ConfigError(
            f"{redact_url(url)} switches off the check of certificates"
            f" ({place_of(named.key, named.origin)}).",
            cause="Then anybody between here and the server can read and change everything.",
            next_step="Name your authority: [redis.tls] ca     Or allow it: insecure = true there",
        )
    paths = {name: _tls_path(sources, name) for name in ("ca", "cert", "key")}
    verify = sources.get("redis", "tls", "verify") is not False and not by_url
    return TlsOptions(paths["ca"], paths["cert"], paths["key"], verify)


def _tls_path(sources: Sources, name: str) -> Path | None:
    key = ("redis", "tls", name)
    text = _first_text(sources.get(*key))
    if not text:
        return None
    return sources.folder_of(sources.origin_of(key)) / Path(text).expanduser()


def _warnings(named: _Named, tls: TlsOptions) -> tuple[str, ...]:
    found = []
    if named.origin.text == "flag" and password_of(named.url):
        found.append(
            "other users of this machine can see the password in --url (ps)."
            " Use REDIQ_URL, REDIQ_REDIS_PASSWORD or [redis] password_file."
        )
    if not tls.verify:
        found.append("the server's certificate is not checked ([redis.tls] insecure).")
    return tuple(found)


def place_of(key: Sequence[str], origin: Origin) -> str:
    """Write where a setting stands: "[redis] url, config.toml line 2"."""
    section = f"[{join_key(key[:-1])}] " if len(key) > 1 else ""
    name = section + (key[-1] if section else f"[{join_key(key)}]") if key else ""
    source = origin.text.removeprefix("file ")
    return f"{name}, {source}" if name and origin.level is not Level.DEFAULT else name or source


def _first_text(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()


def _int_or(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def _ms_or(value: object, default: int) -> int:
    return duration_ms(value, "duration") if isinstance(value, str | int | float) else default


def _size_or(value: object, default: int) -> int:
    return size_bytes(value, "max_payload") if isinstance(value, str | int) else default
