"""No password leaves a URL, a text or a JSON value, however it is malformed."""

from __future__ import annotations

import string
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rediq_core.config.redact import (
    MASK,
    MAX_DEPTH,
    is_secret_field,
    redact_fields,
    redact_text,
    redact_url,
    secrets_of,
)

CANARY = "kAnArY"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:secret@localhost:6379/0", "redis://:***@localhost:6379/0"),
        ("rediss://ana:secret@h:1/2", "rediss://ana:***@h:1/2"),
        ("redis://:pa/ss@host", "redis://:***@host"),
        ("redis://:pa#ss@host/0", "redis://:***@host/0"),
        ("redis://:pa?ss@host/0", "redis://:***@host/0"),
        ("redis://:pa%ss@host", "redis://:***@host"),
        ("redis://:p@ss@host", "redis://:***@host"),
        ("redis://:p@ss/wo@rd@host:1/0", "redis://:***@host:1/0"),
        ("redis://secret@host", "redis://***@host"),
        ("redis://a/b:secret@host", "redis://***@host"),
        ("redis://:secret", "redis://***"),
        ("redis://host:secret/0", "redis://***"),
        ("redis://host:6379/0#secret", "redis://host:6379/0#***"),
        ("redis://h/0?password=secret&db=1", "redis://h/0?password=***&db=1"),
        ("redis://h/0?db=1&sentinel_password=a&b", "redis://h/0?db=1&sentinel_password=***"),
        ("redis://h/0?pass%77ord=secret", "redis://h/0?pass%77ord=***"),
        ("redis://h/0?password=a@b", "redis://***"),
        ("redis://@host/0", "redis://@host/0"),
        ("unix:///run/r.sock?db=0&password=secret", "unix:///run/r.sock?db=0&password=***"),
        ("unix:///run/a@b:c.sock", "unix:///run/a@b:c.sock"),
        ("unix://:secret@/run/r.sock", "unix://:***@/run/r.sock"),
        ("redis+sentinel://:s@a:1,b:2/mymaster/0", "redis+sentinel://:***@a:1,b:2/mymaster/0"),
        ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis://:s@[::1]:6379/0", "redis://:***@[::1]:6379/0"),
        ("ana:secret@host:6379", "ana:***@host:6379"),
        (":secret@host", ":***@host"),
        ("localhost:6379", "localhost:6379"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url: str, shown: str) -> None:
    assert redact_url(url) == shown


NOISE = st.text(string.ascii_letters + string.digits + "/:?#@%&=;[]+.,-_ ~", max_size=8)


@given(NOISE, NOISE, st.sampled_from(["redis", "rediss", "unix", "redis+sentinel", "x"]), NOISE)
@example("@", "#", "redis", "")
@example("", "@", "unix", "/0?password=")
def test_no_password_before_an_at_sign_survives(
    before: str, after: str, scheme: str, user: str
) -> None:
    url = f"{scheme}://{user.replace('/', '')}:{before}{CANARY}{after}@host:6379/0"
    assert CANARY not in redact_url(url)
    assert CANARY not in redact_url(redact_url(url))


@given(NOISE, NOISE)
def test_no_password_in_a_parameter_survives(before: str, after: str) -> None:
    clean = (before + CANARY + after).replace("=", "")
    assert CANARY not in redact_url(f"redis://host:6379/0?db=1&password={clean}")


@given(st.text())
def test_redaction_takes_any_text(text: str) -> None:
    assert isinstance(redact_url(text), str)
    assert isinstance(redact_text(text, [text]), str)
    assert all(isinstance(secret, str) for secret in secrets_of(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no Redis at redis://:abc@h:1/0 (refused).", "no Redis at redis://:***@h:1/0 (refused)."),
        ("tried redis://localhost:6379.", "tried redis://localhost:6379."),
        ("'redis://a:b@h', \"redis://c:d@i\"", "'redis://a:***@h', \"redis://c:***@i\""),
        ("postgresql://me:pw@db/x and redis://h", "postgresql://me:***@db/x and redis://h"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_every_url_in_a_text_is_redacted(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    text = "AUTH failed: pa ss word, also pa%20ss%20word"
    assert redact_text(text, secrets_of("redis://:pa%20ss%20word@h")) == (
        f"AUTH failed: {MASK}, also {MASK}"
    )


def test_a_longer_secret_is_hidden_before_a_shorter_one_inside_it() -> None:
    assert redact_text("abcdefgh", ["abcd", "abcdefgh"]) == MASK


def test_a_secret_of_few_letters_is_not_given_away_by_its_gaps() -> None:
    assert redact_text("banana", ["a", ""]) == "banana"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("redis://:a%2Fb@h", ("a%2Fb", "a/b")),
        ("redis://token@h", ("token",)),
        ("redis://h/0?password=x%20y", ("x%20y", "x y")),
        ("redis://h/0", ()),
    ],
)
def test_the_secrets_of_a_url_are_found(url: str, secrets: tuple[str, ...]) -> None:
    assert secrets_of(url) == secrets


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "db_pwd", "PASSWD", "apiKey", "X-Api-Key", "api key", "cardNumber",
     "credit_card", "cvv2", "Authorization", "refreshToken", "client-secret"],
)  # fmt: skip
def test_the_name_of_a_secret_is_known_in_any_spelling(name: str) -> None:
    assert is_secret_field(name)


@pytest.mark.parametrize("name", ["order_id", "amount", "email", "", "---", "key"])
def test_other_names_are_not_secret(name: str) -> None:
    assert not is_secret_field(name)


def test_own_patterns_are_words_or_globs() -> None:
    assert is_secret_field("customerEmail", ["e-mail"])
    assert is_secret_field("x_internal", ["*_internal"])
    assert not is_secret_field("x_internal_y", ["*_internal"])
    assert not is_secret_field("anything", ["", "--"])


def test_secret_fields_are_hidden_at_any_depth_and_the_argument_stays() -> None:
    payload = {
        "order_id": 7,
        "card": {"number": "4111"},
        "items": [{"sku": "a", "token": None}, "redis://:x1@h"],
    }
    before = repr(payload)
    assert redact_fields(payload) == {
        "order_id": 7,
        "card": MASK,
        "items": [{"sku": "a", "token": MASK}, "redis://:***@h"],
    }
    assert repr(payload) == before


def test_a_value_too_deep_is_hidden_whole() -> None:
    value: object = {"password": CANARY, "note": CANARY}
    for _ in range(5 * MAX_DEPTH):
        value = [value]
    assert CANARY not in repr(redact_fields(value))


def test_a_value_that_holds_itself_ends() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert MASK in repr(redact_fields(loop))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_taken_and_keeps_its_shape(value: object) -> None:
    assert _shape(redact_fields(value, [])) == _shape(value)


@given(JSON, st.sampled_from(["password", "cvv", "apiKey"]))
def test_no_secret_field_survives(value: object, name: str) -> None:
    assert CANARY not in repr(redact_fields({"a": [value, {name: [CANARY, value]}]}))


def _shape(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_shape(entry) for entry in value]
    return type(value)
