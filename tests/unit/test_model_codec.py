"""Payloads are strict JSON within bounds, both ways, and errors never quote them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from rediq_core.errors import InvalidPayload, PayloadTooLarge
from rediq_core.model.codec import (
    MAX_DEPTH,
    MAX_PAYLOAD_BYTES,
    MAX_RESULT_BYTES,
    decode,
    encode,
)

SECRET = "4111-1111"
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=30,
)


class Order(BaseModel):
    order_id: int
    at: datetime.datetime


@dataclasses.dataclass
class Line:
    sku: str
    count: int


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(JSON_VALUES)
def test_what_is_encoded_is_decoded_the_same(value: object) -> None:
    assert decode(encode(value)) == value


def test_none_is_a_payload() -> None:
    assert encode(None) == b"null"


def test_encoding_is_compact_and_readable() -> None:
    assert encode({"name": "Zoë", "n": [1, 2]}) == '{"name":"Zoë","n":[1,2]}'.encode()


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (
            Order(order_id=7, at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)),
            b'{"order_id":7,"at":"2026-01-02T00:00:00Z"}',
        ),
        (Line("a", 2), b'{"sku":"a","count":2}'),
        ({"lines": [Line("a", 2)]}, b'{"lines":[{"sku":"a","count":2}]}'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (Decimal("1.50"), b'"1.50"'),
        ((1, 2), b"[1,2]"),
        ({3}, b"[3]"),
    ],
)
def test_what_pydantic_knows_is_encoded(value: object, encoded: bytes) -> None:
    assert encode(value) == encoded


def test_the_largest_payload_is_taken_and_one_byte_more_is_not() -> None:
    largest = "x" * (MAX_PAYLOAD_BYTES - 2)
    assert MAX_PAYLOAD_BYTES == 524_288
    assert len(encode(largest)) == 524_288

    with pytest.raises(PayloadTooLarge, match="524,289 bytes; at most 524,288") as refused:
        encode(largest + "x")

    assert (refused.value.size_bytes, refused.value.limit_bytes) == (524_289, 524_288)


def test_size_counts_bytes_not_characters() -> None:
    with pytest.raises(PayloadTooLarge):
        encode("ë" * (MAX_PAYLOAD_BYTES // 2))


def test_a_result_has_its_own_limit() -> None:
    with pytest.raises(PayloadTooLarge, match="The result is"):
        encode("x" * MAX_RESULT_BYTES, what="result", limit_bytes=MAX_RESULT_BYTES)


def cycle() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "NaN"),
        ([float("inf")], "infinity"),
        ({"a": -float("inf")}, "infinity"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        (cycle(), "holds itself"),
        (nested(10_000), "too deep"),
        (object(), "cannot be written as JSON"),
        ({(1, 2): 3}, "cannot be written as JSON"),
        (lambda: 1, "cannot be written as JSON"),
        (b"\xff", "cannot be written as JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_its_reason(value: object, reason: str) -> None:
    with pytest.raises(InvalidPayload, match=reason):
        encode(value)


def test_what_is_too_deep_to_be_read_is_not_written() -> None:
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)

    with pytest.raises(InvalidPayload, match="too deep"):
        encode(nested(MAX_DEPTH + 1))


def test_breadth_is_not_depth() -> None:
    value = [{"n": [number]} for number in range(1_000)]

    assert decode(encode(value)) == value


def test_brackets_in_text_are_not_depth() -> None:
    value = "[{" * 1_000

    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"\xff\xfe", "not valid UTF-8"),
        (b'"\xed\xa0\x80"', "not valid UTF-8"),
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1,]", "not valid JSON"),
        (b"NaN", "NaN"),
        (b'{"a":Infinity}', "Infinity"),
        (b"[" * 10_000 + b"]" * 10_000, "too deep"),
        (b"[" * 100_000, "too deep"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too deep"),
        (b"{}{}", "not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(encoded: bytes, reason: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        decode(encoded)

    assert reason in str(refused.value)


@given(st.binary(max_size=200))
def test_bytes_from_anywhere_are_read_or_refused(encoded: bytes) -> None:
    with contextlib.suppress(InvalidPayload):
        encode(decode(encoded))


@pytest.mark.parametrize("value", [{SECRET: float("nan")}, {SECRET: object()}, [SECRET, "\ud800"]])
def test_errors_do_not_quote_the_payload(value: object) -> None:
    with pytest.raises(InvalidPayload) as refused:
        encode(value)

    assert SECRET not in str(refused.value)


def test_errors_do_not_quote_what_was_read() -> None:
    with pytest.raises(InvalidPayload) as refused:
        decode(f'{{"card":"{SECRET}"'.encode())

    assert SECRET not in str(refused.value)
