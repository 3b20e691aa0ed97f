"""What can go wrong on a connection, as values that no library names: error replies, silence.

Our own kinds and not redis-py's, because importing one of those loads all of redis-py: 27 MB and a
fifth of a second that an asyncio producer and a worker never need. The blocking side (lines.py)
turns redis-py's exceptions into these. Nothing here says what to do about a failure (translate.py).
"""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z]{3,}\b")
# What servers before 6.2, and some proxies, say of a login with the plain code ERR.
_LOGIN_TEXTS = (
    "invalid password",
    "Client sent AUTH, but no password is set",
    "wrong number of arguments for 'auth' command",
    "without any password configured for the default user",
)


class LinkFailure(Exception):  # noqa: N818 - the base of values that are mostly not raised
    """Something that came instead of a reply."""


class ConnectionClosed(LinkFailure):
    """The other side is gone, or we have closed the connection."""


class NoReply(LinkFailure):
    """A reply was due for too long."""


class NotRedis(LinkFailure):
    """What came is no reply of a Redis server."""


class ReplyError(LinkFailure):
    """The server's error reply.

    Attributes:
        code: Its first word, such as OOM; "" if it has none.
        text: The rest.
    """

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class UnknownScript(ReplyError):  # noqa: N818
    """NOSCRIPT: the server does not have the script's body."""


class NotLoggedIn(ReplyError):  # noqa: N818
    """The login is missing or was refused."""


class Redirect(ReplyError):  # noqa: N818
    """Another node of the Cluster has the slot.

    Attributes:
        slot: 0 to 16,383.
        host: Where it is; "" for the host that answered.
        port: And its port.
        is_ask: For this one call only (ASK), not from now on (MOVED).
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        slot, node = text.split(" ", 2)[:2]
        host, _, port = node.rpartition(":")
        self.slot, self.host, self.port = int(slot), host, int(port)
        self.is_ask = code == "ASK"


def error_reply(line: str) -> ReplyError | NotRedis:
    """Turn the line of an error reply, without its dash, into a value."""
    found = _CODE.match(line)
    code = found.group() if found else ""
    text = line[len(code) :].lstrip() if code else line
    if code in ("MOVED", "ASK"):
        try:
            return Redirect(code, text)
        except ValueError:
            return NotRedis("a redirect to nowhere")
    is_login = code == "ERR" and any(sign in text for sign in _LOGIN_TEXTS)
    return (NotLoggedIn if is_login else _KINDS.get(code, ReplyError))(code, text)


_KINDS: dict[str, type[ReplyError]] = {
    "NOSCRIPT": UnknownScript,
    "NOAUTH": NotLoggedIn,
    "WRONGPASS": NotLoggedIn,
}
