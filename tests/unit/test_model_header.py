"""The stored form of a task comes back as it went in, and damage is told, not guessed at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidPayload, SchemaMismatch
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.codec import encode
from rediq_core.model.durations import duration_ms
from rediq_core.model.header import (
    escape_key,
    header_tail,
    parse_options,
    parse_stored,
    unescape_key,
)
from rediq_core.model.retry import Backoff, BackoffKind
from rediq_core.model.task import MAX_KEY_LENGTH, Task

PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" |%")
NAMES = st.text("abcXYZ019._:-", min_size=1, max_size=20).filter(lambda name: not name.isalpha())
QUEUES = NAMES.map(lambda name: f"q-{name}")
KEYS = st.text(PRINTABLE, min_size=1, max_size=40).filter(str.isprintable)
IDS = st.text("abcXYZ019._:-", min_size=1, max_size=30)
BACKOFFS = st.builds(
    Backoff,
    st.sampled_from(BackoffKind),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.floats(0, 1),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=3).map(tuple),
)
DURATIONS = st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms))
SCALARS = st.none() | st.booleans() | st.integers() | st.text(PRINTABLE, max_size=20)
TASKS = st.builds(
    Task,
    NAMES,
    st.dictionaries(st.text(PRINTABLE), SCALARS),
    queue=QUEUES,
    priority=st.integers(0, 100),
    max_retry=st.none() | st.integers(0, 1_000),
    timeout=st.none() | DURATIONS,
    backoff=st.none() | BACKOFFS,
    keep=st.none() | DURATIONS,
    unique_key=st.none() | KEYS,
    group=st.none() | NAMES,
    depends_on=st.lists(IDS, max_size=3),
    on_dependency_failure=st.sampled_from(["fail", "run", "cancel"]),
    on_missing_dependency=st.sampled_from(["refuse", "run"]),
    extra=st.none() | st.dictionaries(st.text(PRINTABLE), SCALARS, max_size=3),
)


def stored(task: Task[object], place_ms: int = 5, expires_ms: int = 9) -> bytes:
    """Join the parts as enqueue.lua does."""
    head = f"1|{task.priority}|{place_ms}|{expires_ms}|".encode()
    return head + header_tail(task, encode(task.payload))


def flags_of(task: Task[object]) -> str:
    """The marks that Lua reads of a task that depends on others."""
    if not task.depends_on:
        return ""
    on_failure = {"fail": "", "run": "r", "cancel": "c"}[task.on_dependency_failure]
    return "D" + on_failure + ("m" if task.on_missing_dependency == "run" else "")


@given(TASKS)
def test_every_option_comes_back_as_it_went_in(task: Task[object]) -> None:
    header = parse_stored(stored(task))
    options = parse_options(header.options_json)

    assert header._asdict() == {
        "priority": task.priority,
        "place_ms": 5,
        "expires_ms": 9,
        "timeout_ms": 0 if task.timeout is None else duration_ms(task.timeout),
        "flags": flags_of(task),
        "type": task.type,
        "unique_key": task.unique_key or "",
        "group": task.group or "",
        "options_json": header.options_json,
        "payload_json": encode(task.payload),
    }
    assert (options.max_retry, options.backoff) == (task.max_retry, task.backoff)
    assert options.keep_ms == (0 if task.keep is None else duration_ms(task.keep))
    assert options.depends_on == task.parent_ids
    assert (options.extra or {}) == dict(task.extra or {})
    if task.depends_on:
        assert options.on_dependency_failure == task.on_dependency_failure


@given(TASKS)
def test_the_header_is_one_line(task: Task[object]) -> None:
    head, _, payload = stored(task).partition(b"\n")

    assert head.count(b"|") >= 9
    assert payload == encode(task.payload)


def test_a_plain_task_stores_nothing_it_does_not_need() -> None:
    assert stored(Task("mail", {"n": 1})) == b'1|50|5|9|0||mail|||\n{"n":1}'


@given(KEYS)
def test_unique_keys_survive_escaping(key: str) -> None:
    escaped = escape_key(key)

    assert unescape_key(escaped) == key
    assert "|" not in escaped
    assert "\n" not in escaped


def test_different_keys_stay_different() -> None:
    keys = ["a|b", "a%7Cb", "a%257Cb", "a%b", "a%25b"]

    assert len({escape_key(key) for key in keys}) == len(keys)


def test_the_longest_key_fits() -> None:
    task: Task[object] = Task("mail", unique_key="|" * MAX_KEY_LENGTH)

    assert parse_stored(stored(task)).unique_key == "|" * MAX_KEY_LENGTH


@pytest.mark.parametrize("extra", [{"a": float("nan")}, {"a": object()}])
def test_extra_that_is_not_json_is_refused(extra: dict[str, object]) -> None:
    with pytest.raises(InvalidPayload, match="extra"):
        header_tail(Task("mail", extra=extra), b"null")


def test_extra_takes_what_payloads_take() -> None:
    header = parse_stored(stored(Task("mail", extra={"after": timedelta(seconds=5)})))

    assert parse_options(header.options_json).extra == {"after": "PT5S"}


DAMAGED = [
    b"",
    b"\xff\xfe",
    b"{}",
    b"2|50|5|9|0||mail|||\n{}",
    b"1|50|5|9|0||mail||\n{}",
    b"1|fifty|5|9|0||mail|||\n{}",
    b"1|50|5|9|0||\xff|||\n{}",
    b"1|50||9|0||mail|||\n{}",
]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_header_is_told(damaged: bytes) -> None:
    with pytest.raises(SchemaMismatch, match="cannot be read"):
        parse_stored(damaged)


@given(st.binary(max_size=60))
def test_bytes_from_anywhere_are_read_or_refused(raw: bytes) -> None:
    for candidate in (raw, b"1|" + raw, b"1|50|5|9|0||mail|||" + raw):
        try:
            parse_options(parse_stored(candidate).options_json)
        except SchemaMismatch:
            continue


@pytest.mark.parametrize(
    "damaged",
    [b"{", b"[]", b"7", b'"x"', b"null", b'{"b":[1]}', b'{"b":["cubic",1,1,0,[]]}', b'{"d":1}'],
)
def test_damaged_options_are_told(damaged: bytes) -> None:
    with pytest.raises(SchemaMismatch, match="cannot be read"):
        parse_options(damaged)


def claimed(tries: bytes | None, task: Task[object] | None = None) -> ClaimedTask:
    return ClaimedTask("t1", "q", stored(task or Task("mail", {"n": 1})), tries, "w#1:3", 70)


def test_a_first_claim_is_attempt_one() -> None:
    task = claimed(None)

    assert (task.id, task.queue, task.type, task.token) == ("t1", "q", "mail", "w#1:3")
    assert (task.attempt, task.losses, task.ready_ms, task.claimed_ms) == (1, 0, 5, 70)
    assert task.payload_json == b'{"n":1}'
    assert task.extra == {}


def test_later_claims_count_attempts_and_losses_apart() -> None:
    task = claimed(b"2|1|60")

    assert (task.attempt, task.losses, task.ready_ms) == (3, 1, 60)


def test_a_claim_without_a_ready_time_was_ready_at_its_place() -> None:
    assert claimed(b"2|0|0").ready_ms == 5


def test_rare_options_are_read_when_asked_for() -> None:
    task = claimed(None, Task("mail", max_retry=7, extra={"traceparent": "00-1"}))

    assert task.options.max_retry == 7
    assert task.extra == {"traceparent": "00-1"}
    assert task.options is task.options


@pytest.mark.parametrize("tries", [b"x", b"1|2", b"1|x|3", b"1|2|3|4"])
def test_damaged_tries_are_told(tries: bytes) -> None:
    with pytest.raises(SchemaMismatch):
        claimed(tries)
