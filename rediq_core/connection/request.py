"""One command on its way: packed bytes, and the key that decides where they go.

Packing is hiredis's C packer, straight: redis-py's asyncio connection packs in Python (8.1.0).
What comes back is a value, error replies included, so that one bad call of a pipeline does not
hide the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import hiredis

from rediq_core.connection.raw import Arg, RawCall

# hiredis 3.5 declares a tuple of one element; it takes any number.
_packed = cast("Callable[[tuple[Arg, ...]], bytes]", hiredis.pack_command)

ASKING = _packed(("ASKING",))


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes to send.

    Attributes:
        packed: One whole command in RESP.
        key: Decides the node; None for any.
        call: The script call behind it, to be repeated with its body on NOSCRIPT, or None.
    """

    packed: bytes
    key: str | None
    call: RawCall | None = None


def request_of(call: RawCall) -> Request:
    """Return the EVALSHA of `call`."""
    return Request(pack_evalsha(call), call.keys[0], call)


def pack_evalsha(call: RawCall) -> bytes:
    """Return the EVALSHA of `call` in RESP."""
    return _packed(("EVALSHA", call.sha, len(call.keys), *call.keys, *call.args))


def pack_eval(call: RawCall) -> bytes:
    """Return the EVAL of `call` in RESP.

    EVAL and not SCRIPT LOAD: one round trip, one node, and it cannot be overtaken by another
    SCRIPT FLUSH.
    """
    return _packed(("EVAL", call.body, len(call.keys), *call.keys, *call.args))


def pack(*args: Arg) -> bytes:
    """Return one command in RESP."""
    return _packed(args)
