"""Payload bytes into what a handler takes, and results back into bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from rediq_core.errors import ConfigError, InvalidPayload, PayloadTooLarge
from rediq_core.handlers.payloads import (
    PayloadMismatch,
    ResultNotJson,
    ResultTooLarge,
    encode_result,
    loader_for,
)
from rediq_core.model.task_type import UNTYPED


class Item(BaseModel):
    sku: str
    count: int


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: UUID
    items: list[Item] = []


class Card(BaseModel):
    number: str

    @field_validator("number")
    @classmethod
    def known(cls, value: str) -> str:
        raise ValueError(f"unknown card {value}")


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Owner(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


class Reading(BaseModel):
    value: float


@dataclass
class Point:
    x: int
    y: int


class Opaque:
    pass


def refusal(payload: object, raw: bytes) -> InvalidPayload:
    with pytest.raises(InvalidPayload) as caught:
        loader_for(payload, "shop.charge")(raw)
    return caught.value


@pytest.mark.parametrize("payload", [UNTYPED, object, Any])
def test_an_untyped_handler_takes_any_json(payload: object) -> None:
    assert loader_for(payload, "shop.charge")(b'[1,{"a":null}]') == [1, {"a": None}]


@pytest.mark.parametrize("payload", [dict, dict[str, object], dict[str, Any], Mapping[str, object]])
def test_a_handler_of_dicts_takes_objects_only(payload: object) -> None:
    load = loader_for(payload, "shop.charge")

    assert load(b'{"a":1}') == {"a": 1}
    with pytest.raises(PayloadMismatch, match="is not a JSON object"):
        load(b"[1]")


def test_payloads_become_the_type_the_handler_names() -> None:
    order_id = UUID("6f2a9a4e-0b3f-4d44-9d2e-4a3f6a0c1b2d")
    raw = b'{"id":"%s","items":[{"sku":"a","count":2}]}' % str(order_id).encode()

    assert loader_for(Order, "h")(raw) == Order(id=order_id, items=[Item(sku="a", count=2)])
    assert loader_for(Point, "h")(b'{"x":1,"y":2}') == Point(1, 2)
    assert loader_for(list[int], "h")(b"[1,2]") == [1, 2]
    assert loader_for(Order | None, "h")(b"null") is None


def test_a_refusal_says_which_type_did_not_fit() -> None:
    error = refusal(Item, b'{"sku":"a","count":1.5}')

    assert (error.code, error.message) == ("E002", "The payload does not fit Item.")
    assert "1.5" not in str(error)


def test_a_missing_field_is_named_by_its_path() -> None:
    error = refusal(Order, b'{"items":[{"sku":"a","count":"many"}]}')

    assert error.cause == (
        "id: Field required; items.0.count: Input should be a valid integer,"
        " unable to parse string as an integer"
    )
    assert error.__cause__ is None


@pytest.mark.parametrize(
    ("payload", "raw", "secret", "rule"),
    [
        (Card, b'{"number":"4111-secret"}', "4111", "number: refused by its validator"),
        (Owner, b'{"pet":{"kind":"secret"}}', "secret", "pet: its tag names no known variant"),
        (Order, b'{"id":"zz-secret"}', "z", "id: not a valid UUID"),
    ],
)
def test_rules_that_quote_the_value_are_said_without_it(
    payload: object, raw: bytes, secret: str, rule: str
) -> None:
    error = refusal(payload, raw)

    assert error.cause == rule
    assert secret not in str(error)


def test_a_long_refusal_names_ten_fields() -> None:
    error = refusal(list[int], b"[" + b",".join([b'"x"'] * 15) + b"]")

    assert error.cause.count("valid integer") == 10
    assert error.cause.endswith("; and 5 more")


def test_hostile_field_names_stay_on_one_short_line() -> None:
    raw = b'{"id":"6f2a9a4e-0b3f-4d44-9d2e-4a3f6a0c1b2d","\\u001b[2J' + b"x" * 5000 + b'":1}'

    error = refusal(Order, raw)

    assert error.cause.isprintable()
    assert len(error.cause) < 200


@pytest.mark.parametrize("payload", [UNTYPED, dict, Reading, list[float]])
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"value":NaN}', "The payload is not valid JSON."),
        (b'{"value":-Infinity}', "The payload is not valid JSON."),
        (b'{"value":', "The payload is not valid JSON."),
        (b"", "The payload is not valid JSON."),
        (b'{"value":"\xff"}', "The payload is not valid UTF-8."),
        (b"[" * 10_000 + b"]" * 10_000, "The payload is nested too deeply."),
    ],
)
def test_bytes_that_are_not_strict_json_are_refused(
    payload: object, raw: bytes, message: str
) -> None:
    assert refusal(payload, raw).message == message


def test_a_text_that_only_looks_like_a_constant_is_taken() -> None:
    assert loader_for(Item, "h")(b'{"sku":"NaN Infinity","count":1}') == Item(
        sku="NaN Infinity", count=1
    )


def test_a_type_that_json_cannot_become_is_refused_with_the_handler_named() -> None:
    with pytest.raises(ConfigError, match=r"payloads of shop\.charge cannot be checked") as caught:
        loader_for(Opaque, "shop.charge")

    assert "no Opaque from JSON" in caught.value.cause


def test_no_result_is_kept_for_none() -> None:
    assert encode_result(None) == b""


def test_a_result_is_written_as_compact_json() -> None:
    assert (
        encode_result({"item": Item(sku="ä", count=1)}) == '{"item":{"sku":"ä","count":1}}'.encode()
    )


def test_a_result_that_is_not_json_is_an_invalid_payload() -> None:
    with pytest.raises(ResultNotJson, match="The result cannot be written as JSON") as caught:
        encode_result({"fn": Opaque()})

    assert isinstance(caught.value, InvalidPayload)


def test_a_result_over_its_limit_says_its_size() -> None:
    with pytest.raises(ResultTooLarge, match="65,539 bytes") as caught:
        encode_result("x" * (64 * 1024 + 1))

    assert isinstance(caught.value, PayloadTooLarge)
    assert (caught.value.size_bytes, caught.value.limit_bytes) == (65_539, 65_536)
