"""Names are refused when a key, a selector or a terminal would read them otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.errors import InvalidOption
from rediq_core.model.names import MAX_NAME_LENGTH, TERM_KEYS, check_name
from rediq_core.model.state import STATE_WORDS

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"


@pytest.mark.parametrize("kind", ["queue", "type", "group", "schedule"])
@pytest.mark.parametrize(
    "name", ["a", "order:payment", "A-Z_0.9", "x" * MAX_NAME_LENGTH, "::", "-"]
)
def test_a_good_name_comes_back_unchanged(kind: str, name: str) -> None:
    assert check_name(kind, name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "x" * (MAX_NAME_LENGTH + 1),
        "a{b}",
        "a*",
        "a/b",
        "a\n",
        "é",
        "~",
        "a~",
        "\x1b[2J",
    ],
)
def test_a_name_outside_the_alphabet_is_refused(name: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        check_name("type", name)
    assert caught.value.code == "E005"


@pytest.mark.parametrize("value", [None, 3, b"queue", ["a"], True])
def test_what_is_no_text_is_refused_without_being_shown(value: object) -> None:
    with pytest.raises(InvalidOption, match=type(value).__name__):
        check_name("queue", value)


@pytest.mark.parametrize("word", [*STATE_WORDS, "all"])
def test_a_queue_may_not_be_called_like_a_selector(word: str) -> None:
    with pytest.raises(InvalidOption, match="selector"):
        check_name("queue", word)
    assert check_name("type", word) == word


@pytest.mark.parametrize("word", [*STATE_WORDS, "all", *TERM_KEYS])
def test_a_queue_may_not_start_like_a_selector_or_a_term(word: str) -> None:
    with pytest.raises(InvalidOption, match="selector"):
        check_name("queue", f"{word}:x")
    assert check_name("queue", f"{word}-x") == f"{word}-x"
    assert check_name("group", f"{word}:x") == f"{word}:x"


@pytest.mark.parametrize("word", TERM_KEYS)
def test_a_term_key_alone_is_a_queue_name(word: str) -> None:
    assert check_name("queue", word) == word


def test_the_refusal_proposes_a_name_that_is_accepted() -> None:
    with pytest.raises(InvalidOption) as caught:
        check_name("queue", "dead:letters")
    proposed = caught.value.next_step.split('"')[1]
    assert check_name("queue", proposed) == "dead-letters"


def test_a_refused_name_cannot_act_on_a_terminal() -> None:
    with pytest.raises(InvalidOption) as caught:
        check_name("queue", "\x1b]0;x\x07‮")
    assert str(caught.value).replace("\n", "").isprintable()
    assert str(caught.value).isascii()


@given(st.text(max_size=140))
def test_exactly_the_alphabet_and_length_are_accepted(name: str) -> None:
    is_good = 1 <= len(name) <= MAX_NAME_LENGTH and all(sign in ALPHABET for sign in name)
    try:
        accepted = check_name("type", name) == name
    except InvalidOption:
        accepted = False
    assert accepted == is_good
