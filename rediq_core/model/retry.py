"""How long to wait before a task runs again.

A `Backoff` is a plain value: it computes a delay from the number of the failed run and a source of
randomness. It neither decides whether to retry nor keeps time.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from rediq_core.errors import InvalidOption
from rediq_core.model.durations import Duration, duration_ms

DEFAULT_BASE_MS = 2_000
DEFAULT_CAP_MS = 60_000
# Spreads retries of tasks that failed together, as a share of the delay in both directions.
DEFAULT_JITTER = 0.1


class BackoffKind(StrEnum):
    """How the delay grows from retry to retry."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delay before each retry.

    Attributes:
        kind: How the delay grows.
        base_ms: Delay before the first retry, in milliseconds.
        cap_ms: Longest delay, in milliseconds.
        jitter: Share of the delay, 0 to 1, by which it may be longer or shorter; 0 for none.
        delays_ms: The delays of kind LIST, the last one repeated.
    """

    kind: BackoffKind = BackoffKind.EXPONENTIAL
    base_ms: int = DEFAULT_BASE_MS
    cap_ms: int = DEFAULT_CAP_MS
    jitter: float = DEFAULT_JITTER
    delays_ms: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.jitter <= 1:
            raise InvalidOption(f"backoff jitter {self.jitter!r} is not between 0 and 1.")
        if self.kind is BackoffKind.LIST and not self.delays_ms:
            raise InvalidOption("a backoff list needs at least one delay.")

    @classmethod
    def fixed(cls, delay: Duration, *, jitter: float = DEFAULT_JITTER) -> Backoff:
        """Wait the same time before every retry."""
        delay_ms = duration_ms(delay, "backoff")
        return cls(BackoffKind.FIXED, delay_ms, delay_ms, jitter)

    @classmethod
    def linear(
        cls, base: Duration, *, cap: Duration = "60s", jitter: float = DEFAULT_JITTER
    ) -> Backoff:
        """Wait `base`, 2 × `base`, 3 × `base`, … up to `cap`."""
        base_ms, cap_ms = duration_ms(base, "backoff base"), duration_ms(cap, "backoff cap")
        return cls(BackoffKind.LINEAR, base_ms, cap_ms, jitter)

    @classmethod
    def exponential(
        cls, base: Duration = "2s", *, cap: Duration = "60s", jitter: float = DEFAULT_JITTER
    ) -> Backoff:
        """Wait `base`, 2 × `base`, 4 × `base`, … up to `cap`."""
        base_ms, cap_ms = duration_ms(base, "backoff base"), duration_ms(cap, "backoff cap")
        return cls(BackoffKind.EXPONENTIAL, base_ms, cap_ms, jitter)

    @classmethod
    def delays(cls, delays: Sequence[Duration], *, jitter: float = 0.0) -> Backoff:
        """Wait these delays in order, then the last one again and again."""
        delays_ms = tuple(duration_ms(delay, "backoff delay") for delay in delays)
        return cls(BackoffKind.LIST, jitter=jitter, delays_ms=delays_ms)

    def delay_ms(self, retry: int, rng: random.Random) -> int:
        """Return how long to wait before retry number `retry`, in milliseconds.

        Args:
            retry: 1 for the retry after the first failed run.
            rng: Source of the jitter; not used when jitter is 0.
        """
        delay_ms = self._plain_ms(retry)
        if self.jitter:
            delay_ms *= 1 + self.jitter * (2 * rng.random() - 1)
        return round(delay_ms)

    def _plain_ms(self, retry: int) -> float:
        match self.kind:
            case BackoffKind.FIXED:
                return self.base_ms
            case BackoffKind.LINEAR:
                return min(self.base_ms * retry, self.cap_ms)
            case BackoffKind.EXPONENTIAL:
                # 2**40 ms is 34 years: past any cap, and no huge integer for a huge retry.
                return float(min(self.base_ms << min(retry - 1, 40), self.cap_ms))
            case BackoffKind.LIST:
                return self.delays_ms[min(retry, len(self.delays_ms)) - 1]
            case _:
                assert_never(self.kind)


DEFAULT_BACKOFF = Backoff()
# What callers may write where a backoff is wanted.
BackoffLike = Backoff | Sequence[Duration] | Mapping[str, object]


def to_backoff(value: BackoffLike) -> Backoff:
    """Turn a list of delays, or a mapping with the keys of the configuration, into a Backoff.

    Raises:
        InvalidOption: A key or value is not known.
    """
    if isinstance(value, Backoff):
        return value
    if isinstance(value, Mapping):
        return _from_mapping(dict(value))
    if isinstance(value, str):
        raise InvalidOption(f"backoff {value!r} is not a Backoff, a list of delays, or a mapping.")
    return Backoff.delays(value)


def _from_mapping(options: dict[str, object]) -> Backoff:
    try:
        kind = BackoffKind(str(options.pop("kind", BackoffKind.EXPONENTIAL)))
    except ValueError as error:
        known = ", ".join(BackoffKind)
        raise InvalidOption("backoff kind is not known.", cause=f"It is one of {known}.") from error
    delays = options.pop("delays", ())
    base, cap = options.pop("base", "2s"), options.pop("cap", "60s")
    jitter = options.pop("jitter", DEFAULT_JITTER)
    if options or not isinstance(jitter, int | float) or not isinstance(delays, list | tuple):
        raise InvalidOption("backoff takes kind, base, cap, jitter and delays.")
    return Backoff(
        kind,
        duration_ms(base, "backoff base"),  # type: ignore[arg-type]  # checked by duration_ms
        duration_ms(cap, "backoff cap"),  # type: ignore[arg-type]  # checked by duration_ms
        jitter,
        tuple(duration_ms(delay, "backoff delay") for delay in delays),
    )
