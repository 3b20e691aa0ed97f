"""From what the connection, the socket or the server said to one error of our own.

Two questions are answered here: may the same call be tried again (`fate_of`), and what does a
person read if it may not (`translated`). Redis quotes arguments in some replies and redis-py in
some errors, so only codes, command names, key types and reasons from this file's own tables are
passed on. It neither waits nor repeats (retry.py).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from enum import Enum, auto

from rediq_core.connection.failures import (
    LinkFailure,
    NoReply,
    NotLoggedIn,
    NotRedis,
    Redirect,
    ReplyError,
)
from rediq_core.errors import (
    ConfigError,
    RediqError,
    RedisOutOfMemory,
    RedisUnavailable,
    Refused,
    SchemaMismatch,
)

# Codes with which the server refuses now what it may take soon; nothing was executed.
PASSING = {
    "LOADING": (
        "is still loading its data from disk",
        "It answers when that is done; INFO persistence shows how far it is.",
    ),
    "READONLY": (
        "is a read-only replica",
        "Point the URL at the master, or use redis+sentinel:// so that it is found.",
    ),
    "MASTERDOWN": (
        "is a replica that has lost its master",
        "Bring the master back, or promote this one.",
    ),
    "CLUSTERDOWN": (
        "does not serve this queue's slot at the moment",
        "Look at: redis-cli cluster info, and restart the missing nodes.",
    ),
    "TRYAGAIN": ("is moving this queue to another node", "Try again when the reshard is over."),
    "MISCONF": (
        "refuses writes because it cannot save to disk",
        "Free disk space where Redis keeps its data; its log names the file.",
    ),
    "NOREPLICAS": (
        "refuses writes because too few replicas follow it",
        "Bring replicas back, or lower min-replicas-to-write.",
    ),
    "BUSY": (
        "is busy running a script",
        "Somebody's script runs too long; SCRIPT KILL ends it if it has not written.",
    ),
    "UNKILLABLE": (
        "is busy running a script that cannot be stopped",
        "Wait for it; SHUTDOWN NOSAVE is the only other way out.",
    ),
    "NOMASTER": (
        "has no master that its Sentinels find healthy",
        "They promote a replica within seconds if one is left; SENTINEL MASTERS shows more.",
    ),
    "UNBLOCKED": ("has changed its role", "Try again; the new master is being looked up."),
}
_MAX_CLIENTS = "max number of clients reached"
# Redis before 7.0 wraps what a script's command said.
_WRAPPED_CODE = re.compile(r"@user_script: ?\d+: -?([A-Z]{3,})\b")
_ACL_IN_SCRIPT = ("The user executing the script can't", "ACL failure in script")
_DENIED_COMMAND = re.compile(r"permissions to run the '([\w|.-]{1,40})' command")
_START_ONE = "Start one: rediq redis start     Or name yours: --url, REDIQ_URL, [redis] url"


class Fate(Enum):
    """What a failure means for the call that met it."""

    FINAL = auto()  # the same call would fail again
    PASSING = auto()  # refused, not executed; later it may be taken
    LOST = auto()  # no answer: whether it ran depends on whether it was sent
    MOVED = auto()  # not executed; another node owns the slot
    ASKING = auto()  # not executed; another node has it for this one call


def fate_of(error: BaseException) -> Fate:
    """Say whether the call that met `error` can be tried again, and where."""
    match error:
        case Redirect():
            return Fate.ASKING if error.is_ask else Fate.MOVED
        case NotLoggedIn():
            return Fate.FINAL
        case ReplyError():
            is_passing = code_of(error) in PASSING or _MAX_CLIENTS in error.text
            return Fate.PASSING if is_passing else Fate.FINAL
        case LinkFailure() | OSError():
            return Fate.FINAL if _certificate_problem(error) else Fate.LOST
        case _:
            return Fate.FINAL


def code_of(error: ReplyError) -> str:
    """Return the server's error code, "" for a plain ERR or none."""
    if error.code not in ("", "ERR"):
        return error.code
    found = _WRAPPED_CODE.search(error.text)
    code = found.group(1) if found else ""
    return "" if code == "ERR" else code


def translated(error: BaseException, where: str, *, is_ambiguous: bool = False) -> RediqError:
    """Return our error for what ended a call.

    Args:
        error: What redis-py, the socket or the server said, or already an error of ours.
        where: The redacted URL.
        is_ambiguous: True if this or an earlier try may have been executed.
    """
    match error:
        case RediqError():
            return error
        case NotLoggedIn():
            return _unauthenticated(error, where)
        case ReplyError() if _MAX_CLIENTS not in error.text:
            return _refused_by_server(error, where, is_ambiguous=is_ambiguous)
        case _:
            return _unreachable(error, where, is_ambiguous=is_ambiguous)


def closed_error() -> ConfigError:
    """Return the error for a call on a link that was closed."""
    return ConfigError("this client has been closed.", next_step="Make a new one, or close later.")


def _unauthenticated(error: NotLoggedIn, where: str) -> RedisUnavailable:
    is_missing = error.code != "WRONGPASS"
    wanted = "asks for a password" if is_missing else "refused the user name or password"
    return RedisUnavailable(
        f"the Redis at {where} {wanted}.",
        next_step="Set it in the URL, REDIQ_REDIS_PASSWORD or [redis] password_file.",
        is_authentication=True,
    )


