"""Exchange: a worker's one call per queue: settle what finished, claim what may run.

Pure functions. The worker decides what to settle and how much to want; the script decides, on the
server's clock, what is due, what policy allows, and whether a token still counts. A repeat of the
last request changes nothing and returns what the first one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from rediq_core.connection.raw import Arg, Reply
from rediq_core.errors import SchemaMismatch
from rediq_core.model.claimed import ClaimedTask
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Most claims and settles of one call: a call blocks the server.
MAX_CLAIM = 100
MAX_SETTLE = 200


class ExchangeStatus(IntEnum):
    """How the script took a request."""

    DONE = 1
    REPEAT = 2  # the last request came again; the reply is the same
    LOST = 3  # the lease is gone: settles that tokens allow were applied, nothing was claimed
    STALE = 4  # an older request came late; nothing was done


class Settled(NamedTuple):
    """What one finished run became, in the script's order.

    Attributes:
        id: The task.
        token: The claim's fencing token.
        target: c completed, r retry, d dead, s snooze, p release, h held; then delay or keep ms.
        line: Timeline line, ends with a newline, holds the token.
        tries: attempts|losses to remember, or "".
        failure: fingerprint|summary, or "".
        unique: Escaped unique key, or "".
    """

    id: str
    token: str
    target: str
    line: bytes | str
    tries: str
    failure: str
    unique: str


class Retention(NamedTuple):
    """How long finished tasks are kept, all in milliseconds or counts."""

    completed_age_ms: int
    completed_max: int
    dead_age_ms: int
    dead_max: int
    min_keep_ms: int

    def words(self) -> str:
        """Return the script's argument."""
        return " ".join(map(str, self))


class ExchangeReply:
    """What one exchange did.

    Attributes:
        status: How the request was taken.
        now_ms: Server time.
        due_ms: When something may be claimable, or 0; only if nothing is left now.
        pending: Tasks left in pending.
        held: Tasks whose type nobody who asked knew.
        suspects: Tasks that wait to run alone.
        codes: One letter a settle: 1 applied, 2 already, 3 cancelled instead, 0 lost.
        deliver: Parents whose children must be told now.
        claimed: The claimed tasks; one that cannot be read is in `unreadable`.
        unreadable: (id, token, error) of claimed tasks whose stored form is damaged.
    """

    __slots__ = (
        "claimed",
        "codes",
        "deliver",
        "due_ms",
        "held",
        "now_ms",
        "pending",
        "status",
        "suspects",
        "unreadable",
    )

    def __init__(self, reply: Reply, queue: str, token: str) -> None:
        self.status = ExchangeStatus(reply[0])
        self.now_ms: int = reply[1]
        self.due_ms: int = reply[2]
        self.pending: int = reply[3]
        self.held: int = reply[4]
        self.suspects: int = reply[5]
        self.codes: bytes = reply[6]
        self.deliver = [parent.decode() for parent in reply[7].split(b",")] if reply[7] else []
        self.claimed: list[ClaimedTask] = []
        self.unreadable: list[tuple[str, str, SchemaMismatch]] = []
        for i in range(8, len(reply), 3):
            task_id = reply[i].decode()
            try:
                self.claimed.append(
                    ClaimedTask(task_id, queue, reply[i + 1], reply[i + 2], token, self.now_ms)
                )
            except SchemaMismatch as error:
                self.unreadable.append((task_id, token, error))


_FLAGS = {
    (first, last, solo): "f" * first + "e" * last + "s" * solo
    for first in (False, True)
    for last in (False, True)
    for solo in (False, True)
}


class Asker(NamedTuple):
    """Who exchanges, fixed for one incarnation.

    Attributes:
        space: Namespace and clock.
        queue: The queue.
        incarnation: Who asks: worker#n.
        lease_ms: Length of its lease.
        retention: What settles trim by.
    """

    space: Space
    queue: str
    incarnation: str
    lease_ms: int
    retention: Retention


def exchange(  # noqa: PLR0913  # the flags are keywords
    asker: Asker,
    seq: int,
    want: int,
    settles: Sequence[Settled] = (),
    *,
    minute: int,
    is_first: bool = False,
    is_last: bool = False,
    is_solo: bool = False,
    types: str = "",
    histogram: str = "",
) -> Call[ExchangeReply]:
    """Settle and claim in one round trip; O(log n) a task.

    Args:
        asker: Who asks.
        seq: Grows with each new request of this incarnation; equal for a repeat.
        want: How many to claim at most, up to MAX_CLAIM.
        settles: Finished runs, up to MAX_SETTLE.
        minute: Number of the server's minute, for the counters.
        is_first: The caller holds nothing in this queue; a claim begins its lease.
        is_last: After these settles it holds nothing; without a claim its lease ends.
        is_solo: The process runs nothing, so it may take a suspect.
        types: Types to claim held tasks of, separated by spaces.
        histogram: "field n field n …" added to the minute.
    """
    args: list[Arg] = [
        asker.incarnation,
        seq,
        want,
        asker.lease_ms,
        _FLAGS[is_first, is_last, is_solo],
        asker.retention.words(),
        types,
        histogram,
        len(settles),
    ]
    for settled in settles:
        args += settled
    read = partial(ExchangeReply, queue=asker.queue, token=f"{asker.incarnation}:{seq}")
    return asker.space.call(load("exchange"), asker.queue, args, read, minute=minute)
