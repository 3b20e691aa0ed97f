"""Nothing in data can act on a terminal, and nothing visible is lost."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_cli.output.neutralise import safe, safe_lines
from rediq_cli.output.width import cells

# Format characters that are visible marks of a script, left alone on purpose.
VISIBLE_MARKS = {
    chr(code)
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) == "Cf"
    and (
        0x0600 <= code <= 0x0605
        or code in (0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2)
        or code > 0x10000
    )
    and not 0xE0000 <= code <= 0xE007F
}


def acts_on_a_terminal(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Zl", "Zp"):
        return True
    return category == "Cf" and character not in VISIBLE_MARKS


def test_no_single_character_survives_that_acts_on_a_terminal() -> None:
    survivors = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if acts_on_a_terminal(safe("x" + chr(code))[1:])
    ]

    assert survivors == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order:payment", "order:payment"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\r\nb\tc\x00", "a␍␊b␉c␀"),
        ("\x7f", "␡"),
        ("\x9b31m", "�31m"),
        ("\u202egnp.exe", "·gnp.exe"),
        ("zero\u200bwidth", "zero·width"),
        ("\ufeff", "·"),
        ("\ud83d", "�"),
        ("naïve 注文 ✓", "naïve 注文 ✓"),
        (b"\xff\x1b", "\\xff␛"),
        ("", ""),
    ],
)
def test_symbols_stand_for_what_must_not_be_written(text: str | bytes, expected: str) -> None:
    assert safe(text) == expected


def test_text_is_cut_at_its_limit_and_says_so() -> None:
    assert safe("x" * 513) == "x" * 511 + "…"
    assert safe("x" * 512) == "x" * 512
    assert safe("abcdef", limit=3) == "ab…"
    assert safe("x" * 600, limit=0) == "x" * 600
    assert safe(b"x" * 600, limit=10) == "x" * 9 + "…"


def test_lines_are_split_at_newlines_only() -> None:
    assert safe_lines("a\r\nb\x0bc\u2028d\n") == ["a", "b␋c·d", ""]


@given(st.text())
def test_each_character_becomes_one(text: str) -> None:
    assert len(safe(text, limit=0)) == len(text)


@given(st.binary())
def test_any_bytes_can_be_shown(data: bytes) -> None:
    assert not any(acts_on_a_terminal(character) for character in safe(data))


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_hidden_characters_take_room(text: str) -> None:
    shown = safe(text, limit=0)

    assert cells(shown) >= sum(character not in VISIBLE_MARKS for character in text)
