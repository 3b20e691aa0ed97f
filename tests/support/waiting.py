"""Wait for a fact instead of sleeping: poll a predicate, fail with what was last seen.

The only place in the tests that sleeps. It is not a retry helper: an exception in the predicate
is a failure of the test and passes through.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.01


def wait_until(predicate: Callable[[], T], description: str, timeout_s: float = 10) -> T:
    """Poll `predicate` every 10 ms until it is true; return its value.

    Args:
        predicate: Called at least twice, at the start and at the deadline.
        description: What is awaited, for the failure's text.
        timeout_s: Seconds to wait before failing.

    Raises:
        AssertionError: With the description and the last value, at the deadline.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        is_last = time.monotonic() >= deadline
        last = predicate()
        if last:
            return last
        if is_last:
            raise AssertionError(_failure(description, timeout_s, last))
        time.sleep(POLL_S)


async def await_until(
    predicate: Callable[[], T | Awaitable[T]], description: str, timeout_s: float = 10
) -> T:
    """Do what `wait_until` does, without blocking the loop; the predicate may be async."""
    deadline = time.monotonic() + timeout_s
    while True:
        is_last = time.monotonic() >= deadline
        answer = predicate()
        last: T = await answer if inspect.isawaitable(answer) else answer
        if last:
            return last
        if is_last:
            raise AssertionError(_failure(description, timeout_s, last))
        await asyncio.sleep(POLL_S)


def _failure(description: str, timeout_s: float, last: object) -> str:
    return f"not within {timeout_s:g} s: {description}; last value: {last!r}"
