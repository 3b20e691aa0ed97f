"""Is Redis itself slow: how fast it answers, how busy it is, which commands held it up.

Asks the server and this machine's clock, changes nothing. What a command was about stays out of it:
of a slow one only its name is read, because arguments hold payloads.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from rediq_core.admin.access import Access
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import RediqError

# Round trips that are timed.
ROUNDS = 10
# Slow commands this old still count, in seconds.
RECENT_S = 300
# Entries of the log that are read; Redis keeps 128 unless told otherwise.
MAX_SLOW = 128


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """A command that held the server.

    Attributes:
        name: Such as "KEYS".
        took_ms: For how long.
        age_s: Seconds since then.
        client: Who sent it, as "127.0.0.1:51234", with the name it gave itself.
    """

    name: str
    took_ms: float
    age_s: int
    client: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a server answers.

    Attributes:
        median_ms: A round trip from here, in the middle of several.
        worst_ms: The slowest of them.
        slow: What its log of slow commands holds of the last 5 minutes, slowest first; None if we
            may not read the log.
    """

    median_ms: float
    worst_ms: float
    slow: tuple[SlowCommand, ...] | None


def take_pulse(access: Access, clock: Clock = SYSTEM_CLOCK) -> Pulse:
    """Time some round trips and read the log of slow commands: 11 round trips.

    Of a Cluster the trips go to one master, and the logs of all are read.
    """
    trips = []
    for _ in range(ROUNDS):
        before = clock.monotonic()
        access.commands([("PING",)])
        trips.append((clock.monotonic() - before) * 1_000)
    return Pulse(median(trips), max(trips), _slow_commands(access))


def _slow_commands(access: Access) -> tuple[SlowCommand, ...] | None:
    link = access.executor.link
    now_s = access.now_ms() // 1_000
    found: list[SlowCommand] = []
    for node, rows in link.command_all("SLOWLOG", "GET", MAX_SLOW).items():
        if isinstance(rows, RediqError):
            return None
        if not isinstance(rows, list):
            continue
        for row in rows:
            command = _read(row, now_s, node)
            if command is not None and command.age_s <= RECENT_S:
                found.append(command)
    return tuple(sorted(found, key=lambda command: -command.took_ms))


def _read(row: object, now_s: int, node: str) -> SlowCommand | None:
    """Read an entry: number, second, microseconds, words, and since Redis 4 address and name."""
    match row:
        case [_, int(at_s), int(took_us), [bytes(name), *_], *client]:
            named = [word.decode("utf-8", "replace") for word in client if isinstance(word, bytes)]
            address, name_of = [*named, "", ""][:2]
            # What a script ran is logged apart, without an address of its own.
            if address.startswith("?"):
                address = "a script"
            who = f"{address} ({name_of})" if name_of else address or node
            text = name.decode("utf-8", "replace").upper()
            return SlowCommand(text, took_us / 1_000, max(now_s - at_s, 0), who)
        case _:
            return None
