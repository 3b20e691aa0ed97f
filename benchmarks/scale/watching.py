"""What the server was asked, and for how long each call held it.

Times are the server's own (SLOWLOG). Ranges are read from MONITOR, which also shows what scripts
call: a range is bounded if it says how many members it takes, or names its last rank.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

# Most members one call may take.
MOST = 1_000
# Commands whose cost nothing bounds: by name, by value, or by the size of a list.
FORBIDDEN = frozenset({"keys", "sort", "flushall", "flushdb"})
_BY_SCORE = frozenset({"zrangebyscore", "zrevrangebyscore", "zrangebylex", "zrevrangebylex"})
_BY_RANK = frozenset({"zrange", "zrevrange", "lrange"})
_STREAM = frozenset({"xrange", "xrevrange"})


class Server:
    """The server's own account of its commands."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def forget(self) -> None:
        """Begin a new account; every command is timed from here on."""
        self._client.config_set("slowlog-log-slower-than", 1_000)
        self._client.config_set("slowlog-max-len", 100_000)
        self._client.slowlog_reset()
        self._client.config_resetstat()

    def longest_ms(self) -> float:
        """Return how long the longest call took; 0 if none took 1 ms.

        On a busy machine the server's process stands still now and then, also in the middle of a
        script. Such a pause is seen where it hits one command of the script: none of these needs a
        millisecond, so those that took one are taken off.
        """
        longest, paused = 0.0, 0.0
        for row in reversed(self._client.slowlog_get(100_000)):
            took_ms = row["duration"] / 1_000
            if row["command"].startswith(b"EVAL"):
                longest, paused = max(longest, took_ms - paused), 0.0
            elif row["client_address"].startswith(b"?"):
                paused += took_ms
            else:
                longest = max(longest, took_ms)
        return longest

    def commands(self) -> Counter[str]:
        stats = self._client.info("commandstats")
        return Counter(
            {name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()}
        )


@contextmanager
def monitored(url: str) -> Iterator[list[str]]:
    """Collect every command that the server runs inside the block."""
    seen: list[str] = []
    over = "monitoring is over"
    client = redis.Redis.from_url(url)
    ready = threading.Event()

    def listen() -> None:
        with client.monitor() as monitor:
            ready.set()
            for row in monitor.listen():
                if over in row["command"]:
                    return
                seen.append(row["command"])

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    ready.wait(10)
    try:
        yield seen
    finally:
        with redis.Redis.from_url(url) as other:
            other.echo(over)
        listener.join(30)
        client.close()


def unbounded(commands: list[str]) -> list[str]:
    """Return the commands among them that nothing bounds."""
    return [command for command in commands if _is_unbounded(command.split())]


def _is_unbounded(words: list[str]) -> bool:
    name, options = words[0].lower(), [word.upper() for word in words]
    if name in FORBIDDEN:
        return True
    if name in _BY_SCORE:
        return "LIMIT" not in options or int(words[options.index("LIMIT") + 2]) > MOST
    if name in _STREAM:
        return "COUNT" not in options
    if name in _BY_RANK and "BYLEX" not in options and "BYSCORE" not in options:
        first, last = int(words[2]), int(words[3])
        return last < 0 or last - first >= MOST
    return False
