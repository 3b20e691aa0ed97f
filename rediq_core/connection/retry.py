"""When to try again: until a deadline, with full jitter, and never after a final answer.

One `Attempts` follows one call through its failures. It is pure: clock and random generator are
arguments, and the two drivers at the end only sleep and repeat. Repeating is safe because every
script of Rediq may be sent twice (its effects carry an id or a token); whether an earlier try may
have run is kept and reported as `ambiguous`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.connection.failures import NoReply
from rediq_core.connection.translate import Fate, fate_of, translated
from rediq_core.errors import RediqError

T = TypeVar("T")

# Redirects that are followed at once; after these, each waits like any other failure.
FREE_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait between tries.

    Attributes:
        base_s: Upper end of the first wait, in seconds.
        cap_s: Upper end of every wait, in seconds.
    """

    base_s: float = 0.020
    cap_s: float = 0.500

    def wait_s(self, failures: int, rng: random.Random) -> float:
        """Return the wait after the n-th failure (from 1): full jitter below base × 2ⁿ⁻¹.

        Full jitter spreads callers that failed together better than any fraction of it (AWS
        Architecture Blog, "Exponential Backoff And Jitter", 2015).
        """
        ceiling = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return rng.uniform(0.0, ceiling)


# A caller waits for this one: stay responsive.
CALL_POLICY = RetryPolicy()
# Connections that many processes reopen at once after a restart: spread them wider.
RECONNECT_POLICY = RetryPolicy(cap_s=2.0)


class Attempts:
    """Follow one call: what is left of its time, and what to do after a failure.

    Not shared: one call, one thread or task.

    Attributes:
        is_ambiguous: True once a try may have been executed without an answer.
    """

    __slots__ = (
        "_clock",
        "_deadline",
        "_failures",
        "_met",
        "_policy",
        "_redirects",
        "_rng",
        "_where",
        "is_ambiguous",
    )

    def __init__(
        self,
        where: str,
        deadline_s: float | None,
        *,
        policy: RetryPolicy = CALL_POLICY,
        clock: Clock = SYSTEM_CLOCK,
        rng: random.Random | None = None,
    ) -> None:
        self._where = where
        self._policy = policy
        self._clock = clock
        self._rng = rng or _RNG
        self._deadline = None if deadline_s is None else clock.monotonic() + deadline_s
        self._failures = 0
        self._met: BaseException | None = None
        self._redirects = 0
        self.is_ambiguous = False

    def left_s(self) -> float | None:
        """Return the seconds left, never below 0, or None for no deadline."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - self._clock.monotonic())

    def allowed_s(self, usual_s: float) -> float:
        """Return how long one try may take: its usual timeout, or less if less is left."""
        left = self.left_s()
        return usual_s if left is None else min(usual_s, left)

    def wait_after(self, error: BaseException, *, was_sent: bool) -> float:
        """Return the seconds to wait before the next try.

        Args:
            error: What ended the try.
            was_sent: True if any of the call may have reached a server.

        Raises:
            RediqError: Trying again is of no use, or the deadline would pass; with `error` as
                its cause.
        """
        fate = fate_of(error)
        if fate is Fate.LOST and was_sent:
            self.is_ambiguous = True
        if fate is Fate.FINAL:
            raise self.final(error) from _cause(error)
        if fate in (Fate.MOVED, Fate.ASKING):
            self._redirects += 1
            if self._redirects <= FREE_REDIRECTS:
                return 0.0
        self._failures += 1
        wait = self._policy.wait_s(self._failures, self._rng)
        left = self.left_s()
        # A last try that the deadline cut short says less than the one before it.
        if self._met is None or was_sent or not isinstance(error, TimeoutError | NoReply):
            self._met = error
        if left is not None and wait >= left:
            raise self.final(self._met) from _cause(self._met)
        return wait

    def final(self, error: BaseException) -> RediqError:
        """Return the error to give up with."""
        return translated(error, self._where, is_ambiguous=self.is_ambiguous)


class TryFailed(Exception):  # noqa: N818 - a signal between a try and its driver, never raised out
    """End one try.

    Attributes:
        error: What happened.
        was_sent: True if any of the call may have reached a server.
    """

    def __init__(self, error: BaseException, *, was_sent: bool) -> None:
        super().__init__()
        self.error = error
        self.was_sent = was_sent


async def persist(
    attempts: Attempts,
    attempt: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Repeat `attempt` while it raises `TryFailed` and there is reason and time to go on.

    Raises:
        RediqError: The last failure was final, or the deadline has passed.
    """
    while True:
        try:
            return await attempt()
        except TryFailed as failed:
            wait = attempts.wait_after(failed.error, was_sent=failed.was_sent)
        await sleep(wait)


def persist_blocking(
    attempts: Attempts,
    attempt: Callable[[], T],
    *,
    sleep: Callable[[float], None] = time.sleep,  # noqa: TID251 - a blocking caller's own thread
) -> T:
    """Repeat `attempt` as `persist` does, in the caller's thread.

    Raises:
        RediqError: The last failure was final, or the deadline has passed.
    """
    while True:
        try:
            return attempt()
        except TryFailed as failed:
            wait = attempts.wait_after(failed.error, was_sent=failed.was_sent)
        sleep(wait)


def _cause(error: BaseException) -> BaseException | None:
    """Return what to chain: an error of ours is raised itself and has its own cause."""
    return error.__cause__ if isinstance(error, RediqError) else error


_RNG = random.Random()
