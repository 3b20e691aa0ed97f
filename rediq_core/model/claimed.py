"""A task in a worker's hands: what one claim of the exchange brought back.

Made once per run on the hot path, so it is a plain slotted object and reads its rare options only
when asked. It is neither the producer's `Task` nor the reader's `TaskView`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rediq_core.model.header import Options, damaged, parse_options, parse_stored

# Shared by all tasks without parents.
_NO_ENDS: Mapping[str, bytes] = {}


class ClaimedTask:
    """One claimed task.

    Attributes:
        id: Its id.
        queue: The queue it was claimed from.
        type: Its type.
        priority: 0 to 100.
        payload_json: Payload as sent.
        timeout_ms: Its own timeout, or 0.
        unique_key: Its unique key, or "".
        group: Its group, or "".
        attempt: Number of this run, from 1.
        losses: Leases lost since the last finished run.
        token: Fencing token of this claim.
        claimed_ms: Server time of the claim.
        ready_ms: Server time since which it could have run.
        options_json: Rare options as stored, b"" for none.
        ends: Parent's id to how it ended (model/outcome.py), of a task that depends on others.
    """

    __slots__ = (
        "_options",
        "attempt",
        "claimed_ms",
        "ends",
        "group",
        "id",
        "losses",
        "options_json",
        "payload_json",
        "priority",
        "queue",
        "ready_ms",
        "timeout_ms",
        "token",
        "type",
        "unique_key",
    )

    def __init__(
        self,
        task_id: str,
        queue: str,
        stored: bytes,
        tries: bytes | list[bytes] | None,
        token: str,
        now_ms: int,
    ) -> None:
        (
            self.priority,
            self.ready_ms,
            _,
            self.timeout_ms,
            _,
            self.type,
            self.unique_key,
            self.group,
            self.options_json,
            self.payload_json,
        ) = parse_stored(stored)
        self.id = task_id
        self.queue = queue
        self.token = token
        self.claimed_ms = now_ms
        self._options: Options | None = None
        self.ends: Mapping[str, bytes] = _NO_ENDS
        self.attempt, self.losses = 1, 0
        if tries:
            if isinstance(tries, list):
                self.ends = {
                    parent.decode(): end
                    for parent, end in zip(tries[1::2], tries[2::2], strict=True)
                }
                tries = tries[0]
            if tries:
                self._count(tries)

    def _count(self, tries: bytes) -> None:
        try:
            attempts, losses, ready = map(int, tries.split(b"|"))
        except ValueError as error:
            raise damaged() from error
        self.attempt, self.losses = attempts + 1, losses
        self.ready_ms = ready or self.ready_ms

    @property
    def options(self) -> Options:
        """The rare options, parsed on first use."""
        if self._options is None:
            self._options = parse_options(self.options_json)
        return self._options

    @property
    def extra(self) -> dict[str, object]:
        """Headers; empty if there are none."""
        return self.options.extra or {}
