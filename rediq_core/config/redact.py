"""Hide secrets in URLs, text and JSON values before anything is shown, logged or raised.

One place for logs, errors, screens and `repr`. Nothing here raises, and where a text can be read
in two ways the one that hides more wins: a malformed URL is often malformed because of its
password. It does not neutralise control characters; that is the output's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from urllib.parse import unquote

MASK = "***"
# Field names whose values are hidden, matched anywhere in a name, case and separators ignored.
SECRET_FIELDS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "authorization",
    "credential",
    "api_key",
    "private_key",
    "access_key",
    "card",
    "cvv",
    "cvc",
    "iban",
    "ssn",
)
# A value nested deeper than this many levels is hidden whole; JSON from a queue can be hostile.
MAX_DEPTH = 64
# Shorter secrets are not searched for in free text: replacing every "a" would give them away.
MIN_SECRET_LENGTH = 4

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*|/*")
_HOST = r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.%]+\])(?::\d{1,5})?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")
_PLAIN_USER = re.compile(r"[A-Za-z0-9._~%+-]*")
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s<>\"']+")
# A parameter; what follows it without a "=" of its own is taken for a raw "&" inside the value.
_PARAMETER = re.compile(r"([^=&?/@]*)=([^&]*(?:&[^=&]*(?=&|$))*)")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
# What may follow a URL in a sentence without being part of it.
_AFTER_URL = ".,;:!?)]}`"


def redact_url(url: str) -> str:
    """Return a URL with its password, secret parameters and fragment hidden.

    Args:
        url: Any text that stands where a URL should, well formed or not.

    Returns:
        The URL with `***` for what must not be seen. User name, hosts and path stay if they
        cannot be part of a password; everything before the last `@` is taken for credentials.
    """
    scheme_match = _SCHEME.match(url)
    scheme = scheme_match.group() if scheme_match else ""
    rest = url[len(scheme) :]
    if scheme.lower().startswith("unix:///"):
        return scheme + _redact_tail(rest)
    credentials, at, tail = rest.rpartition("@")
    if at and _has_secret_parameter(credentials):
        return scheme + MASK
    if at:
        return scheme + _redact_credentials(credentials) + at + _redact_tail(tail)
    return scheme + _redact_unsigned(rest, is_url="://" in scheme)


def _has_secret_parameter(text: str) -> bool:
    return any(is_secret_field(unquote(name)) for name, _ in _PARAMETER.findall(text))


def _redact_credentials(credentials: str) -> str:
    user, colon, _ = credentials.partition(":")
    if not credentials:
        return ""
    if not colon or not _PLAIN_USER.fullmatch(user):
        return MASK
    return f"{user}:{MASK}"


def _redact_unsigned(rest: str, *, is_url: bool) -> str:
    """Redact what follows a scheme when no `@` says where credentials end."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if authority and is_url and not _HOSTS.fullmatch(authority):
        return MASK
    if not is_url and authority.startswith(":"):
        return MASK
    return _redact_tail(rest)


def _redact_tail(tail: str) -> str:
    body, hash_sign, _ = tail.partition("#")
    path, question, query = body.partition("?")
    shown = path + question + _PARAMETER.sub(_redact_parameter, query)
    # A Redis URL has no fragment: a "#" is most likely part of a password that was not encoded.
    return shown + (f"#{MASK}" if hash_sign else "")


def _redact_parameter(match: re.Match[str]) -> str:
    name, value = match.groups()
    return f"{name}={MASK}" if value and is_secret_field(unquote(name)) else match.group()


def secrets_of(url: str) -> tuple[str, ...]:
    """Return the secrets a URL may hold, as written and decoded, for use with `redact_text`."""
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url
    credentials = rest.rpartition("@")[0]
    _, colon, password = credentials.partition(":")
    found = [password if colon else credentials]
    found += [
        value
        for name, value in _PARAMETER.findall(rest.partition("?")[2])
        if is_secret_field(unquote(name))
    ]
    return tuple(dict.fromkeys(form for raw in found if raw for form in (raw, unquote(raw))))


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Hide known secrets and the credentials of every URL in a text.

    Args:
        text: An error, a log line, a traceback.
        secrets: Exact secrets to hide wherever they stand; those under 4 characters are left,
            because hiding every occurrence of a letter would show which letter it is.

    Returns:
        The text with `***` in their place.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= MIN_SECRET_LENGTH:
            text = text.replace(secret, MASK)
    return _URL_IN_TEXT.sub(_redact_match, text) if "://" in text else text


def _redact_match(match: re.Match[str]) -> str:
    token = match.group()
    url = token.rstrip(_AFTER_URL)
    return redact_url(url) + token[len(url) :]


def is_secret_field(name: str, patterns: Iterable[str] = SECRET_FIELDS) -> bool:
    """Say whether a field of this name is hidden.

    Args:
        name: A field name in any case: `apiKey`, `X-Api-Key` and `api_key` are the same.
        patterns: Words found anywhere in the name, or globs (`*`, `?`, `[`) of the whole name.
    """
    lowered = name.lower()
    squeezed = _SEPARATORS.sub("", lowered)
    for pattern in patterns:
        wanted = pattern.lower()
        if any(sign in wanted for sign in "*?["):
            if fnmatchcase(lowered, wanted):
                return True
        elif (word := _SEPARATORS.sub("", wanted)) and word in squeezed:
            return True
    return False


def redact_fields(value: object, patterns: Iterable[str] = SECRET_FIELDS) -> object:
    """Copy a JSON value with the values of secret fields hidden, at any depth.

    Args:
        value: What `json.loads` returns; other objects are passed through.
        patterns: As in `is_secret_field`. Pass `(*SECRET_FIELDS, *more)` to add to the defaults.

    Returns:
        New dicts and lists; the argument is not changed. Strings that hold URLs are redacted too.
    """
    return _redact_value(value, tuple(patterns), MAX_DEPTH)


def _redact_value(value: object, patterns: tuple[str, ...], depth: int) -> object:
    if isinstance(value, str):
        return redact_text(value)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth == 0:
        return MASK
    if isinstance(value, Mapping):
        return {
            key: MASK
            if is_secret_field(str(key), patterns)
            else _redact_value(entry, patterns, depth - 1)
            for key, entry in value.items()
        }
    return [_redact_value(entry, patterns, depth - 1) for entry in value]
