"""WHERE picks exactly what its words say, and refuses what it does not understand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidOption
from rediq_core.model.ids import ALPHABET, new_id
from rediq_core.model.names import TERM_KEYS
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView, TimelineEntry
from rediq_core.model.where import Where, is_id_like, parse_where

NOW_MS = 1_770_000_000_000
HOUR_MS = 3_600_000
FAILURE = TimelineEntry(
    kind="retry",
    at_ms=NOW_MS,
    attempt=3,
    error_type="TimeoutError",
    error="bank did not answer in 30 s",
    fingerprint="4f2a91c0",
)
TASK = TaskView(
    id="01KGEXAMP1EPAYM3NT00000ABC",
    type="order:payment",
    queue="payment",
    state=TaskState.DEAD,
    priority=0,
    payload_json=json.dumps(
        {
            "order_id": 7,
            "user": {"name": "Ada"},
            "items": [{"sku": "a-1"}, {"sku": "b-2"}],
            "a.b": 1,
        }
    ).encode(),
    attempts=3,
    since_ms=NOW_MS - HOUR_MS,
    extra={"tenant": "acme"},
    worker="host-1-abc#2",
    group="daily",
    timeline=(FAILURE,),
)


def matches(*words: str, task: TaskView = TASK) -> bool:
    return parse_where(words).matches(task, NOW_MS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Where()),
        (["all"], Where()),
        (["all:*"], Where()),
        (["payment"], Where(queue="payment", is_bare_queue=True)),
        (["eu:payment"], Where(queue="eu:payment", is_bare_queue=True)),
        (["all:payment"], Where(queue="payment")),
        (["dead"], Where(state=TaskState.DEAD)),
        (["dead:*"], Where(state=TaskState.DEAD)),
        (["dead:payment"], Where(queue="payment", state=TaskState.DEAD)),
        (["dead:eu:payment"], Where(queue="eu:payment", state=TaskState.DEAD)),
        (["trash:payment"], Where(queue="payment", state=TaskState.TRASH)),
        (["cron:nightly:1770000000"], Where(ids=("cron:nightly:1770000000",))),
        (["01kgexamp1epaym3nt00000abc"], Where(ids=("01KGEXAMP1EPAYM3NT00000ABC",))),
        (["0000ABC", "QR5T6V"], Where(ids=("0000ABC", "QR5T6V"))),
        (["0000ABC", "0000ABC"], Where(ids=("0000ABC",))),
    ],
)
def test_a_selector_reads_as_documented(words: list[str], expected: Where) -> None:
    assert parse_where(words) == expected


def test_terms_follow_a_selector_and_split_at_the_first_colon() -> None:
    where = parse_where(
        ["dead:payment", "type:order:*", "error:a:b", "slow", "payload.user.id:7:8"]
    )

    assert [(term.key, term.value) for term in where.terms] == [
        ("type", "order:*"),
        ("error", "a:b"),
        ("text", "slow"),
        ("payload.user.id", "7:8"),
    ]


def test_a_first_word_that_is_a_term_needs_no_selector() -> None:
    where = parse_where(["type:order:payment", "dead"])

    assert (where.queue, where.state) == (None, None)
    assert where.words() == ["all:*", "type:order:payment", "text:dead"]


def test_terms_may_follow_ids() -> None:
    assert parse_where(["0000ABC", "attempts:3+"]).words() == ["0000ABC", "attempts:3+"]


@pytest.mark.parametrize(
    "words",
    [
        ["payment", "tpye:order"],
        ["payment", "http://example.com"],
        ["payment", "dead:payment"],
        ["dead:"],
        ["all:"],
        ["dead:pay*"],
        ["type:"],
        ["payment", "type:"],
        ["payment", "text:  "],
        ["payment", ""],
        [""],
        ["pay ment"],
        ["payment", "attempts:many"],
        ["payment", "attempts:3-"],
        ["payment", "older:soon"],
        ["payment", "payload:7"],
        ["payment", "payload.:7"],
        ["payment", "payload.a..b:7"],
        ["payment", "payload.a:"],
        ["payment", "extra:7"],
    ],
)
def test_what_cannot_be_understood_is_refused(words: list[str]) -> None:
    with pytest.raises(InvalidOption):
        parse_where(words)


def test_a_mistyped_key_is_told_what_it_may_have_meant() -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_where(["payment", "tpye:order:sms"])

    assert caught.value.next_step == "Did you mean type:order:sms"


def test_an_unknown_key_is_told_how_to_search_for_text() -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_where(["payment", "http://example.com"])

    assert caught.value.next_step == "To find the text itself: text:http://example.com"


@pytest.mark.parametrize(
    "word",
    [
        "all",
        "dead",
        "payment",
        "dead:payment",
        "all:payment",
        "01KGEXAMP1EPAYM3NT00000ABC",
        "00000ABC",
        "type:order:payment",
        "type:order:*",
        "type:*pay*",
        "error:TimeoutError",
        "error:BANK",
        "error:did*answer",
        "cause:4f2a",
        "cause:4f2a91c0",
        "payload.order_id:7",
        "payload.user.name:Ada",
        "payload.user.name:A*",
        "payload.items.sku:b-2",
        "payload.items.1.sku:b-2",
        "payload.a.b:1",
        "extra.tenant:acme",
        "worker:host-1-*",
        "group:daily",
        "older:1h",
        "older:59m",
        "newer:61m",
        "attempts:3",
        "attempts:3+",
        "attempts:2-3",
        "text:ada",
        "text:ORDER:PAY",
        "text:00000ABC",
    ],
)
def test_a_matching_word_matches(word: str) -> None:
    assert matches(word)


@pytest.mark.parametrize(
    "word",
    [
        "pending",
        "dead:default",
        "default",
        "QQQQQQ",
        "type:order",
        "type:ORDER:PAYMENT",
        "error:refused",
        "cause:91c0",
        "payload.order_id:70",
        "payload.order_id:?7",
        "payload.order_id.x:7",
        "payload.user:Ada",
        "payload.items.2.sku:b-2",
        "payload.missing:*",
        "extra.tenant:acm",
        "extra.other:acme",
        "worker:host-2-*",
        "group:dail",
        "older:61m",
        "newer:1h",
        "attempts:2",
        "attempts:4+",
        "attempts:4-9",
        "text:grace",
    ],
)
def test_another_word_does_not_match(word: str) -> None:
    assert not matches(word)


def test_every_term_has_to_hold() -> None:
    assert matches("dead", "type:order:*", "attempts:3+")
    assert not matches("dead", "type:order:*", "attempts:4+")


def test_an_unknown_age_is_neither_older_nor_newer() -> None:
    ageless = replace(TASK, since_ms=0, enqueued_ms=0, timeline=())

    assert not matches("older:0s", task=ageless)
    assert not matches("newer:52w", task=ageless)


@pytest.mark.parametrize(
    "changes",
    [
        {"finished_ms": NOW_MS - 2 * HOUR_MS},
        {"state": TaskState.ACTIVE, "since_ms": NOW_MS - 2 * HOUR_MS},
        {"state": TaskState.PENDING, "since_ms": 0, "place_ms": NOW_MS - 2 * HOUR_MS},
        {"state": TaskState.PENDING, "since_ms": 0, "enqueued_ms": NOW_MS - 2 * HOUR_MS},
        {
            "state": TaskState.RETRY,
            "since_ms": 0,
            "timeline": (replace(FAILURE, at_ms=NOW_MS - 2 * HOUR_MS),),
        },
        {
            "state": TaskState.DELAYED,
            "since_ms": 0,
            "timeline": (),
            "enqueued_ms": NOW_MS - 2 * HOUR_MS,
        },
    ],
)
def test_age_counts_from_when_a_task_entered_its_state(changes: dict[str, Any]) -> None:
    task = replace(TASK, **changes)

    assert matches("older:2h", task=task)
    assert not matches("older:121m", task=task)
    assert matches("newer:121m", task=task)


def test_a_payload_that_is_no_json_is_searched_as_text_only() -> None:
    broken = replace(TASK, payload_json=b"\xffAda")

    assert matches("text:ada", task=broken)
    assert not matches("payload.user.name:Ada", task=broken)


def test_values_of_other_kinds_compare_as_they_are_written_in_json() -> None:
    task = replace(TASK, payload_json=b'{"a": true, "b": null, "c": 1.5}')

    assert matches("payload.a:true", "payload.b:null", "payload.c:1.5", task=task)


def test_regular_expression_characters_are_plain_text() -> None:
    task = replace(TASK, payload_json=b'{"a": "x.y[0]+"}')

    assert matches("payload.a:x.y[0]+", task=task)
    assert not matches("payload.a:x?y[1]+", task=task)


def test_a_glob_of_many_stars_ends_at_once() -> None:
    task = replace(TASK, payload_json=json.dumps({"a": "x" * 2000}).encode())

    assert not matches("payload.a:" + "*" * 200 + "y", task=task)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["payment"], Where(queue="payment", state=TaskState.PENDING)),
        (["dead:payment"], Where(queue="payment", state=TaskState.DEAD)),
        (["all:payment"], Where(queue="payment")),
    ],
)
def test_a_flush_of_a_bare_queue_takes_its_pending_tasks(words: list[str], expected: Where) -> None:
    assert parse_where(words).for_flush() == expected


def test_every_id_made_here_is_recognised() -> None:
    assert is_id_like(new_id("payment"))


queue_names = st.from_regex(r"[a-z][a-z0-9_-]{0,15}", fullmatch=True).filter(
    lambda name: name not in {*TaskState, "all"}
)
selectors: st.SearchStrategy[list[str]] = st.one_of(
    queue_names.map(lambda name: [name]),
    st.builds("{}:{}".format, st.sampled_from([*TaskState, "all"]), queue_names).map(lambda w: [w]),
    st.sampled_from([*TaskState, "all"]).map(lambda word: [str(word)]),
    st.lists(st.text(ALPHABET, min_size=6, max_size=25), min_size=1, max_size=3),
    st.just([]),
)
values = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda value: value.strip())
terms = st.one_of(
    st.builds(
        "{}:{}".format,
        st.sampled_from(
            ["type", "error", "cause", "worker", "group", "text", "payload.a", "extra.b"]
        ),
        values,
    ),
    st.integers(0, 99).map(lambda n: f"attempts:{n}+"),
    st.integers(1, 99).map(lambda n: f"older:{n}m"),
)


@given(selectors, st.lists(terms, max_size=4))
def test_the_words_of_a_where_parse_to_the_same_where(selector: list[str], more: list[str]) -> None:
    where = parse_where([*selector, *more])

    assert parse_where(where.words()) == where


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_words_are_either_read_or_refused(words: list[str]) -> None:
    try:
        where = parse_where(words)
    except InvalidOption:
        return
    assert where.matches(TASK, NOW_MS) in (True, False)


@given(st.text(max_size=12), values)
def test_a_later_word_with_an_unknown_key_is_never_ignored(key: str, value: str) -> None:
    key = key.replace(":", "")
    if key in TERM_KEYS or key.partition(".")[0] in ("payload", "extra"):
        return
    with pytest.raises(InvalidOption):
        parse_where(["payment", f"{key}:{value}"])


@given(values)
def test_a_payload_value_finds_itself(value: str) -> None:
    # A star or question mark in the value is a wildcard, which still matches itself.
    task = replace(TASK, payload_json=json.dumps({"v": value}).encode())

    assert matches(f"payload.v:{value}", task=task)