def _refused_by_server(error: ReplyError, where: str, *, is_ambiguous: bool) -> RediqError:
    code, text = code_of(error), error.text
    if code in PASSING:
        state, next_step = PASSING[code]
        return RedisUnavailable(
            f"the Redis at {where} {state}.", next_step=next_step, ambiguous=is_ambiguous
        )
    if code == "OOM":
        return RedisOutOfMemory(
            f"the Redis at {where} has used all its maxmemory and takes no new tasks.",
            cause="What is queued can still run, which frees memory.",
            next_step="Let workers drain, raise maxmemory, or shorten [retention].",
        )
    if code == "NOPERM" or any(sign in text for sign in _ACL_IN_SCRIPT):
        return _denied(text, where)
    if code in ("WRONGTYPE", "REDIQERR"):
        return SchemaMismatch(
            f"a key of this queue in {where} has another type than Rediq gives it.",
            cause="Something else has written to it.",
            next_step="Find it with: rediq doctor",
        )
    return _misunderstood(text, where)


def _denied(text: str, where: str) -> Refused:
    found = _DENIED_COMMAND.search(text)
    what = f"the command {found.group(1)!r}" if found else "a command, or a key it needs"
    return Refused(
        f"the Redis at {where} denies this user {what}.",
        cause="Its ACL rules do not include what Rediq needs.",
        next_step="See what each kind of user needs: rediq config acl",
    )


def _misunderstood(text: str, where: str) -> RediqError:
    if "unknown command" in text.lower():
        return ConfigError(
            f"the Redis at {where} does not know a command that Rediq needs.",
            cause="It is older than 6.0, or the command was renamed or disabled.",
            next_step="Use Redis 6.0 or newer (7.0+ recommended), or Valkey 7.2+.",
        )
    if "DB index is out of range" in text or "SELECT is not allowed" in text:
        return ConfigError(
            f"the Redis at {where} has no database of this number.",
            next_step="Use 0, or raise `databases` in its configuration.",
        )
    if "cluster support disabled" in text:
        return ConfigError(
            f"the Redis at {where} is not a Cluster.", next_step="Write redis:// in the URL."
        )
    return SchemaMismatch(
        f"the Redis at {where} stopped a script of Rediq: {_reason_in_script(text)}.",
        cause="A key may hold what this version of Rediq did not write.",
        next_step="Look at: rediq doctor",
    )


# Lua and Redis reasons that name no argument; anything else is summed up.
_SCRIPT_REASONS = (
    "attempt to index",
    "attempt to perform arithmetic",
    "attempt to compare",
    "attempt to concatenate",
    "attempt to call",
    "too many results to unpack",
    "non local key",
    "value is not an integer",
    "value is not a valid float",
    "undeclared key",
    "Write commands are not allowed",
    "Protocol error",
    "wrong number of arguments",
    "same slot",
)


def _reason_in_script(text: str) -> str:
    for reason in _SCRIPT_REASONS:
        if reason in text:
            line = re.search(r"@?user_script: ?(\d+)", text)
            return f"{reason} (line {line.group(1)})" if line else reason
    return "it gave a reason that may hold payload, so it is not shown here"


def _unreachable(error: BaseException, where: str, *, is_ambiguous: bool) -> RedisUnavailable:
    reason, cause, next_step = _reason(error, where)
    is_broken = reason in ("connection reset", "connection closed")
    if is_broken and where.startswith("redis") and not where.startswith("rediss"):
        next_step = "Look at the server's log. If it speaks TLS, write rediss:// in the URL."
    if reason == _TIMED_OUT and is_ambiguous:
        message = f"the Redis at {where} did not answer in time."
    elif is_ambiguous:
        message = f"lost the Redis at {where} ({reason})."
    else:
        message = f"no Redis at {where} ({reason})."
    return RedisUnavailable(message, cause=cause, next_step=next_step, ambiguous=is_ambiguous)


_TIMED_OUT = "timed out"
_OS_REASONS: tuple[tuple[type[OSError], str, str], ...] = (
    (socket.gaierror, "host name not found", "Check the host name in the URL."),
    (ConnectionRefusedError, "connection refused", _START_ONE),
    (FileNotFoundError, "no such socket", _START_ONE),
    (PermissionError, "permission denied", "Check who may use the socket."),
    (BrokenPipeError, "connection closed", ""),
    (ConnectionError, "connection reset", ""),
)


def _reason(error: BaseException, where: str) -> tuple[str, str, str]:
    problem = _certificate_problem(error)
    if problem:
        return (
            f"its certificate was not accepted: {problem.verify_message}",
            "",
            "Name its authority in [redis.tls] ca, and use the host name it was issued for.",
        )
    if isinstance(error, NotRedis):
        return "what answers there does not speak the Redis protocol", "", "Check the port."
    if _MAX_CLIENTS in str(error):
        return "it has as many clients as it allows", "", "Raise maxclients, or use fewer workers."
    return _silence(error, where)


def _silence(error: BaseException, where: str) -> tuple[str, str, str]:
    """Say what the operating system saw when nobody answered."""
    hint = _tls_hint(error, where)
    for link in _chain(error):
        for kind, reason, next_step in _OS_REASONS:
            if isinstance(link, kind):
                return reason, hint, next_step
        if isinstance(link, TimeoutError | NoReply):
            return _TIMED_OUT, hint, "" if hint else "See whether it is stopped or overloaded."
    return "connection closed", hint, ""


def _tls_hint(error: BaseException, where: str) -> str:
    if not where.startswith("rediss"):
        return ""
    is_silent = any(
        isinstance(link, TimeoutError | NoReply | ssl.SSLError | ConnectionResetError)
        for link in _chain(error)
    )
    return "The URL says rediss: is this port TLS?" if is_silent else ""


def _certificate_problem(error: BaseException) -> ssl.SSLCertVerificationError | None:
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return link
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(8):  # a cycle in __context__ must not hang an error path
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__
