"""What exceptions mean for their task, and the bounded record that is kept of them."""

from __future__ import annotations

import asyncio
import time

import pytest

from rediq_core.errors import InvalidPayload, PayloadTooLarge, TaskTimeout
from rediq_core.handlers.outcomes import Verdict, describe, judge
from rediq_core.handlers.payloads import encode_result, load_any, load_object
from rediq_core.handlers.signals import Permanent, Retry, Signal, Snooze
from rediq_core.handlers.tracebacks import cut_text, message_of, traceback_of


def raised(error: BaseException) -> BaseException:
    """Return the exception with the traceback of being raised here."""
    try:
        raise error
    except BaseException as caught:
        return caught


def from_call(function: object, *arguments: object) -> Exception:
    """Return what a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # any, by the helper's nature
        function(*arguments)  # type: ignore[operator]  # a helper for any callable
    return caught.value


@pytest.mark.parametrize(
    ("error", "verdict", "delay_ms"),
    [
        (ValueError("no"), Verdict.RETRY, None),
        (TaskTimeout("too long"), Verdict.RETRY, None),
        (InvalidPayload("of another task"), Verdict.RETRY, None),
        (asyncio.CancelledError(), Verdict.RETRY, None),
        (Retry("bank is away"), Verdict.RETRY, None),
        (Retry("bank is away", delay="2m"), Verdict.RETRY, 120_000),
        (Snooze("not yet", delay=0.5), Verdict.SNOOZE, 500),
        (Permanent("card declined"), Verdict.DEAD, None),
        (from_call(load_any, b"{"), Verdict.DEAD, None),
        (from_call(encode_result, object()), Verdict.DEAD, None),
        (from_call(encode_result, "x" * 70_000), Verdict.DEAD, None),
    ],
)
def test_an_exception_says_what_happens_to_its_task(
    error: BaseException, verdict: Verdict, delay_ms: int | None
) -> None:
    outcome = judge(error, "order:payment")

    assert (outcome.verdict, outcome.delay_ms) == (verdict, delay_ms)


def test_signals_are_not_errors_of_rediq() -> None:
    assert Signal.__mro__[1] is Exception
    assert {Permanent.__base__, Retry.__base__, Snooze.__base__} == {Signal}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (KeyError("id"), "KeyError"),
        (Permanent("no"), "Permanent"),
        (from_call(load_any, b"{"), "InvalidPayload"),
        (from_call(encode_result, "x" * 70_000), PayloadTooLarge.__name__),
    ],
)
def test_an_error_is_known_by_its_public_name(error: BaseException, name: str) -> None:
    assert describe(error, "a").error_type == name


def test_the_record_starts_at_the_users_code() -> None:
    failure = describe(raised(ValueError("no money")), "a")

    lines = failure.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith("in raised")
    assert lines[2:] == ["    raise error", "ValueError: no money"]


def test_frames_of_rediq_are_left_out() -> None:
    error = from_call(encode_result, object())

    assert "in from_call" in traceback_of(error)
    assert "in encode_result" not in traceback_of(error)


def test_a_failure_of_rediq_itself_keeps_its_frames() -> None:
    error = from_call(load_object, b"[1]")
    while error.__traceback__ and error.__traceback__.tb_next:
        error.__traceback__ = error.__traceback__.tb_next

    assert "in load_object" in traceback_of(error)


def test_a_bad_payload_needs_no_traceback() -> None:
    failure = describe(from_call(load_any, b"{"), "a")

    assert failure.traceback == ""
    assert failure.message.startswith("E002 The payload is not valid JSON.")


def test_causes_and_notes_are_told_oldest_first() -> None:
    try:
        try:
            raise KeyError("order")
        except KeyError as error:
            raise ValueError("no such order") from error
    except ValueError as error:
        error.add_note("while charging")
        text = traceback_of(error)

    positions = [
        text.index(part)
        for part in (
            "KeyError: 'order'",
            "That was the cause of:",
            "ValueError: no such order",
            "while charging",
        )
    ]
    assert positions == sorted(positions)


def test_what_happened_while_another_was_handled_is_told() -> None:
    try:
        try:
            raise KeyError("order")
        except KeyError:
            raise ValueError("no such order")  # noqa: B904  # the context is the test
    except ValueError as error:
        text = traceback_of(error)

    assert text.index("KeyError") < text.index("While that was handled") < text.index("ValueError")


def test_a_suppressed_context_is_left_out() -> None:
    try:
        try:
            raise KeyError("order")
        except KeyError:
            raise ValueError("no such order") from None
    except ValueError as error:
        text = traceback_of(error)

    assert "KeyError" not in text


def test_the_members_of_a_group_are_told() -> None:
    group = BaseExceptionGroup("two", [raised(KeyError("a")), ValueError("b")])

    text = traceback_of(group)

    assert "Member 1 of 2:" in text
    assert "KeyError: 'a'" in text
    assert "ValueError: b" in text


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert traceback_of(first).count("ValueError") == 2


def test_a_long_chain_of_causes_is_cut() -> None:
    error: BaseException = ValueError("0")
    for number in range(1, 500):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following

    assert traceback_of(error).count("ValueError") == 8


def descend(depth: int) -> None:
    if depth == 0:
        raise RecursionError("too deep")
    descend(depth - 1)


def test_a_deep_stack_keeps_its_head_and_tail() -> None:
    text = traceback_of(from_call(descend, 500))

    assert "frames left out" in text
    assert text.count("in descend") < 40
    assert text.endswith("RecursionError: too deep")


def test_a_long_traceback_is_cut_in_the_middle() -> None:
    error = ValueError("head")
    for _ in range(8):
        following = ValueError("é" * 3_000)
        following.__cause__ = error
        error = following
    text = traceback_of(error)

    assert len(text.encode()) <= 16 * 1024
    assert "bytes and more left out" in text
    assert text.endswith("é…")


class HugeError(Exception):
    def __str__(self) -> str:
        return HUGE_TEXT


HUGE_TEXT = "é" * 25_000_000


def test_a_message_of_50_megabytes_is_kept_small_in_no_time() -> None:
    error = raised(HugeError())
    started = time.perf_counter()

    failure = describe(error, "a")

    assert time.perf_counter() - started < 0.5
    assert len(failure.message.encode()) <= 2 * 1024
    assert failure.message.endswith("…")
    assert len(failure.traceback.encode()) <= 16 * 1024


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class WordlessError(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]  # the mistake is the test


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SilentError(), "<the text of this SilentError raised RuntimeError>"),
        (WordlessError(), "<the text of this WordlessError raised TypeError>"),
        (ValueError("lone \ud800"), "lone \\ud800"),
        (ValueError(), ""),
    ],
)
def test_an_exception_with_a_hostile_text_is_recorded(error: Exception, message: str) -> None:
    failure = describe(raised(error), "a")

    assert failure.message == message
    assert failure.traceback.encode()


def test_hostile_notes_are_recorded() -> None:
    error = ValueError("no")
    error.__notes__ = [b"bytes", "x" * 10_000]  # type: ignore[list-item]  # the mistake is the test

    assert len(traceback_of(error)) < 600


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [("short", 5, "short"), ("longer", 5, "lo…"), ("éé", 4, "éé"), ("ééé", 5, "é…")],
)
def test_text_is_cut_by_bytes_at_a_character(text: str, limit: int, cut: str) -> None:
    assert cut_text(text, limit) == cut


def test_a_message_says_what_the_exception_says() -> None:
    assert message_of(KeyError("id")) == "'id'"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 17 is gone", "order 18,250.5 is gone"),
        ("no user 'ann'", "no user 'bob'"),
        ('no user "ann"', 'no user ""'),
        (
            "order 6f2a9a4e-0b3f-4d44-9d2e-4a3f6a0c1b2d",
            "order 00000000-0000-4000-8000-000000000000",
        ),
        ("at 0x7f3a", "at 0x10"),
        ("digest 9f86d081884c7d65", "digest 60303ae22b998861"),
        ("task 01KB5N3P2Q4R6S8T0V2W4X6Y8Z", "task 01KB5N3P2QZZZZ8T0V2W4X6Y80"),
    ],
)
def test_failures_that_differ_in_values_have_one_fingerprint(one: str, other: str) -> None:
    def print_of(message: str) -> str:
        return describe(raised(ValueError(message)), "a").fingerprint

    assert print_of(one) == print_of(other)
    assert len(print_of(one)) == 8


def elsewhere(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_type_class_words_and_place_tell_failures_apart() -> None:
    prints = {
        describe(raised(ValueError("no money")), "a").fingerprint,
        describe(raised(ValueError("no money")), "b").fingerprint,
        describe(raised(KeyError("no money")), "a").fingerprint,
        describe(raised(ValueError("no bank")), "a").fingerprint,
        describe(elsewhere(ValueError("no money")), "a").fingerprint,
    }

    assert len(prints) == 5


def test_the_place_is_the_users_function_not_a_library_below_it() -> None:
    import json

    def parse(text: str) -> object:
        return json.loads(text)

    def parse_otherwise(text: str) -> object:
        return json.loads(text)

    prints = {
        describe(from_call(function, "{"), "a").fingerprint for function in (parse, parse_otherwise)
    }

    assert len(prints) == 2
