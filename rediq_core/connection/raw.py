"""The smallest thing a connection can be asked to do: run one script over keys of one queue.

Everything above (verbs, executors) speaks of Calls with names and readers; everything below speaks
bytes. This is the seam between them and knows neither task nor queue.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# What a script may be given: redis-py encodes str as UTF-8 and int as decimal text.
Arg = bytes | str | int | float
# What Redis answers: nested lists of bytes, int and None (RESP shapes of EVAL).
Reply = Any


class RawCall(NamedTuple):
    """One EVALSHA: all keys share one hash tag, so `keys[0]` decides the node.

    Attributes:
        sha: SHA-1 of the script body, 40 hex digits.
        body: The script text, sent with EVAL when the server does not know the sha.
        keys: Every key the script touches; never empty.
        args: ARGV.
    """

    sha: str
    body: str
    keys: tuple[str, ...]
    args: tuple[Arg, ...]
