"""When a call is tried again, how long it waits, and what it gives up with."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rediq_core.connection.failures import (
    ConnectionClosed,
    NoReply,
    NotLoggedIn,
    Redirect,
    ReplyError,
)
from rediq_core.connection.retry import (
    FREE_REDIRECTS,
    RECONNECT_POLICY,
    Attempts,
    RetryPolicy,
    TryFailed,
    persist,
    persist_blocking,
)
from rediq_core.errors import RedisOutOfMemory, RedisUnavailable

WHERE = "redis://localhost:6379/0"


class ManualClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def now_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s


class LongestWait(random.Random):
    """Always the upper end of the range."""

    def uniform(self, a: float, b: float) -> float:
        return b


def attempts(clock: ManualClock, deadline_s: float | None) -> Attempts:
    return Attempts(WHERE, deadline_s, clock=clock, rng=LongestWait())


def test_the_wait_doubles_from_20_ms_up_to_the_cap() -> None:
    policy = RetryPolicy()

    waits = [policy.wait_s(failures, LongestWait()) for failures in range(1, 8)]

    assert waits == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5])


def test_reconnects_of_many_processes_spread_over_two_seconds() -> None:
    assert RECONNECT_POLICY.wait_s(50, LongestWait()) == 2.0


def test_the_wait_is_anywhere_below_its_ceiling() -> None:
    rng = random.Random(7)

    waits = [RetryPolicy().wait_s(10, rng) for _ in range(400)]

    assert min(waits) < 0.02
    assert max(waits) > 0.48


def test_a_refused_connection_is_tried_until_the_deadline_would_pass() -> None:
    clock = ManualClock()
    calls = attempts(clock, 1.0)
    waited: list[float] = []

    def refused() -> str:
        raise TryFailed(ConnectionRefusedError(), was_sent=False)

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.now_s += seconds

    with pytest.raises(RedisUnavailable) as caught:
        persist_blocking(calls, refused, sleep=sleep)

    assert sum(waited) == pytest.approx(0.62)  # the next wait, 0.5 s, would end past 1 s
    assert caught.value.ambiguous is False
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("cut_short", [TimeoutError(), NoReply("no reply")])
def test_a_last_try_cut_short_does_not_hide_why_the_others_failed(cut_short: Exception) -> None:
    clock = ManualClock()
    calls = attempts(clock, 0.05)
    calls.wait_after(ConnectionRefusedError(), was_sent=False)
    clock.now_s += 0.049

    with pytest.raises(RedisUnavailable, match="connection refused") as caught:
        calls.wait_after(cut_short, was_sent=False)

    assert caught.value.ambiguous is False


def test_a_last_try_that_was_sent_says_that_no_answer_came() -> None:
    clock = ManualClock()
    calls = attempts(clock, 0.05)
    calls.wait_after(ConnectionRefusedError(), was_sent=False)
    clock.now_s += 0.049

    with pytest.raises(RedisUnavailable, match="did not answer in time") as caught:
        calls.wait_after(TimeoutError(), was_sent=True)

    assert caught.value.ambiguous is True


def test_without_a_deadline_there_is_no_end() -> None:
    calls = attempts(ManualClock(), None)

    waits = [calls.wait_after(ConnectionRefusedError(), was_sent=False) for _ in range(1000)]

    assert waits[-1] == 0.5
    assert calls.left_s() is None


def test_one_lost_reply_makes_the_final_error_ambiguous() -> None:
    clock = ManualClock()
    calls = attempts(clock, 0.05)
    calls.wait_after(ConnectionClosed("Connection closed."), was_sent=True)
    clock.now_s += 0.02

    with pytest.raises(RedisUnavailable) as caught:
        calls.wait_after(ConnectionRefusedError(), was_sent=False)

    assert caught.value.ambiguous is True


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (NotLoggedIn("WRONGPASS", "no"), RedisUnavailable),
        (ReplyError("OOM", "command not allowed"), RedisOutOfMemory),
    ],
)
def test_what_would_fail_again_is_raised_at_once(
    error: Exception, becomes: type[Exception]
) -> None:
    with pytest.raises(becomes) as caught:
        attempts(ManualClock(), None).wait_after(error, was_sent=True)

    assert caught.value.__cause__ is error


def test_some_redirects_are_followed_at_once_and_then_each_waits() -> None:
    calls = attempts(ManualClock(), 10.0)
    redirect = Redirect("ASK", "1 127.0.0.1:7000")

    waits = [calls.wait_after(redirect, was_sent=True) for _ in range(FREE_REDIRECTS + 2)]

    assert waits == pytest.approx([0.0] * FREE_REDIRECTS + [0.02, 0.04])
    assert calls.is_ambiguous is False


def test_a_try_may_take_its_usual_time_or_what_is_left() -> None:
    clock = ManualClock()
    calls = attempts(clock, 3.0)

    assert calls.allowed_s(2.0) == 2.0
    clock.now_s += 2.5
    assert calls.allowed_s(2.0) == 0.5
    clock.now_s += 2.5
    assert calls.allowed_s(2.0) == 0.0


async def test_the_async_driver_sleeps_between_tries_and_returns_the_answer() -> None:
    slept: list[float] = []
    attempt = scripted([ConnectionRefusedError(), ConnectionRefusedError(), "answer"])

    async def once() -> str:
        return attempt()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    reply = await persist(attempts(ManualClock(), 5.0), once, sleep=sleep)

    assert (reply, slept) == ("answer", pytest.approx([0.02, 0.04]))


def test_the_blocking_driver_sleeps_between_tries_and_returns_the_answer() -> None:
    slept: list[float] = []
    attempt = scripted([ConnectionRefusedError(), ConnectionRefusedError(), "answer"])

    reply = persist_blocking(attempts(ManualClock(), 5.0), attempt, sleep=slept.append)

    assert (reply, slept) == ("answer", pytest.approx([0.02, 0.04]))


def scripted(outcomes: list[Exception | str]) -> Callable[[], str]:
    steps = iter(outcomes)

    def attempt() -> str:
        outcome = next(steps)
        if isinstance(outcome, Exception):
            raise TryFailed(outcome, was_sent=False)
        return outcome

    return attempt
