"""What a client goes by besides the server: namespace, deadline of a call, largest payload.

An argument wins over the configuration that led to the server; a client over somebody else's
executor has no configuration, so it has the defaults. Both clients share this.
"""

from __future__ import annotations

from dataclasses import dataclass

from rediq_core.config.rules import PAYLOAD_BYTES, size_within
from rediq_core.config.server import ServerChoice
from rediq_core.keys import DEFAULT_NAMESPACE
from rediq_core.model.codec import MAX_PAYLOAD_BYTES
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.scripts.executor import DEFAULT_DEADLINE_S


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client goes by.

    Attributes:
        namespace: First part of every key.
        deadline_s: Seconds for each call, all tries together.
        max_payload_bytes: Largest encoded payload it takes.
    """

    namespace: str
    deadline_s: float
    max_payload_bytes: int


def limits_of(
    choice: ServerChoice | None,
    namespace: str | None,
    deadline: Duration | None,
    max_payload: int | str | None,
) -> Limits:
    """Put arguments over the configuration, and that over the defaults.

    Raises:
        InvalidOption: An argument is no duration or no size, or out of range.
    """
    if deadline is not None:
        deadline_s = duration_ms(deadline, "deadline") / 1000
    else:
        deadline_s = DEFAULT_DEADLINE_S if choice is None else choice.deadline_ms / 1000
    if max_payload is not None:
        payload_bytes = size_within(max_payload, *PAYLOAD_BYTES)
    else:
        payload_bytes = MAX_PAYLOAD_BYTES if choice is None else choice.max_payload_bytes
    configured = DEFAULT_NAMESPACE if choice is None else choice.namespace
    return Limits(namespace or configured, deadline_s, payload_bytes)
