"""What may be claimed from a queue over all workers: limits as values, and as a queue keeps them.

A file declares limits, an operator may override each of them, and what is left is in force. The
scripts enforce them in the claim (lib/limits.lua) and at enqueue (max_len); this holds values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from rediq_core.errors import InvalidOption
from rediq_core.model.durations import Duration, duration_ms, format_ms
from rediq_core.model.rates import Rate, parse_rate

NAMES: Final = ("concurrency", "rate", "aging", "max_len")
# What turns a limit off, where its value is expected.
OFF: Final = "none"
# Longest step of aging, in milliseconds: more is strict order anyway.
MAX_AGING_MS: Final = 365 * 86_400_000


class Limits(NamedTuple):
    """The limits of a queue; None where there is none.

    Attributes:
        concurrency: Tasks that run at once. A group is admitted whole, as if it were one.
        rate: Tasks that start in a time. A group is admitted whole and paid for afterwards.
        aging_ms: So much wait is worth one step of priority; None for strict order.
        max_len: Unfinished tasks above which enqueue is refused.
    """

    concurrency: int | None = None
    rate: Rate | None = None
    aging_ms: int | None = None
    max_len: int | None = None

    def words(self) -> dict[str, str]:
        """Return by name what scripts take for the limits that are set."""
        words = {}
        if self.concurrency is not None:
            words["concurrency"] = str(self.concurrency)
        if self.rate is not None:
            words["rate"] = f"{self.rate.count}|{self.rate.per_ms}|{self.rate.burst}"
        if self.aging_ms is not None:
            words["aging"] = str(self.aging_ms)
        if self.max_len is not None:
            words["max_len"] = str(self.max_len)
        return words

    def texts(self) -> dict[str, str]:
        """Return by name what people read, for the limits that are set."""
        words = self.words()
        if self.rate is not None:
            words["rate"] = str(self.rate)
        if self.aging_ms is not None:
            words["aging"] = format_ms(self.aging_ms)
        return words


class QueueLimits(NamedTuple):
    """The limits of a queue as they stand.

    Attributes:
        live: Those in force.
        declared: Those of the configuration that a worker brought.
        overridden: Names of those that an operator set, until they are reset.
    """

    live: Limits = Limits()
    declared: Limits = Limits()
    overridden: frozenset[str] = frozenset()


NO_LIMITS: Final = QueueLimits()
# An operator's change: by name what scripts take, "" to turn a limit off.
Changes = Mapping[str, str]


def changes(
    concurrency: int | str | None = None,
    rate: Rate | str | None = None,
    aging: Duration | None = None,
    max_len: int | str | None = None,
) -> Changes:
    """Read an operator's change; None leaves a limit as it is, "none" turns it off.

    Raises:
        InvalidOption: A value cannot be read.
    """
    changed = {}
    if concurrency is not None:
        changed["concurrency"] = _count(concurrency, "concurrency")
    if rate is not None:
        changed["rate"] = "" if rate == OFF else Limits(rate=parse_rate(rate)).words()["rate"]
    if aging is not None:
        changed["aging"] = "" if aging == OFF else str(_aging_ms(aging))
    if max_len is not None:
        changed["max_len"] = _count(max_len, "max_len")
    return changed


def _count(value: int | str, name: str) -> str:
    if value == OFF:
        return ""
    text = str(value)
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) < 10**9:
        raise InvalidOption(
            f"{name} {text[:48]!r} is not a whole number from 1.",
            next_step=f'To turn it off: "{OFF}".',
        )
    return str(int(text))


def _aging_ms(value: Duration) -> int:
    aging_ms = duration_ms(value, "aging")
    if not 1 <= aging_ms <= MAX_AGING_MS:
        raise InvalidOption(
            f"aging {value!r} is not between 1 ms and a year.",
            next_step=f'To turn it off: "{OFF}".',
        )
    return aging_ms


def read_limits(policy: Mapping[str, str]) -> QueueLimits:
    """Read a queue's policy fields; what cannot be read is left out."""
    live = {name: policy[name] for name in ("concurrency", "max_len") if name in policy}
    if "rate" in policy:
        live["rate"] = f"{policy['rate']}|{policy.get('rate_ms', '')}|"
    if "step" in policy:
        live["aging"] = policy["step"]
    pairs = (word.partition("=") for word in policy.get("declared", "").split())
    declared = {name: value for name, _, value in pairs}
    overridden = frozenset(policy.get("overridden", "").split())
    return QueueLimits(_parse(live), _parse(declared), overridden & frozenset(NAMES))


def _parse(words: Mapping[str, str]) -> Limits:
    rate = None
    count, per_ms = (_whole(part) for part in (*words.get("rate", "|").split("|"), "")[:2])
    if count and per_ms:
        try:
            rate = Rate(count, per_ms)
        except InvalidOption:
            rate = None
    return Limits(
        _whole(words.get("concurrency", "")),
        rate,
        _whole(words.get("aging", "")),
        _whole(words.get("max_len", "")),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
